package osfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ccsfs/internal/osfile/osfiletest"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants compares what is at a path; nil: nothing.
func wants(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if want == nil && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %q, %v", path, got, err)
	}
}

// That a reader has left is known.
func TestIsUnread(t *testing.T) {
	r, w, err := os.Pipe()
	check(t, err)
	defer w.Close()
	check(t, r.Close())
	if _, err := w.WriteString("x"); !IsUnread(err) {
		t.Error(err)
	}
}

// Who has a file open reads on, whatever becomes of its name, which is free at once.
func TestNamesOfOpenFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "sub", "b")
	check(t, os.Mkdir(filepath.Dir(b), 0o700))
	read := func(f *os.File, want string) {
		t.Helper()
		p := make([]byte, len(want))
		if _, err := f.ReadAt(p, 0); err != nil || string(p) != want {
			t.Errorf("%q, %v", p, err)
		}
	}
	make := func(path, text string) *os.File {
		f, err := Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		_, err = f.WriteString(text)
		check(t, err)
		return f
	}
	first, second := make(a, "one"), make(b, "two")
	check(t, Rename(a, b)) // both are open
	read(first, "one")
	read(second, "two")
	wants(t, a, nil)
	wants(t, b, []byte("one"))
	check(t, Remove(b))
	wants(t, b, nil)
	read(first, "one")
	make(b, "three")
	wants(t, b, []byte("three"))
	if err := Rename(a, b); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := Remove(a); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(a, os.O_RDONLY, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestOpenFollowsNoLinks(t *testing.T) {
	osfiletest.SkipWine(t)
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	check(t, os.WriteFile(file, []byte("x"), 0o600))
	if err := os.Symlink("file", link); err != nil {
		t.Skip("no symbolic links:", err)
	}
	if _, err := Open(link, os.O_RDONLY, 0); !errors.Is(err, syscall.ELOOP) {
		t.Error(err)
	}
	f, err := OpenToRead(link)
	check(t, err)
	f.Close()
}

// Neither waits for somebody to write.
func TestPipesAreNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	check(t, osfiletest.Pipe(t, path))
	for _, open := range []func() (*os.File, error){
		func() (*os.File, error) { return Open(path, os.O_RDONLY, 0) },
		func() (*os.File, error) { return OpenToRead(path) },
	} {
		f, err := open()
		check(t, err)
		f.Close()
	}
}

func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	open := func() *os.File {
		f, err := Open(path, os.O_RDWR|os.O_CREATE, 0o600)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	a, b, c := open(), open(), open()
	check(t, TryLock(a))
	for _, try := range []func(*os.File) error{TryLock, TryShare} {
		if err := try(b); !errors.Is(err, ErrLocked) {
			t.Error(err)
		}
	}
	if _, err := b.WriteString("what is locked can be written by others"); err != nil {
		t.Error(err)
	}
	check(t, Unlock(a))
	check(t, TryShare(b))
	check(t, TryShare(c))
	if err := TryLock(a); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	b.Close() // gives it back
	c.Close()
	check(t, TryLock(a))
}

func TestDirectoriesAreLocked(t *testing.T) {
	dir := t.TempDir()
	first, err := TryLockDir(dir)
	check(t, err)
	if _, err := TryLockDir(dir); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "x"), nil, 0o600))
	check(t, first.Close())
	again, err := TryLockDir(dir)
	check(t, err)
	again.Close()
	if _, err := TryLockDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestAFileIsReplacedWhileItIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	check(t, WriteFile(path, []byte("one"), 0o600))
	reader, err := OpenToRead(path)
	check(t, err)
	defer reader.Close()
	check(t, WriteFile(path, []byte("two"), 0o600))
	wants(t, path, []byte("two"))
}

// A file takes its place whole, and nothing else is left.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	check(t, WriteFile(path, []byte("one"), 0o600))
	before, err := Lstat(path)
	check(t, err)
	check(t, WriteFile(path, []byte("two"), 0o600))
	wants(t, path, []byte("two"))
	now, err := Lstat(path)
	check(t, err)
	if os.SameFile(before, now) {
		t.Error("it is another file")
	}
	p, err := Create(path, 0o600)
	check(t, err)
	p.Cleanup()
	p.Cleanup()
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := WriteFile(filepath.Join(path, "x"), nil, 0o600); err == nil {
		t.Error("below a file")
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	check(t, Writable(dir))
	if err := Writable(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	check(t, SyncDir(dir))
	if n, err := Free(dir); n <= 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
