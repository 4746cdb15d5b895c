package content

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// blobOf is the path of a document's blob.
func blobOf(s *Store, id string) string { return s.disk.blobPath(ref(id).key()) }

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
	if _, ok := f.Fd(); ok {
		t.Error("the descriptor of a blob that was written to is handed out")
	}
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
	if _, err := s.Keep(t.Context(), ref("a")); err != nil { // which ends when nothing is under way any more
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
	a := random(29, 5*memChunk)
	api := newFake(map[string]*fakeDoc{"a": {body: a, etag: `"x"`}})
	dir := t.TempDir()
	clock := newClock()
	s := openStore(t, dir, api, func(c *Config) { c.Now = clock.now })
	if err := os.RemoveAll(filepath.Join(dir, "content")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "content"), []byte("in the way")) // in memory, then
	s.memory.Store(2*memChunk + 1)
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
	s.memory.Add(10 * memChunk)
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

// The same with a disk: the spool takes nothing of an Append that fails.
func TestSpoolAfterAFailedAppend(t *testing.T) {
	a := random(30, 3*memChunk)
	s := &Store{}
	s.memory.Store(2 * memChunk)
	file, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"memory", "disk"} { // in this order: the memory grows in between
		sp := map[string]spool{"memory": s.newMemSpool(), "disk": &fileSpool{f: file}}[name]
		if err := sp.Append(a[:1000]); err != nil {
			t.Fatal(err)
		}
		if name == "disk" { // as a disk that fails in the middle
			sp.(*fileSpool).n = -1
			if err := sp.Append(a[1000:]); err == nil || sp.(*fileSpool).n != -1 {
				t.Errorf("%v, at %d", err, sp.(*fileSpool).n)
			}
			sp.(*fileSpool).n = 1000
		} else if err := sp.Append(a[1000:]); !errors.Is(err, errNoSpace) {
			t.Errorf("%s: %v", name, err)
		}
		s.memory.Add(memChunk)
		if err := sp.Append(a[1000:]); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(a))
		if _, err := sp.ReadAt(got, 0); err != nil || !bytes.Equal(got, a) {
			t.Errorf("%s: %v, or other bytes", name, err)
		}
		sp.Close()
	}
}

func TestCacheThatCannotBeWrittenServesFromMemory(t *testing.T) {
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
	if left := s.memory.Load(); left != memBudget {
		t.Errorf("%d bytes of the memory budget not given back", memBudget-left)
	}
	os.Remove(filepath.Join(dir, "content"))
}

func TestMemSpool(t *testing.T) {
	s := &Store{}
	s.memory.Store(memBudget)
	m := s.newMemSpool()
	want := random(27, memChunk*2+17)
	for i := 0; i < len(want); i += 1001 {
		if err := m.Append(want[i:min(i+1001, len(want))]); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want)-5)
	if n, err := m.ReadAt(got, 5); n != len(got) || err != nil || !bytes.Equal(got, want[5:]) {
		t.Fatalf("read %d, %v", n, err)
	}
	s.memory.Store(memChunk)
	if err := m.Append(make([]byte, 3*memChunk)); !errors.Is(err, errNoSpace) {
		t.Errorf("beyond the budget: %v", err)
	}
	m.Close()
}
