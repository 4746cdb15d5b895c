package content

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/content/index"
)

// A process read the line with a size back that it had written itself, took it for
// other content, and refused what it had told the kernel, again and again.
func TestOwnLinesAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := random(70, 100_000)
		api := newFake(map[string]*fakeDoc{"big": {body: body}, "small": {body: random(71, 500)}})
		s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = 1000 })
		told, err := s.Stat(t.Context(), ref("big"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(lingerTime + time.Second) // its size is written down
		if _, err := s.Stat(t.Context(), ref("small")); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			s.indexes.Of("OCB0001234").Refresh()
			if info, ok := s.Peek(ref("big")); !ok || info.Generation != told.Generation || info.Size != told.Size {
				t.Fatalf("%+v, %v; the kernel was told %+v", info, ok, told)
			}
			time.Sleep(2 * time.Second)
		}
		wantBytes(t, s, ref("big"), body)
		synctest.Wait() // it is hashed after its readers have it
		s.indexes.Of("OCB0001234").Refresh()
		if info, ok := s.Peek(ref("big")); !ok || info.Generation != told.Generation || info.SHA256 == "" {
			t.Fatalf("after it was read: %+v, %v; the kernel was told %+v", info, ok, told)
		}
		wantCalls(t, api, "big", 2)
	})
}

// The size that one process finds out is the size that another one reads by.
func TestSizesOfOneContentAreOneGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := random(72, 100_000)
		api := newFake(map[string]*fakeDoc{"big": {body: body}})
		dir := t.TempDir()
		limit := func(c *Config) { c.PrefetchLimit = 1000 }
		a, b := openStore(t, dir, api, limit), openStore(t, dir, api, limit)
		told, err := a.Stat(t.Context(), ref("big"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(lingerTime + time.Second)
		wantBytes(t, b, ref("big"), body)
		synctest.Wait()
		time.Sleep(2 * index.LookAgain)
		if info, ok := a.Peek(ref("big")); !ok || info.Generation != told.Generation || info.SHA256 == "" {
			t.Errorf("%+v, %v; the kernel was told %+v", info, ok, told)
		}
		wantBytes(t, a, ref("big"), body)
		wantCalls(t, api, "big", 2)
	})
}

// A large document with a new updatedAt and the old content was called changed
// when it had arrived, fetched again, and what waited for it failed.
func TestNewVersionOfTheSameContent(t *testing.T) {
	for name, volatile := range map[string]bool{"a new updatedAt": false, "due to be asked about": true} {
		t.Run(name, func(t *testing.T) {
			body := random(73, 50_000)
			c := newClock()
			api := newFake(map[string]*fakeDoc{"big": {body: body}})
			s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.PrefetchLimit = 1000; cfg.Now = c.now })
			r := ref("big")
			r.UpdatedAt, r.Volatile = "2026-10-01T00:00:00Z", volatile
			if _, err := s.Fetch(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			c.add(2 * time.Hour)
			if !volatile {
				r.UpdatedAt = "2026-11-01T00:00:00Z"
			}
			told, err := s.Stat(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Fetch(t.Context(), r); err != nil {
				t.Fatalf("kept: %v", err)
			}
			wantBytes(t, s, r, body)
			wantCalls(t, api, "big", 2)
			if info, ok := s.Peek(r); !ok || info.Generation != told.Generation {
				t.Errorf("%+v, %v; the kernel was told %+v", info, ok, told)
			}
		})
	}
}

// Keep brings a document that is another one than its size was found out for.
func TestKeepOfOtherContent(t *testing.T) {
	a, b := random(74, 50_000), random(75, 50_000)
	api := newFake(map[string]*fakeDoc{"big": {body: a}})
	s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.PrefetchLimit = 1000 })
	if _, err := s.Fetch(t.Context(), ref("big")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(blobOf(s, "big")); err != nil {
		t.Fatal(err)
	}
	api.set("big", &fakeDoc{body: b})
	if _, err := s.Fetch(t.Context(), ref("big")); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, s, ref("big"), b)
	wantCalls(t, api, "big", 2)
}

// Of a large document that is asked for anew the beginning is read before its hash is
// known: where readers had bytes of what was known, it is other content until then, and
// where nobody had, it goes on as what it was.
func TestLargeContentIsOtherContentWhereSomeWasRead(t *testing.T) {
	body := random(73, 100_000)
	for _, read := range []bool{true, false} {
		t.Run(fmt.Sprintf("read %v", read), func(t *testing.T) {
			dir := t.TempDir()
			d := &fakeDoc{body: body}
			api := newFake(map[string]*fakeDoc{"a": d})
			limit := func(c *Config) { c.PrefetchLimit, c.StreamAbove = 20_000, 20_000 }
			if _, err := openStore(t, dir, api, limit).Fetch(t.Context(), ref("a")); err != nil { // by another process
				t.Fatal(err)
			}
			s := openStore(t, dir, api, limit)
			if read {
				wantBytes(t, s, ref("a"), body)
			}
			was, ok := s.Peek(ref("a"))
			if !ok {
				t.Fatal("not known")
			}
			if err := os.Remove(blobOf(s, "a")); err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			api.set("a", &fakeDoc{body: body, stop: stop, stopAt: 50_000})
			f, err := s.Open(t.Context(), ref("a"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			begun := f.Info().Generation
			if (begun == was.Generation) == read {
				t.Errorf("generation %d, was %d", begun, was.Generation)
			}
			close(stop)
			wantBytes(t, s, ref("a"), body)
			eventually(t, func() bool { is, _ := s.Peek(ref("a")); return is.SHA256 != "" }) // it is hashed when its readers have it
			if is, ok := s.Peek(ref("a")); !ok || is.Generation != begun {
				t.Errorf("whole: %+v, it began as %d", is, begun)
			}
			wantCalls(t, api, "a", 2)
		})
	}
}
