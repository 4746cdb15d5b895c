package disk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile/osfiletest"
)

// keepBlob makes a blob as a process would.
func keepBlob(t *testing.T, s *Store, id, text string) blobstore.Key {
	t.Helper()
	sp, err := s.Create()
	check(t, err)
	check(t, sp.Append([]byte(text)))
	k := blobstore.KeyOf("C", id)
	check(t, s.Put(t.Context(), k, sp))
	check(t, sp.Close())
	return k
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Stock finds the blobs of a store, and nothing that is like them.
func TestStock(t *testing.T) {
	osfiletest.NeedsUnix(t, "names with stars, links")
	dir := filepath.Join(t.TempDir(), "with [brackets]*")
	if kept, err := Stock(t.Context(), dir); kept != nil || err != nil {
		t.Errorf("of nothing: %v, %v", kept, err)
	}
	s := openStore(t, dir, 1<<30)
	k := keepBlob(t, s, "a", "one")
	at := filepath.Dir(s.Path(k))
	name := blobstore.Name("b")
	check(t, os.WriteFile(filepath.Join(at, "mine"), nil, 0o600))
	check(t, os.WriteFile(filepath.Join(at, strings.ToUpper(name)), nil, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "blobs", name), nil, 0o600))
	check(t, os.MkdirAll(filepath.Join(dir, "blobs", "mine"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "blobs", "mine", name), nil, 0o600))
	check(t, os.MkdirAll(filepath.Join(at, name, name), 0o700))
	check(t, os.WriteFile(filepath.Join(at, name, name, name), nil, 0o600))
	check(t, os.Symlink(s.Path(k), filepath.Join(at, blobstore.Name("c"))))
	kept, err := Stock(t.Context(), dir)
	if err != nil || len(kept) != 1 || kept[0].Key != k || kept[0].Size != 3 || time.Since(kept[0].Used) > time.Hour {
		t.Errorf("%v, %v", kept, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if kept, err := Stock(ended, dir); err == nil {
		t.Errorf("given up: %v", kept)
	}
}

// What was found is removed, and nothing that has come in its place since; who has it open
// reads on.
func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 1<<30)
	k := keepBlob(t, s, "a", "one")
	kept, err := Stock(t.Context(), dir)
	check(t, err)
	b, err := s.Open(t.Context(), k)
	check(t, err)
	defer b.Close()
	if ok, err := Discard(dir, kept[0]); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if ok, err := Discard(dir, kept[0]); ok || err != nil {
		t.Errorf("again: %v, %v", ok, err)
	}
	p := make([]byte, 3)
	if _, err := b.ReadAt(p, 0); err != nil || string(p) != "one" {
		t.Errorf("%q, %v", p, err)
	}
	keepBlob(t, s, "a", "two") // into the directory that went with it
	later := time.Now().Add(time.Hour)
	check(t, os.Chtimes(s.Path(k), later, later))
	if ok, err := Discard(dir, kept[0]); ok || err != nil {
		t.Errorf("another one: %v, %v", ok, err)
	}
	check(t, os.Remove(s.Path(k)))
	check(t, os.Symlink("/etc/hostname", s.Path(k)))
	if ok, err := Discard(dir, kept[0]); ok || err != nil {
		t.Errorf("a link: %v, %v", ok, err)
	}
}

// Sessions of processes that run are counted and stay; of those that do not, their bytes.
func TestSessions(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 1<<30)
	old := time.Now().Add(-time.Hour)
	check(t, os.Chtimes(s.session, old, old))
	dead := filepath.Join(dir, "tmp", "s-dead")
	check(t, os.MkdirAll(dead, 0o700))
	check(t, os.WriteFile(filepath.Join(dead, "1"), []byte("spool"), 0o600))
	check(t, os.Chtimes(dead, old, old))
	for range 2 { // looking changes nothing
		if got := LookAtSessions(dir); got != (Sessions{Live: 1, Bytes: 5}) {
			t.Errorf("%+v", got)
		}
	}
	Sweep(dir, s.bound.log)
	if got := LookAtSessions(dir); got != (Sessions{Live: 1}) {
		t.Errorf("after sweeping: %+v", got)
	}
	keepBlob(t, s, "a", "one")
}
