package directory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/pool"
)

// mount is what a file system over a network does to those who touch it: from when it stands
// still on, they are held until it goes on.
type mount struct {
	mu   sync.Mutex
	at   string        // the step that is held; "": each
	gate chan struct{} // nil: it goes
	held int
	slow time.Duration    // what each step takes
	once map[string]error // what the next one who takes a step gets
}

func (m *mount) touch(step string) error {
	m.mu.Lock()
	err := m.once[step]
	delete(m.once, step)
	gate, slow := m.gate, m.slow
	if m.at != "" && m.at != step {
		gate = nil
	}
	if gate != nil {
		m.held++
	}
	m.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if slow > 0 {
		time.Sleep(slow)
	}
	return err
}

// stop has it stand still at a step, or at each, and returns what has it go on.
func (m *mount) stop(at string) (goOn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gate := make(chan struct{})
	m.at, m.gate = at, gate
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.gate = nil
		close(gate)
	}
}

func (m *mount) holds() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// mounted is a store in a directory that a test may have stand still.
func mounted(t *testing.T, path string) (*Store, *mount) {
	t.Helper()
	m := &mount{once: make(map[string]error)}
	s := Open(path)
	s.touch = m.touch
	return s, m
}

func putText(s *Store, name, text string) error {
	return s.Put(context.Background(), name, strings.NewReader(text), int64(len(text)))
}

func getText(s *Store, name string) (string, error) {
	o, err := s.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer o.Body.Close()
	p, err := io.ReadAll(o.Body)
	return string(p), err
}

// Where the server of the directory is away, and the kernel holds whoever touches it, nobody
// waits without end, and all goes on once it is back.
func TestAMountThatStandsStill(t *testing.T) {
	path := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, m := mounted(t, path)
		large := strings.Repeat("0123456789abcdef", small/8)
		if err := errors.Join(putText(s, "d/small", "text"), putText(s, "d/large", large)); err != nil {
			t.Fatal(err)
		}
		open, err := s.Get(t.Context(), "d/large")
		if err != nil {
			t.Fatal(err)
		}
		goOn := m.stop("")
		begun := time.Now()
		for what, err := range map[string]error{
			"get":    func() error { _, err := getText(s, "d/small"); return err }(),
			"put":    putText(s, "d/new", "text"),
			"remove": s.Remove(t.Context(), "d/small"),
			"read":   func() error { _, err := open.Body.Read(make([]byte, 10)); return err }(),
			"list": func() (err error) {
				for _, err = range s.List(t.Context(), "") {
				}
				return err
			}(),
		} {
			if !errors.Is(err, pool.ErrAway) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := open.Body.Close(); !errors.Is(err, pool.ErrAway) {
			t.Errorf("close: %v", err)
		}
		if took, most := time.Since(begun), 5*patience+stall; took > most {
			t.Errorf("all of it took %v, more than %v", took, most)
		}
		goOn()
		synctest.Wait()
		if got, err := getText(s, "d/small"); err == nil && got != "text" || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %q (%v)", got, err) // what was to be removed may be by now
		}
		if _, err := getText(s, "d/new"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what was given up was put later: %v", err)
		}
		if got, err := getText(s, "d/large"); err != nil || got != large {
			t.Errorf("read %d bytes (%v)", len(got), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who leaves is not held, and neither is Close.
func TestWhoLeavesIsNotHeld(t *testing.T) {
	path := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, m := mounted(t, path)
		if err := putText(s, "a", "text"); err != nil {
			t.Fatal(err)
		}
		goOn := m.stop("")
		defer goOn()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, cancel)
		begun := time.Now()
		if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) || errors.Is(err, pool.ErrAway) {
			t.Errorf("get: %v", err)
		}
		if took := time.Since(begun); took != time.Second/2 {
			t.Errorf("who left did after %v", took)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// However many come while it stands still, few threads of the process are held.
func TestFewAreHeld(t *testing.T) {
	path := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, m := mounted(t, path)
		defer s.Close()
		goOn := m.stop("")
		var all sync.WaitGroup
		for range 10 * atOnce {
			all.Go(func() {
				if _, err := getText(s, "a"); !errors.Is(err, pool.ErrAway) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := m.holds(); n > atOnce {
			t.Errorf("%d are held, more than %d", n, atOnce)
		}
		goOn()
		synctest.Wait()
		if _, err := getText(s, "a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it went on: %v", err)
		}
	})
}

// However many come while it is slow, none of them is told that it stands still.
func TestASlowMountIsUsedByMany(t *testing.T) {
	path := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, m := mounted(t, path)
		defer s.Close()
		if err := putText(s, "d/a", "text"); err != nil {
			t.Fatal(err)
		}
		m.slow = patience / 4
		var all sync.WaitGroup
		for range 10 * atOnce {
			all.Go(func() {
				if got, err := getText(s, "d/a"); err != nil || got != "text" {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		all.Wait()
	})
}

// What is large may take the server long to make durable, as long as it gets on.
func TestALargeOneOverASlowLine(t *testing.T) {
	path := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := Open(path)
		defer s.Close()
		durable := int64(0)
		s.touch = func(step string) error {
			files, _ := os.ReadDir(filepath.Join(path, unfinished))
			if step != "sync" || len(files) != 1 {
				return nil
			}
			info, err := files[0].Info()
			if err != nil {
				return err
			}
			time.Sleep(time.Duration(info.Size()-durable) * time.Second / (512 << 10))
			durable = info.Size()
			return nil
		}
		large := strings.Repeat("0123456789abcdef", 24<<16)
		if err := putText(s, "d/large", large); err != nil {
			t.Fatal(err)
		}
		if got, err := getText(s, "d/large"); err != nil || got != large {
			t.Errorf("read %d bytes (%v)", len(got), err)
		}
	})
}

// What is put is not touched once nobody waits for that: it may be closed by then. It leaves
// nothing behind either.
func TestABodyIsNotReadLater(t *testing.T) {
	for _, step := range []string{"mkdir", "make", "write", "sync"} {
		path := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s, m := mounted(t, path)
			defer s.Close()
			goOn := m.stop(step)
			body := &closing{Reader: bytes.NewReader([]byte("text"))}
			if err := s.Put(t.Context(), "a", body, 4); !errors.Is(err, pool.ErrAway) {
				t.Errorf("%s: %v", step, err)
			}
			body.closed = true
			goOn()
			synctest.Wait()
			if body.late {
				t.Errorf("%s: it was read later", step)
			}
			if _, err := getText(s, "a"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: it was put later (%v)", step, err)
			}
			if left, err := os.ReadDir(filepath.Join(path, unfinished)); err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) != 0 {
				t.Errorf("%s: left %v (%v)", step, left, err)
			}
		})
	}
}

