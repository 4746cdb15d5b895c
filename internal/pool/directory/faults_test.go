package directory_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/directory"
)

func put(t *testing.T, s *directory.Store, name, text string) error {
	t.Helper()
	return s.Put(t.Context(), name, strings.NewReader(text), int64(len(text)))
}

func get(t *testing.T, s *directory.Store, name string) (string, error) {
	t.Helper()
	o, err := s.Get(t.Context(), name)
	if err != nil {
		return "", err
	}
	defer o.Body.Close()
	p, err := io.ReadAll(o.Body)
	return string(p), err
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"file:///mnt/pool": "/mnt/pool", "file:///mnt/pool/": "/mnt/pool", "file:///mnt/./a/../pool": "/mnt/pool",
		"file:///mnt/a%20b%23c": "/mnt/a b#c",
		"":                      "", "/mnt/pool": "", "file:mnt": "", "file://mnt/pool": "", "file:///": "", "file:///..": "",
		"file:///mnt?a=b": "", "file:///mnt#a": "", "file://user:geheim@/mnt": "", "file:///%zz": "", "s3://mnt": "", "file:///a%00b": "",
	} {
		got, err := directory.ParseAddress(text)
		if got != filepath.FromSlash(want) || (err == nil) != (want != "") {
			t.Errorf("%q: %q (%v)", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v shows what could be a secret", err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("file:///mnt/pool")
	f.Add("file:///C:/pool")
	f.Add("file:///%2e%2e/a")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := directory.ParseAddress(text)
		if err == nil && (!filepath.IsAbs(got) || filepath.Clean(got) != got || filepath.Dir(got) == got) {
			t.Errorf("%q is %q", text, got)
		}
	})
}

// What is mounted later, goes, and comes again in its place is used once it is there; what is
// not mounted is no store in which nothing is.
func TestNotMounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mount")
	s := open(t, path)
	put := func() error { return s.Put(t.Context(), "v1/a", strings.NewReader("text"), 4) }
	look := func() error {
		o, err := s.Get(t.Context(), "v1/a")
		if err == nil {
			o.Body.Close()
		}
		return err
	}
	away := func() {
		t.Helper()
		for about, err := range map[string]error{"put": put(), "get": look()} {
			if !errors.Is(err, pool.ErrAway) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", about, err)
			}
		}
		for _, err := range s.List(t.Context(), "") {
			if !errors.Is(err, pool.ErrAway) {
				t.Errorf("list: %v", err)
			}
		}
	}
	away()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(), look()); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return // a directory that is open cannot be renamed there
	}
	if err := os.Rename(path, path+"-away"); err != nil {
		t.Fatal(err)
	}
	away()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another directory: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Rename(path+"-away", path), look()); err != nil {
		t.Errorf("back again: %v", err)
	}
}

// Nothing that lies in the directory leads out of it, or is waited for.
func TestOddThings(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	path, outside := t.TempDir(), t.TempDir()
	s := open(t, path)
	if err := errors.Join(put(t, s, "d/real", "real"), os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(path, "d", "out")),
		os.Symlink("real", filepath.Join(path, "d", "in")),
		os.Symlink(outside, filepath.Join(path, "dirout")), os.Symlink("d", filepath.Join(path, "dirin"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/out", "d/in", "dirout/secret", "dirin/real"} {
		if got, err := get(t, s, name); !errors.Is(err, pool.ErrRefused) {
			t.Errorf("%s: read %q (%v)", name, got, err)
		}
		if err := put(t, s, name, "other"); !errors.Is(err, pool.ErrRefused) {
			t.Errorf("%s: put (%v)", name, err)
		}
		if err := s.Remove(t.Context(), name); !errors.Is(err, pool.ErrRefused) {
			t.Errorf("%s: removed (%v)", name, err)
		}
	}
	if got, err := get(t, s, "d"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was read: %q (%v)", got, err)
	}
	if err := put(t, s, "d", "over a directory"); !errors.Is(err, pool.ErrRefused) {
		t.Errorf("put over a directory: %v", err)
	}
	if err := put(t, s, "d/real/below", "a file"); !errors.Is(err, pool.ErrRefused) {
		t.Errorf("put below a file: %v", err)
	}
	for _, name := range []string{"../x", "a/../../x", "/x", "a//b", ".", "~unfinished/x"} {
		if err := put(t, s, name, "x"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Name != "d/real" {
			t.Errorf("listed %v (%v)", info, err)
		}
	}
	if p, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || !bytes.Equal(p, []byte("secret")) {
		t.Errorf("outside there is %q (%v)", p, err)
	}
}

// What members that died left is removed a day later, and what lives is not.
func TestLeftovers(t *testing.T) {
	path := t.TempDir()
	unfinished := filepath.Join(path, "~unfinished")
	old, young := filepath.Join(unfinished, "OLD"), filepath.Join(unfinished, "YOUNG")
	if err := errors.Join(os.Mkdir(unfinished, 0o700), os.WriteFile(old, nil, 0o600), os.WriteFile(young, nil, 0o600),
		os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if err := put(t, open(t, path), "a", "b"); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(unfinished)
	if err != nil || len(left) != 1 || left[0].Name() != "YOUNG" {
		t.Errorf("left: %v (%v)", left, err)
	}
}

func TestReadOnly(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("modes of directories keep nobody here from writing")
	}
	path := t.TempDir()
	s := open(t, path)
	if err := errors.Join(put(t, s, "a", "b"), os.Chmod(path, 0o500), os.Chmod(filepath.Join(path, "~unfinished"), 0o500)); err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "c", "d"); !errors.Is(err, pool.ErrRefused) {
		t.Errorf("put: %v", err)
	}
}

func TestCheck(t *testing.T) {
	s := open(t, t.TempDir())
	for _, f := range s.Check(t.Context()) {
		if f.Err != nil || f.Doubt || f.Says == "" {
			t.Errorf("%s: %q (%v)", f.About, f.Says, f.Err)
		}
	}
	for info, err := range s.List(t.Context(), "") {
		t.Errorf("left behind: %v (%v)", info, err)
	}
}

func TestClosed(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, got := get(t, s, "a")
	for what, err := range map[string]error{"get": got, "put": put(t, s, "a", "b"), "remove": s.Remove(t.Context(), "a")} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("list: %v", err)
		}
	}
}
