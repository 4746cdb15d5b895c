package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A spool takes nothing of an Append that fails.
func TestSpoolAfterAFailedAppend(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	sp := &file{f: f}
	defer sp.Close()
	a := bytes.Repeat([]byte("abcdefg"), 100_000)
	if err := sp.Append(a[:1000]); err != nil {
		t.Fatal(err)
	}
	sp.n = -1 // as a disk that fails in the middle
	if err := sp.Append(a[1000:]); err == nil || sp.n != -1 {
		t.Errorf("%v, at %d", err, sp.n)
	}
	sp.n = 1000
	if err := sp.Append(a[1000:]); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(a))
	if _, err := sp.ReadAt(got, 0); err != nil || !bytes.Equal(got, a) {
		t.Errorf("%v, or other bytes", err)
	}
}

// Sessions that a killed process left behind are swept up, and no other.
func TestSessionsOfDeadProcessesAreSwept(t *testing.T) {
	dir := t.TempDir()
	alive := openStore(t, dir, 1<<20)
	dead := filepath.Join(dir, "tmp", "sdead")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"lock", "17"} {
		if err := os.WriteFile(filepath.Join(dead, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openStore(t, dir, 1<<20)
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("dead session still there: %v", err)
	}
	if _, err := os.Stat(alive.session); err != nil {
		t.Errorf("live session swept: %v", err)
	}
}

// Who writes to a blob may set its time back, and still is noticed.
func TestIdentityOfABlobWithItsOldTime(t *testing.T) {
	for name, damage := range map[string]func(path string, p []byte) error{
		"written to": func(path string, p []byte) error { return os.WriteFile(path, p, 0o600) },
		"replaced": func(path string, p []byte) error {
			return errors.Join(os.WriteFile(path+".new", p, 0o600), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), 1<<20)
			put(t, s, "a", []byte("as it was"))
			path := s.Path(key("a"))
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			was, err := s.Stat(key("a"))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // the clock of files is a coarse one
			if err := errors.Join(damage(path, []byte("otherwise")), os.Chtimes(path, before.ModTime(), before.ModTime())); err != nil {
				t.Fatal(err)
			}
			if is, err := s.Stat(key("a")); err != nil || is.Size != was.Size || is.Identity == was.Identity {
				t.Errorf("%q, was %q (%v)", is.Identity, was.Identity, err)
			}
		})
	}
}