type closing struct {
	*bytes.Reader
	closed, late bool
}

func (c *closing) ReadAt(p []byte, off int64) (int, error) {
	c.late = c.late || c.closed
	return c.Reader.ReadAt(p, off)
}

// A file that another machine replaces is forgotten under its readers by NFS (ESTALE).
func TestReplacedWhileItIsRead(t *testing.T) {
	s, m := mounted(t, t.TempDir())
	defer s.Close()
	if err := putText(s, "d/a", "text"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"find", "look", "open", "read"} {
		m.once[step] = &fs.PathError{Op: step, Path: "d/a", Err: syscall.ESTALE}
		if got, err := getText(s, "d/a"); err != nil || got != "text" {
			t.Errorf("%s: %q (%v)", step, got, err)
		}
	}
	m.once["list"] = &fs.PathError{Op: "list", Path: "d", Err: syscall.ESTALE}
	var names []string
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Error(err)
		}
		names = append(names, info.Name)
	}
	if len(names) != 1 {
		t.Errorf("listed %q", names)
	}
}

// What a machine remembers of directories that another one removed is no answer about an object.
func TestADirectoryThatWent(t *testing.T) {
	for _, step := range []string{"make", "rename"} {
		s, m := mounted(t, t.TempDir())
		m.once[step] = &fs.PathError{Op: step, Path: unfinished, Err: syscall.ENOENT}
		if err := putText(s, "d/a", "text"); !errors.Is(err, pool.ErrAway) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", step, err)
		}
		if err := errors.Join(putText(s, "d/a", "text"), s.Close()); err != nil {
			t.Errorf("%s, then: %v", step, err)
		}
	}
}
