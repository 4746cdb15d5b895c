package content

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccsfs/internal/content/blobstore/disk"
	"ccsfs/internal/content/blobstore/memory"
	"ccsfs/internal/osfile/osfiletest"
)

// blobOf is the path of a document's blob.
func blobOf(s *Store, id string) string { return s.blobs.(*disk.Store).Path(ref(id).blob()) }

func TestDamagedBlobsAreNeverServed(t *testing.T) {
	body, other := random(20, 5000), random(21, 5000)
	damage := map[string]func(t *testing.T, s *Store){
		"flipped": func(t *testing.T, s *Store) {
			b, err := os.ReadFile(blobOf(s, "a"))
			if err != nil {
				t.Fatal(err)
			}
			b[2500] ^= 1
			write(t, blobOf(s, "a"), b)
		},
		"cut":     func(t *testing.T, s *Store) { write(t, blobOf(s, "a"), body[:4999]) },
		"emptied": func(t *testing.T, s *Store) { write(t, blobOf(s, "a"), nil) },
		"grown":   func(t *testing.T, s *Store) { write(t, blobOf(s, "a"), append(body[:5000:5000], 'x')) },
		"swapped": func(t *testing.T, s *Store) {
			if err := os.Rename(blobOf(s, "b"), blobOf(s, "a")); err != nil {
				t.Fatal(err)
			}
		},
		"removed":     func(t *testing.T, s *Store) { os.Remove(blobOf(s, "a")) },
		"a directory": func(t *testing.T, s *Store) { os.Remove(blobOf(s, "a")); os.Mkdir(blobOf(s, "a"), 0o700) },
	}
	for name, do := range damage {
		for _, remount := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				api := newFake(map[string]*fakeDoc{"a": {body: body}, "b": {body: other}})
				dir := t.TempDir()
				s := openStore(t, dir, api, nil)
				wantBytes(t, s, ref("a"), body)
				wantBytes(t, s, ref("b"), other)
				do(t, s)
				if remount {
					s = openStore(t, dir, api, nil)
				}
				wantBytes(t, s, ref("a"), body)
				wantBytes(t, s, ref("b"), other)
				wantCalls(t, api, "a", 2)
			})
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBlobDamagedWhileOpen(t *testing.T) {
	body := random(22, 5000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, nil)
	wantBytes(t, s, ref("a"), body)
	f, err := s.Open(t.Context(), ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 5000)
	if _, err := f.ReadAt(t.Context(), p[:4000], 0); err != nil {
		t.Fatal(err)
	}
	write(t, blobOf(s, "a"), make([]byte, 5000))
	if n, err := f.ReadAt(t.Context(), p[:4000], 0); err == nil {
		t.Fatalf("%d damaged bytes served", n)
	}
	wantBytes(t, s, ref("a"), body)
}

func TestBlobEvictedWhileOpen(t *testing.T) {
	body := random(23, 5000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, nil)
	wantBytes(t, s, ref("a"), body)
	f, err := s.Open(t.Context(), ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4000)
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	os.Remove(blobOf(s, "a"))
	if _, err := f.ReadAt(t.Context(), p, 500); err != nil || !bytes.Equal(p, body[500:4500]) {
		t.Fatalf("after the eviction: %v", err)
	}
}

func TestCacheDirectoryRemovedUnderWay(t *testing.T) {
	osfiletest.SkipWine(t)
	a, b := random(24, 5000), random(25, 5000)
	api := newFake(map[string]*fakeDoc{"a": {body: a}, "b": {body: b}})
	dir := t.TempDir()
	s := openStore(t, dir, api, nil)
	wantBytes(t, s, ref("a"), a)
	if err := os.RemoveAll(filepath.Join(dir, "content")); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, s, ref("b"), b)
	wantBytes(t, s, ref("a"), a)
	wantCalls(t, api, "a", 2)
	wantCalls(t, api, "b", 1)

	again := openStore(t, dir, api, nil) // what came since is remembered
	if info, ok := again.Peek(ref("b")); !ok || info.Size != 5000 {
		t.Errorf("after a restart: %+v, %v", info, ok)
	}
}

// The blob is gone, its size and hash are known, and what comes now has the same
// size but is something else: nobody reads the one's beginning and the other's end.
func TestOtherContentAfterEviction(t *testing.T) {
	a, b := random(31, 5000), random(32, 5000)
	api := newFake(map[string]*fakeDoc{"a": {body: a}})
	s := openStore(t, t.TempDir(), api, nil)
	if _, err := s.Fetch(t.Context(), ref("a")); err != nil { // which ends when nothing is under way any more
		t.Fatal(err)
	}
	wantBytes(t, s, ref("a"), a)
	was, _ := s.Peek(ref("a"))
	os.Remove(blobOf(s, "a"))
	api.set("a", &fakeDoc{body: b})
	wantBytes(t, s, ref("a"), b)
	if is, ok := s.Peek(ref("a")); !ok || is.Generation == was.Generation {
		t.Errorf("%+v, was %+v", is, was)
	}
}

// A write that failed half-way left a gap: what came after it was stored at the
// wrong place, and served, and kept.
func TestFailedAppendLeavesNoGap(t *testing.T) {
	osfiletest.SkipWine(t)
	a := random(29, 5*memory.ChunkLen)
	api := newFake(map[string]*fakeDoc{"a": {body: a, etag: `"x"`}})
	dir := t.TempDir()
	clock := newClock()
	s := openStore(t, dir, api, func(c *Config) { c.Now = clock.now })
	if err := os.RemoveAll(filepath.Join(dir, "content")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "content"), []byte("in the way")) // in memory, then
	s.memory.Add(2*memory.ChunkLen + 1 - memBudget)
	f, err := s.Open(t.Context(), ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(a))
	if n, err := f.ReadAt(t.Context(), got[:1000], 0); n != 1000 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := f.ReadAt(t.Context(), got, 0); !errors.Is(err, errNoSpace) {
		t.Fatalf("beyond the memory: %v", err)
	}
	s.memory.Add(10 * memory.ChunkLen)
	clock.add(time.Minute)
	if n, err := f.ReadAt(t.Context(), got, 0); n != len(a) || !errors.Is(err, io.EOF) {
		t.Fatalf("%d, %v", n, err)
	}
	if !bytes.Equal(got, a) {
		t.Error("the bytes are not those of the document")
	}
	f.Close()
	os.Remove(filepath.Join(dir, "content"))
}

func TestCacheThatCannotBeWrittenServesFromMemory(t *testing.T) {
	osfiletest.SkipWine(t)
	a := random(26, 700_000)
	api := newFake(map[string]*fakeDoc{"a": {body: a}})
	dir := t.TempDir()
	s := openStore(t, dir, api, nil)
	if err := os.RemoveAll(filepath.Join(dir, "content")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "content"), []byte("in the way"))
	wantBytes(t, s, ref("a"), a)
	if s.Stats().DiskErrors == 0 {
		t.Error("trouble with the disk not counted")
	}
	if left := s.memory.Left(); left != memBudget {
		t.Errorf("%d bytes of the memory budget not given back", memBudget-left)
	}
	os.Remove(filepath.Join(dir, "content"))
}
