package content

import (
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
)

func volatileRef(id string) Ref {
	r := ref(id)
	r.Volatile = true
	return r
}

func TestVolatileContent(t *testing.T) {
	before, after, shorter := random(30, 3000), random(31, 3000), random(32, 2000)
	for _, tt := range []struct {
		name       string
		next       fakeDoc
		limit      int64
		want       []byte
		generation uint64
		calls      int
	}{
		{"not modified", fakeDoc{body: before, etag: `"1"`}, 4096, before, 1, 2},
		{"no validators, the same", fakeDoc{body: before}, 4096, before, 1, 2},
		{"changed, the same size", fakeDoc{body: after, etag: `"2"`}, 4096, after, 2, 2},
		{"changed, another size", fakeDoc{body: shorter}, 4096, shorter, 2, 2},
		{"changed, without length", fakeDoc{body: after, noSize: true}, 4096, after, 2, 2},
		{"large and changed", fakeDoc{body: after}, 1000, after, 2, 2},
		{"away", fakeDoc{err: apiclient.ErrUnreachable}, 4096, before, 1, 2},
		{"an error page", fakeDoc{body: []byte("<html>sign in</html>")}, 4096, before, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			api := newFake(map[string]*fakeDoc{"a": {body: before, etag: `"1"`}})
			s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now; cfg.PrefetchLimit = tt.limit })
			wantBytes(t, s, volatileRef("a"), before)
			c.add(59 * time.Minute)
			if info, ok := s.Peek(volatileRef("a")); !ok || info.Valid != c.now().Add(time.Minute) {
				t.Fatalf("within the TTL: %+v, %v", info, ok)
			}
			wantBytes(t, s, volatileRef("a"), before)
			wantCalls(t, api, "a", 1)

			c.add(time.Minute)
			api.set("a", &tt.next)
			if _, ok := s.Peek(volatileRef("a")); ok {
				t.Fatal("known although due")
			}
			info, err := s.Stat(t.Context(), volatileRef("a"))
			if err != nil || info.Size != int64(len(tt.want)) {
				t.Fatalf("Stat: %+v, %v", info, err)
			}
			wantBytes(t, s, volatileRef("a"), tt.want)
			wantCalls(t, api, "a", tt.calls)
			info, ok := s.Peek(volatileRef("a"))
			if !ok || info.Generation != tt.generation {
				t.Fatalf("generation %d, want %d", info.Generation, tt.generation)
			}
			if changed := info.Changed.Equal(c.now()); changed != (tt.generation > 1) {
				t.Errorf("Changed is %v at %v", info.Changed, c.now())
			}
		})
	}
}

func TestStaleVolatileContentIsAskedForAgainSoon(t *testing.T) {
	before, after := random(32, 3000), random(33, 3000)
	c := newClock()
	api := newFake(map[string]*fakeDoc{"a": {body: before}})
	s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
	wantBytes(t, s, volatileRef("a"), before)
	c.add(2 * time.Hour)
	api.set("a", &fakeDoc{err: apiclient.ErrUnreachable})
	for range 5 {
		wantBytes(t, s, volatileRef("a"), before)
	}
	wantCalls(t, api, "a", 2)
	c.add(staleRetry)
	api.set("a", &fakeDoc{body: after})
	wantBytes(t, s, volatileRef("a"), after)
	wantCalls(t, api, "a", 3)
}

// Offline, with an API that swallows everything, readers of what is in the cache
// waited for the time-out of the client, each.
func TestSilentAPIIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := map[string]*fakeDoc{"a": {body: random(37, 3000)}, "b": {body: random(38, 3000)}}
		api := newFake(docs)
		s := openStore(t, t.TempDir(), api, nil)
		for id, d := range docs {
			wantBytes(t, s, volatileRef(id), d.body)
		}
		time.Sleep(2 * time.Hour)
		for id, d := range docs {
			api.set(id, &fakeDoc{body: d.body, headerAt: make(chan struct{})})
		}
		start := time.Now()
		for range 3 {
			for id, d := range docs {
				wantBytes(t, s, volatileRef(id), d.body)
			}
		}
		if waited := time.Since(start); waited != silentGrace+silentMoment {
			t.Errorf("waited %v", waited)
		}
		after := random(39, 3000)
		for id := range docs {
			api.set(id, &fakeDoc{body: after})
		}
		time.Sleep(staleRetry)
		for id := range docs {
			wantBytes(t, s, volatileRef(id), after)
		}
	})
}

