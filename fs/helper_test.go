//go:build linux

package fs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"
)

// helperVariable makes the test binary be one of the programs below.
const helperVariable = "CCSFS_FS_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func([]string) error{
		"storm": stormingReader, "mmap": mmapReader, "testfs": testFS, "serve": serveAndHang, "stale": manyReaders,
		"sendfile": sendReader, "splice": spliceReader, "race": racingReaders,
	}
	if f := helpers[os.Getenv(helperVariable)]; f != nil {
		if err := f(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if signal.Ignored(unix.SIGINT) { // as in the background of a script, and programs would inherit that
		signal.Notify(make(chan os.Signal, 1), unix.SIGINT)
	}
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // else each helper takes a second to end
	os.Exit(m.Run())
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

// stormingReader reads a file while signals rain on the reading thread, without
// trying again after an EINTR as most libraries do.
func stormingReader(args []string) error {
	runtime.LockOSThread()
	signals := []os.Signal{unix.SIGURG, unix.SIGWINCH, unix.SIGALRM, unix.SIGCHLD, unix.SIGPROF, unix.SIGUSR1, unix.SIGIO}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, signals...)
	pid, tid := os.Getpid(), unix.Gettid()
	go func() {
		for i := 0; ; i++ {
			unix.Tgkill(pid, tid, signals[i%len(signals)].(unix.Signal))
			time.Sleep(time.Millisecond)
		}
	}()
	fd, err := syscall.Open(args[0], syscall.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(fd, buf)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			return nil
		}
		os.Stdout.Write(buf[:n])
	}
}

// mmapReader writes a file that it maps.
func mmapReader(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(m)
	return err
}

// sendReader writes a file by sendfile(2), which believes the size that the
// kernel has and asks for no other.
func sendReader(args []string) error {
	fd, err := syscall.Open(args[0], syscall.O_RDONLY, 0)
	if err != nil {
		return err
	}
	for {
		if n, err := unix.Sendfile(1, fd, nil, 1<<20); n == 0 || err != nil {
			return err
		}
	}
}

// spliceReader does the same by splice(2). Its standard output must be a pipe.
func spliceReader(args []string) error {
	fd, err := syscall.Open(args[0], syscall.O_RDONLY, 0)
	if err != nil {
		return err
	}
	for {
		if n, err := unix.Splice(fd, nil, 1, nil, 60_000, 0); n == 0 || err != nil {
			return err
		}
	}
}

// testFS runs Go's own conformance test of file systems.
func testFS(args []string) error {
	return fstest.TestFS(os.DirFS(args[0]), args[1:]...)
}

// serveAndHang mounts, with a umask if it gets one, and never ends by itself.
func serveAndHang(args []string) error {
	st := newFakeStore()
	st.put("a", "hello")
	cfg := Config{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	if len(args) > 1 {
		umask, err := strconv.ParseUint(args[1], 8, 32)
		if err != nil {
			return err
		}
		cfg.Umask = uint32(umask)
	}
	if _, err := mount(args[0], cfg, newFakeCatalog(doc("a", "")), st); err != nil {
		return err
	}
	fmt.Println("mounted")
	select {}
}

// manyReaders reads all files below a directory again and again until its
// standard input ends, and fails for what is neither of the contents that a
// file may have.
func manyReaders(args []string) error {
	stop := make(chan struct{})
	go func() {
		os.Stdin.Read(make([]byte, 1))
		close(stop)
	}()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		err := fs.WalkDir(os.DirFS(args[0]), ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				return err
			}
			b, err := os.ReadFile(args[0] + "/" + path)
			for errors.Is(err, unix.ESTALE) { // two changes within one open
				b, err = os.ReadFile(args[0] + "/" + path)
			}
			if err != nil {
				return err
			}
			if len(b) == 0 || strings.Trim(string(b), string(b[:1])) != "" || len(b) != 10_000*int(b[0]-'a'+1) {
				return fmt.Errorf("%s: %d bytes, of mixed content or of the wrong size", path, len(b))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
