//go:build linux

package integration

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

// runHelper is main of the programs that tests use besides those of the system.
func runHelper(name string, args []string) int {
	helpers := map[string]func([]string) error{
		"agent": serveAgent, "walk": walkAndRead, "mmap": mapFiles, "testfs": testFS,
		"copytcp": copyToTCP, "copyfile": copyToFile, "many": readByMany, "drive": copyDrive, "archive": copyArchive,
	}
	f, ok := helpers[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no helper", name)
		return 2
	}
	if err := f(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// helper returns the command that runs a helper.
func helper(t testing.TB, name string, args ...string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"env", helperVariable + "=" + name, exe}, args...)
}

// testFS runs Go's own test of file systems on a directory; the other arguments
// are files that must be there.
func testFS(args []string) error { return fstest.TestFS(os.DirFS(args[0]), args[1:]...) }

// walkAndRead reads all documents as Go programs do, each in two ways, and
// prints them as sha256sum does.
func walkAndRead(args []string) error {
	return eachDocument(args[0], func(path, name string) error {
		all, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		if sha256.Sum256(all) != [sha256.Size]byte(h.Sum(nil)) {
			return fmt.Errorf("%s: os.ReadFile and io.Copy differ", name)
		}
		fmt.Printf("%x  %s\n", h.Sum(nil), name)
		return nil
	})
}

// mapFiles prints the hashes of all documents, mapped into memory.
func mapFiles(args []string) error {
	return eachDocument(args[0], func(path, name string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		m, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return fmt.Errorf("mmap %s of %d bytes: %w", name, st.Size(), err)
		}
		defer unix.Munmap(m)
		fmt.Printf("%x  %s\n", sha256.Sum256(m), name)
		return nil
	})
}

// eachDocument calls f for all files of a mount but the generated ones.
func eachDocument(dir string, f func(path, name string) error) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return f(path, name)
	})
}

// question is what the agent is asked to do.
type question struct {
	ID   int
	Op   string // "stat", "list", or open, read from Off, close: "read", "sendfile", or "sum" to the end
	Path string
	Off  int64
	Len  int // of "read"; negative: to the end
}

// answer is what came of it.
type answer struct {
	ID    int
	Errno string // as in errno(3), "" if all went well
	Data  []byte // of "read" and "sendfile"
	Sum   string // of "sum"
	Size  int64  // of "stat" and "sum"
	Ino   uint64
	MTime int64
	Names []string
	Sizes []int64 // of Names, of "sizes", which a drive alone has
}

// serveAgent does what it is asked to on standard input, all at once.
func serveAgent([]string) error {
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var q question
		if err := in.Decode(&q); err != nil {
			return nil // the test has ended
		}
		go func() {
			a, err := q.do()
			a.ID = q.ID
			if err != nil {
				a.Errno = err.Error()
				var errno syscall.Errno
				if errors.As(err, &errno) {
					a.Errno = unix.ErrnoName(errno)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			_ = out.Encode(&a)
		}()
	}
}

// sendfile reads n bytes from off, all if n is negative, without asking for the
// size: by sendfile(2) to a file in memory.
func sendfile(f *os.File, off int64, n int) ([]byte, error) {
	fd, err := unix.MemfdCreate("sendfile", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	to := os.NewFile(uintptr(fd), "sendfile")
	defer to.Close()
	for left := n; left != 0; {
		count := 1 << 20
		if n >= 0 {
			count = min(count, left)
		}
		k, err := unix.Sendfile(int(to.Fd()), int(f.Fd()), &off, count)
		if err != nil {
			return nil, err
		}
		if k == 0 {
			break
		}
		left -= k
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(to)
}

func (q *question) do() (answer, error) {
	switch q.Op {
	case "stat":
		var st unix.Stat_t
		if err := unix.Lstat(q.Path, &st); err != nil {
			return answer{}, err
		}
		return answer{Size: st.Size, Ino: st.Ino, MTime: st.Mtim.Sec}, nil
	case "list":
		entries, err := os.ReadDir(q.Path)
		var a answer
		for _, e := range entries {
			a.Names = append(a.Names, e.Name())
		}
		return a, err
	}
	f, err := os.Open(q.Path)
	if err != nil {
		return answer{}, err
	}
	defer f.Close()
	if _, err := f.Seek(q.Off, io.SeekStart); err != nil {
		return answer{}, err
	}
	if q.Op == "sum" {
		h := sha256.New()
		n, err := io.Copy(h, f)
		return answer{Size: n, Sum: hex.EncodeToString(h.Sum(nil))}, err
	}
	if q.Op == "sendfile" {
		data, err := sendfile(f, q.Off, q.Len)
		return answer{Data: data}, err
	}
	r := io.Reader(f)
	if q.Len >= 0 {
		r = io.LimitReader(f, int64(q.Len))
	}
	data, err := io.ReadAll(r)
	return answer{Data: data}, err
}
