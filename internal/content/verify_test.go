package content

import (
	"context"
	"errors"
	"os"
	"testing"

	"ccsfs/internal/content/blobstore"

	"ccsfs/internal/osfile/osfiletest"
	"github.com/google/go-cmp/cmp"
)

// verified runs Verify and returns, by document, what was said of it.
func verified(t *testing.T, s *Store, contracts ...string) map[string]string {
	t.Helper()
	said := map[string]string{}
	err := s.Verify(t.Context(), contracts, func(v Verified) {
		text := "ok"
		if v.Err != nil {
			text = v.Err.Error()
		}
		if v.ContractID != "" {
			text = v.ContractID + " " + text
		}
		said[v.DocumentID] = text
	})
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// offline opens the cache in dir as a process without credentials does.
func offline(t *testing.T, dir string) *Store {
	t.Helper()
	return openStore(t, dir, nil, func(c *Config) { c.Offline = true })
}

func TestVerifyFindsDamage(t *testing.T) {
	osfiletest.SkipWine(t)
	bodies := map[string][]byte{}
	docs := map[string]*fakeDoc{}
	for i, id := range []string{"flipped", "cut", "linked", "directory", "whole", "evicted"} {
		bodies[id] = random(uint64(40+i), 3000)
		docs[id] = &fakeDoc{body: bodies[id]}
	}
	api := newFake(docs)
	dir := t.TempDir()
	mount := openStore(t, dir, api, nil) // stays open: a mount uses the same cache
	for id, body := range bodies {
		wantBytes(t, mount, ref(id), body)
	}
	flipped := append([]byte(nil), bodies["flipped"]...)
	flipped[1234] ^= 4
	write(t, blobOf(mount, "flipped"), flipped)
	write(t, blobOf(mount, "cut"), bodies["cut"][:2999])
	for _, id := range []string{"linked", "directory", "evicted"} {
		if err := os.Remove(blobOf(mount, id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(blobOf(mount, "whole"), blobOf(mount, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(blobOf(mount, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}

	s := offline(t, dir)
	got := verified(t, s, "another", "OCB0001234")
	want := map[string]string{
		"flipped":   "OCB0001234 its SHA-256 is not the one it was stored with",
		"cut":       "OCB0001234 it has 2999 bytes, not 3000",
		"linked":    "OCB0001234 it is a symbolic link",
		"directory": got["directory"], // its size depends on the file system
		"whole":     "OCB0001234 ok",
	}
	if d := cmp.Diff(want, got); d != "" || got["directory"] == "OCB0001234 ok" {
		t.Fatal(d, got["directory"])
	}
	// What was damaged is gone, and fetched again by the mount; the rest is not.
	if d := cmp.Diff(map[string]string{"whole": "ok"}, verified(t, s)); d != "" {
		t.Error(d)
	}
	for id, body := range bodies {
		wantBytes(t, mount, ref(id), body)
	}
	wantCalls(t, api, "whole", 1)
	wantCalls(t, api, "flipped", 2)
	if n := len(verified(t, s)); n != 6 {
		t.Errorf("%d documents verified after all were fetched again, want 6", n)
	}
}

// An empty cache has nothing to verify, and Ctrl-C ends it.
func TestVerifyEmptyCacheAndCancellation(t *testing.T) {
	dir := t.TempDir()
	s := offline(t, dir)
	if got := verified(t, s); len(got) != 0 {
		t.Errorf("an empty cache holds %v", got)
	}
	api := newFake(map[string]*fakeDoc{"a": {body: random(50, 100)}})
	wantBytes(t, openStore(t, dir, api, nil), ref("a"), random(50, 100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Verify(ctx, nil, func(Verified) { t.Error("called after the end") }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A new version that another process writes between two looks is no damage.
func TestVerifyWhileAVersionArrives(t *testing.T) {
	old, is := random(51, 2000), random(52, 2500)
	api := newFake(map[string]*fakeDoc{"a": {body: old}})
	dir := t.TempDir()
	mount := openStore(t, dir, api, nil)
	wantBytes(t, mount, ref("a"), old)
	s := offline(t, dir)
	x := s.indexes.Load(blobstore.Name("OCB0001234"))
	v := verifier{store: s, index: x, contract: blobstore.Name("OCB0001234")}
	stale := x.Get("a")

	api.set("a", &fakeDoc{body: is})
	newer := ref("a")
	newer.UpdatedAt = "2026-11-02T00:00:00Z"
	wantBytes(t, mount, newer, is)
	damage, err := v.check(t.Context(), stale)
	if damage != nil || err != nil {
		t.Errorf("damage %v, error %v", damage, err)
	}
	wantBytes(t, mount, newer, is)
	wantCalls(t, api, "a", 2)
}

// A size that was announced is not asked for again by the next process, however
// early the first one ends.
func TestSizesSurviveAnEarlyClose(t *testing.T) {
	api := newFake(map[string]*fakeDoc{ // smaller and larger than the prefetch limit
		"small": {body: random(53, 50_000), stop: make(chan struct{}), stopAt: 5000},
		"large": {body: random(54, 100_000), stop: make(chan struct{}), stopAt: 5000},
	})
	dir := t.TempDir()
	s, err := Open(Config{Dir: dir + "/content", CacheSize: 1 << 20, PrefetchLimit: 70_000, Connections: 4}, api)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"small", "large"} {
		if info, err := s.Stat(t.Context(), ref(id)); err != nil || info.Size != int64(len(api.docs[id].body)) {
			t.Fatalf("%s: %+v, %v", id, info, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next := openStore(t, dir, api, nil)
	for _, id := range []string{"small", "large"} {
		info, err := next.Stat(t.Context(), ref(id))
		if err != nil || info.Size != int64(len(api.docs[id].body)) || info.SHA256 != "" {
			t.Errorf("%s: %+v, %v", id, info, err)
		}
		wantCalls(t, api, id, 1)
	}
}