// The kernel has pages of what was read of it; what comes a while later may be of
// another content, of the same size, also within the hour.
func TestHalfReadVolatileContentIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := random(42, 200_000), random(43, 200_000)
		api := newFake(map[string]*fakeDoc{"a": {body: before, stop: make(chan struct{}), stopAt: 50_000}})
		s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = 1000 })
		f, err := s.Open(t.Context(), volatileRef("a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(t.Context(), make([]byte, 1000), 0); err != nil {
			t.Fatal(err)
		}
		was := f.Info()
		f.Close()
		close(api.docs["a"].stop)
		time.Sleep(2 * idleKeep)
		api.set("a", &fakeDoc{body: after})
		wantBytes(t, s, volatileRef("a"), after)
		if info, ok := s.Peek(volatileRef("a")); !ok || info.Generation == was.Generation {
			t.Errorf("%+v, was %+v", info, was)
		}
	})
}

// A clock that was a year ahead made the consumption of the month final.
func TestCheckedInTheFuture(t *testing.T) {
	before, after := random(40, 3000), random(41, 3000)
	c := newClock()
	api := newFake(map[string]*fakeDoc{"a": {body: before}})
	s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
	c.add(365 * 24 * time.Hour)
	wantBytes(t, s, volatileRef("a"), before)
	c.add(-365 * 24 * time.Hour)
	api.set("a", &fakeDoc{body: after})
	wantBytes(t, s, volatileRef("a"), after)
	wantBytes(t, s, volatileRef("a"), after)
	wantCalls(t, api, "a", 2)
}

func TestRefusedVolatileContentIsNotServed(t *testing.T) {
	c := newClock()
	api := newFake(map[string]*fakeDoc{"a": {body: random(34, 3000)}})
	s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
	wantBytes(t, s, volatileRef("a"), random(34, 3000))
	c.add(2 * time.Hour)
	api.set("a", &fakeDoc{err: apiclient.ErrForbidden})
	if got, err := readAll(t.Context(), s, volatileRef("a"), 500); !apiclient.Refused(err) || len(got) > 0 {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
}

func TestNewVersionReplacesTheOld(t *testing.T) {
	v1, v2 := ref("a"), ref("a")
	v1.UpdatedAt, v2.UpdatedAt = "2026-10-01T08:00:00Z", "2026-11-01T08:00:00Z"
	before, after := random(35, 3000), random(36, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: before}})
	dir := t.TempDir()
	s := openStore(t, dir, api, nil)
	wantBytes(t, s, v1, before)
	old, err := s.Open(t.Context(), v1)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()

	api.set("a", &fakeDoc{body: after})
	if _, ok := s.Peek(v2); ok {
		t.Fatal("a new version is known before it was asked for")
	}
	wantBytes(t, s, v2, after)
	if info, ok := s.Peek(v2); !ok || info.Generation != 2 {
		t.Errorf("new version: %+v, %v", info, ok)
	}
	p := make([]byte, 3000)
	if _, err := old.ReadAt(t.Context(), p, 0); err != nil && err.Error() != "EOF" || string(p) != string(before) {
		t.Errorf("a file opened before does not have its own content any more: %v", err)
	}
	// A process whose listing is older takes the newer content as it is.
	s2 := openStore(t, dir, api, nil)
	wantBytes(t, s2, v1, after)
	wantBytes(t, s, v2, after)
	wantCalls(t, api, "a", 2)
}
