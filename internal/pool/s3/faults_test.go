package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/s3"
	"ccsfs/internal/pool/s3/s3test"
)

func pattern(seed byte, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return p
}

func get(t *testing.T, s *s3.Store, name string) ([]byte, error) {
	t.Helper()
	object, err := s.Get(t.Context(), name)
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	return io.ReadAll(object.Body)
}

// A service that is killed in the middle of puts and gets leaves whole objects, and errors that
// may pass; it is used again as soon as it is back.
func TestServiceIsKilled(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv()
	s := openAt(t, server.Address, s3.Options{})
	versions := [][]byte{pattern(1, 4<<20), pattern(2, 3<<20)}
	if err := s.Put(t.Context(), "d/0", bytes.NewReader(versions[0]), int64(len(versions[0]))); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for i := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					p := versions[n%2]
					var err error
					if i%2 == 0 {
						err = s.Put(t.Context(), "d/0", bytes.NewReader(p), int64(len(p)))
					} else if p, err = get(t, s, "d/0"); err == nil && !bytes.Equal(p, versions[0]) && !bytes.Equal(p, versions[1]) {
						t.Errorf("read %d bytes that nobody put", len(p))
					}
					if err != nil && !errors.Is(err, pool.ErrAway) {
						t.Errorf("%v", err)
					}
				}
			})
		}
		time.Sleep(200 * time.Millisecond) // somewhere in the middle
		server.Kill()
		if _, err := get(t, s, "d/0"); !errors.Is(err, pool.ErrAway) {
			t.Errorf("read from a service that does not run: %v", err)
		}
		close(stop)
		wg.Wait()
		server.Restart()
		p, err := get(t, s, "d/0")
		if err != nil || !bytes.Equal(p, versions[0]) && !bytes.Equal(p, versions[1]) {
			t.Fatalf("round %d: %d bytes that nobody put (%v)", round, len(p), err)
		}
	}
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Name != "d/0" {
			t.Errorf("left behind: %v (%v)", info, err)
		}
	}
}

// A full disk below a service keeps what is there.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no file system of a limited size can be mounted here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	server := s3test.StartIn(t, dir)
	server.Setenv()
	s := openAt(t, server.Address, s3.Options{})
	p := pattern(1, 1<<20)
	put := func(name string) error { return s.Put(t.Context(), name, bytes.NewReader(p), int64(len(p))) }
	var full error
	for i := 0; full == nil && i < 20; i++ {
		full = put(fmt.Sprintf("d/%02d", i))
	}
	if !errors.Is(full, pool.ErrAway) && !errors.Is(full, pool.ErrRefused) {
		t.Errorf("put on a full disk: %v", full)
	}
	for info, err := range s.List(t.Context(), "d/") {
		if err != nil {
			t.Fatal(err)
		}
		if got, err := get(t, s, info.Name); err != nil || !bytes.Equal(got, p) {
			t.Errorf("%s: %d bytes, not whole (%v)", info.Name, len(got), err)
		}
	}
	for _, name := range []string{"d/00", "d/01"} {
		if err := s.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("d/again"); err != nil {
		t.Errorf("put after there was room again: %v", err)
	}
}

// What may only be read is read, and says what is missing to write.
func TestReadOnlyBucket(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv()
	s := openAt(t, server.Address, s3.Options{})
	if err := s.Put(t.Context(), "d/1", strings.NewReader("bytes"), 5); err != nil {
		t.Fatal(err)
	}
	server.Restart("--readonly")
	if got, err := get(t, s, "d/1"); err != nil || string(got) != "bytes" {
		t.Errorf("read %q (%v)", got, err)
	}
	for what, err := range map[string]error{
		"put": s.Put(t.Context(), "d/1", strings.NewReader("other"), 5), "remove": s.Remove(t.Context(), "d/1"),
	} {
		if !errors.Is(err, pool.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, f := range s.Check(t.Context()) {
		if f.About == "write" && !errors.Is(f.Err, pool.ErrRefused) || f.About == "list" && f.Err != nil {
			t.Errorf("%s: %s (%v)", f.About, f.Says, f.Err)
		}
	}
}

// Credentials and buckets that are wrong are told from one another.
func TestWrongSettings(t *testing.T) {
	server := s3test.Start(t)
	for name, test := range map[string]struct {
		set     func(t *testing.T)
		address string
		word    string
	}{
		"secret":     {func(t *testing.T) { t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong") }, server.Address, "secret key"},
		"access key": {func(t *testing.T) { t.Setenv("AWS_ACCESS_KEY_ID", "wrong") }, server.Address, "access key"},
		"bucket":     {func(*testing.T) {}, strings.Replace(server.Address, "//pool/", "//loop/", 1), "no bucket loop"},
		"region":     {func(*testing.T) {}, strings.Replace(server.Address, "us-east-1", "eu-west-9", 1), "region"},
	} {
		t.Run(name, func(t *testing.T) {
			server.SetenvOf(t)
			test.set(t)
			for what, err := range each(t, openAt(t, test.address, s3.Options{})) {
				if !errors.Is(err, pool.ErrRefused) || !strings.Contains(err.Error(), test.word) {
					t.Errorf("%s: %v, want %q", what, err, test.word)
				}
			}
		})
	}
}

func TestCheck(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv()
	s := openAt(t, server.Address, s3.Options{})
	for _, f := range s.Check(t.Context()) {
		if f.Err != nil || f.Doubt || f.Says == "" {
			t.Errorf("%s: %q (%v)", f.About, f.Says, f.Err)
		}
	}
	left, err := filepath.Glob(filepath.Join(server.Dir, s3test.Bucket, "ccsfs", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	if _, err := os.Stat(filepath.Join(server.Dir, s3test.Bucket)); err != nil {
		t.Error(err)
	}
}

// After it is closed a store asks nobody.
func TestClosed(t *testing.T) {
	setenv(t)
	s := openAt(t, fake(t), s3.Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range each(t, s) {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNamesThatAreNoPaths(t *testing.T) {
	setenv(t)
	s := openAt(t, fake(t), s3.Options{})
	for _, name := range []string{"/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b"} {
		if _, err := get(t, s, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
