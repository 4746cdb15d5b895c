//go:build linux

package fs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/internal/billing"
	"ccsfs/internal/content"
)

// raceFiles is how many files TestFirstReadsRace reads, each in several ways at once.
const raceFiles = 300

func raceName(i int) string { return fmt.Sprintf("d%03d", i) }

// raceText is what file i holds.
func raceText(i int) string { return strings.Repeat(raceName(i), 1+i%3*2000) }

// racingReaders reads the files of a directory one after the other, each by
// several readers at once, while others list the directory and size up the files
// that come next. It fails if any of them got less than all, and says how much.
func racingReaders(args []string) error {
	var at atomic.Int64
	var stop atomic.Bool
	var others sync.WaitGroup
	for _, disturb := range []func(string, int){listNames, listAll, sizeUp, sizeUp, lookUp} {
		others.Go(func() {
			for !stop.Load() {
				disturb(args[0], int(at.Load()))
			}
		})
	}
	var wrong atomic.Int64
	ways := []func(fd int) ([]byte, error){readAll, readAll, sendAll, sendAll, mapAll}
	for i := range raceFiles {
		at.Store(int64(i))
		path, want := filepath.Join(args[0], raceName(i)+".pdf"), raceText(i)
		var readers sync.WaitGroup
		for _, way := range ways {
			readers.Go(func() {
				fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err == nil {
					defer unix.Close(fd)
					var got []byte
					if got, err = way(fd); err == nil && string(got) == want {
						return
					}
				}
				if wrong.Add(1) <= 5 {
					fmt.Fprintln(os.Stderr, path, err)
				}
			})
		}
		readers.Wait()
	}
	stop.Store(true)
	others.Wait()
	if n := wrong.Load(); n > 0 {
		return fmt.Errorf("%d of %d first reads were wrong", n, raceFiles*len(ways))
	}
	return nil
}

func listNames(dir string, _ int) {
	if f, err := os.Open(dir); err == nil {
		_, _ = f.Readdirnames(-1)
		f.Close()
	}
}

// listAll is ls -l of some, which makes the kernel ask for attributes along with names.
func listAll(dir string, i int) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(i + 3)
	for _, name := range names[max(0, len(names)-20):] {
		_, _ = os.Lstat(filepath.Join(dir, name))
	}
}

func sizeUp(dir string, i int) {
	for j := i; j < min(i+2, raceFiles); j++ {
		_, _ = os.Lstat(filepath.Join(dir, raceName(j)+".pdf"))
	}
}

// lookUp finds files without asking for their sizes.
func lookUp(dir string, i int) {
	for j := i; j < min(i+3, raceFiles); j++ {
		if fd, err := unix.Open(filepath.Join(dir, raceName(j)+".pdf"), unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
			unix.Close(fd)
		}
	}
}

func readAll(fd int) ([]byte, error) {
	var b bytes.Buffer
	buf := make([]byte, 5000)
	for {
		n, err := unix.Read(fd, buf)
		if n <= 0 {
			return b.Bytes(), err
		}
		b.Write(buf[:n])
	}
}

func sendAll(fd int) ([]byte, error) {
	to, err := unix.MemfdCreate("sent", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(to)
	for {
		if n, err := unix.Sendfile(to, fd, nil, 1<<20); n == 0 || err != nil {
			if err == nil {
				_, err = unix.Seek(to, 0, 0)
			}
			if err != nil {
				return nil, err
			}
			return readAll(to)
		}
	}
}

func mapAll(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	m, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	defer unix.Munmap(m)
	return bytes.Clone(m), nil
}

// slowStore takes a moment to find out a size, so that others come meanwhile.
type slowStore struct{ *fakeStore }

func (s slowStore) Stat(ctx context.Context, r content.Ref) (content.Info, error) {
	time.Sleep(300 * time.Microsecond)
	return s.fakeStore.Stat(ctx, r)
}

// Whoever is the first to read a file, in whatever way, has all of it, whatever
// else looks at it at the same moment.
func TestFirstReadsRace(t *testing.T) {
	requireFUSE(t)
	st := newFakeStore()
	var docs []billing.Document
	for i := range raceFiles {
		st.put(raceName(i), raceText(i))
		docs = append(docs, doc(raceName(i), ""))
	}
	for _, lazy := range []bool{false, true} {
		t.Run(fmt.Sprint("lazy ", lazy), func(t *testing.T) {
			clear(st.known)
			dir := t.TempDir()
			s, err := mount(dir, Config{UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), LazySizes: lazy}, newFakeCatalog(docs...), slowStore{st})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Unmount(); err != nil {
					t.Error(err)
				}
				s.Wait()
				served(t, s)
			}()
			argv := helper(t, "race", filepath.Join(dir, "C1"))
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
