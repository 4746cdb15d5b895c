package content

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
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
