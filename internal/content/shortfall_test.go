package content

import (
	"errors"
	"testing"
	"time"

	"ccsfs/apiclient"
)

// Whatever could not be had is kept account of, by whatever call it was asked for,
// until somebody reads it to its end.
func TestFailuresAreKeptUntilRead(t *testing.T) {
	body := random(61, 3000)
	for name, ask := range map[string]func(t *testing.T, s *Store) error{
		"stat": func(t *testing.T, s *Store) error { _, err := s.Stat(t.Context(), ref("a")); return err },
		"keep": func(t *testing.T, s *Store) error { _, err := s.Fetch(t.Context(), ref("a")); return err },
		"read": func(t *testing.T, s *Store) error {
			f, err := s.Open(t.Context(), ref("a"))
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.ReadAt(t.Context(), make([]byte, 10), 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			api := newFake(map[string]*fakeDoc{"a": {err: apiclient.ErrNotFound}, "b": {body: body}})
			s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
			wantBytes(t, s, ref("b"), body)
			for range 2 {
				if err := ask(t, s); !errors.Is(err, apiclient.ErrNotFound) {
					t.Fatal(err)
				}
				got := s.Shortfalls()
				if len(got) != 1 || got[0].DocumentID != "a" || got[0].Stale || !errors.Is(got[0].Err, apiclient.ErrNotFound) {
					t.Fatalf("%+v", got)
				}
			}
			api.set("a", &fakeDoc{body: body})
			c.add(time.Hour)
			if err := ask(t, s); err != nil || len(s.Shortfalls()) != 1 {
				t.Errorf("%v, %+v", err, s.Shortfalls())
			}
			wantBytes(t, s, ref("a"), body)
			if got := s.Shortfalls(); len(got) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A copy that may be old counts, also after a newer one was read.
func TestOldCopiesAreKeptAccountOf(t *testing.T) {
	c := newClock()
	body := random(62, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
	wantBytes(t, s, volatileRef("a"), body)
	c.add(2 * time.Hour)
	api.set("a", &fakeDoc{err: apiclient.ErrUnreachable})
	wantBytes(t, s, volatileRef("a"), body)
	c.add(time.Hour)
	api.set("a", &fakeDoc{body: body})
	wantBytes(t, s, volatileRef("a"), body)
	if got := s.Shortfalls(); len(got) != 1 || !got[0].Stale || !errors.Is(got[0].Err, apiclient.ErrUnreachable) {
		t.Errorf("%+v", got)
	}
}
