package content

import (
	"context"
	"errors"
	"testing"
	"time"

	"ccsfs/apiclient"
)

// A document larger than the prefetch limit is kept too, with one call, and not
// asked for again.
func TestKeepBringsWholeDocuments(t *testing.T) {
	body := random(1, 50_000)
	api := newFake(map[string]*fakeDoc{"large": {body: body}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = 1000 })
	if s.Has(ref("large")) {
		t.Fatal("there before it was asked for")
	}
	for range 2 {
		info, err := s.Fetch(t.Context(), ref("large"))
		if err != nil || info.Size != int64(len(body)) {
			t.Fatalf("%+v, %v", info, err)
		}
	}
	if !s.Has(ref("large")) {
		t.Error("not there afterwards")
	}
	wantBytes(t, s, ref("large"), body)
	wantCalls(t, api, "large", 1)
}

// Of a document whose size alone is known the body is fetched.
func TestKeepAfterStat(t *testing.T) {
	api := newFake(map[string]*fakeDoc{"d": {body: random(2, 5000)}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.CacheSize = 4000 })
	if _, err := s.Fetch(t.Context(), ref("d")); err != nil {
		t.Fatal(err)
	}
	if s.Has(ref("d")) {
		t.Error("kept although it is larger than the cache")
	}
	if _, ok := s.Peek(ref("d")); !ok {
		t.Error("its size is not known")
	}
}

// A version that is not the one in the cache is not there.
func TestHasIsAboutTheVersion(t *testing.T) {
	clock := newClock()
	api := newFake(map[string]*fakeDoc{"d": {body: random(3, 5000)}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Now = clock.now })
	old, volatile := ref("d"), ref("d")
	old.UpdatedAt, volatile.Volatile = "2026-10-01", true
	if _, err := s.Fetch(t.Context(), ref("d")); err != nil {
		t.Fatal(err)
	}
	if s.Has(Ref{ContractID: "OCB0001234", DocumentID: "other"}) {
		t.Error("another document is there")
	}
	if !s.Has(volatile) {
		t.Error("a changing document is not believed for a while")
	}
	clock.add(2 * time.Hour)
	if s.Has(volatile) {
		t.Error("a changing document is believed for ever")
	}
	newer := ref("d")
	newer.UpdatedAt = "2026-11-01"
	if _, err := s.Fetch(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	if !s.Has(newer) || s.Has(old) {
		t.Errorf("newer %v, old %v", s.Has(newer), s.Has(old))
	}
}

func TestKeepFails(t *testing.T) {
	api := newFake(map[string]*fakeDoc{"gone": {err: apiclient.ErrNotFound}, "html": {body: []byte("<html><body>sign in</body></html>")}})
	s := openStore(t, t.TempDir(), api, nil)
	for id, want := range map[string]error{"gone": apiclient.ErrNotFound, "html": ErrNotDocument} {
		for range 2 { // the second time from memory
			if _, err := s.Fetch(t.Context(), ref(id)); !errors.Is(err, want) {
				t.Errorf("%s: %v", id, err)
			}
		}
		wantCalls(t, api, id, 1)
	}
}

func TestKeepEndsWithItsCaller(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	api := newFake(map[string]*fakeDoc{"slow": {body: random(4, 100_000), stop: stop, stopAt: 10}})
	s := openStore(t, t.TempDir(), api, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fetch(ctx, ref("slow")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestOpenWithoutARead: what cannot be kept is not asked for again by an open alone,
// for the kernel may have its bytes; whoever reads gets them.
func TestOpenWithoutARead(t *testing.T) {
	body := random(90, 5000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.CacheSize = 0 })
	wantBytes(t, s, ref("a"), body)
	for range 5 {
		f, err := s.Open(t.Context(), ref("a"))
		if err != nil {
			t.Fatal(err)
		}
		if info := f.Info(); info.Size != 5000 || info.Generation == 0 {
			t.Errorf("%+v", info)
		}
		f.Close()
	}
	if n := api.count("a"); n != 1 {
		t.Errorf("%d requests", n)
	}
	wantBytes(t, s, ref("a"), body)
	if n := api.count("a"); n != 2 {
		t.Errorf("%d requests after a read", n)
	}
}
