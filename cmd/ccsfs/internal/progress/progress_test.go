package progress

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a file or a pipe.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What is no terminal gets a line now and then, and only if there is news.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &buffer{}
		c := NewConsole(out, "xterm")
		m := c.Start("copied", 10)
		time.Sleep(interval - time.Second)
		m.Done()
		m.Bytes(2048)
		if out.String() != "" {
			t.Errorf("too early: %q", out)
		}
		time.Sleep(2 * time.Second)
		want := "copied 1 of 10, 2.0 KiB, 136 B/s, 2:15 left\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out, want)
		}
		time.Sleep(5 * interval)
		if out.String() != want {
			t.Errorf("without news: %q", out)
		}
		for range 9 {
			m.Done()
		}
		m.Close()
		time.Sleep(2 * interval)
		if out.String() != want {
			t.Errorf("after the end: %q", out)
		}
		if _, err := c.Write([]byte("a message\n")); err != nil || !strings.HasSuffix(out.String(), "left\na message\n") {
			t.Errorf("%v, %q", err, out)
		}
	})
}

func TestAfter(t *testing.T) {
	for _, tt := range []struct {
		done, total int
		bytes       int
		elapsed     time.Duration
		want        string
	}{
		{0, 10, 0, 0, "0 B"},
		{0, 10, 1 << 20, 2 * time.Second, "1.0 MiB, 512 KiB/s"},
		{5, 10, 1 << 20, 4 * time.Second, "1.0 MiB, 256 KiB/s, 0:04 left"},
		{1, 1001, 0, 4 * time.Second, "0 B, 0 B/s, 1:06:40 left"},
		{10, 10, 10, time.Second / 2, "10 B"},
		{12, 10, 10, time.Second / 2, "10 B"},
	} {
		m := &Meter{total: tt.total}
		m.done.Store(int64(tt.done))
		m.bytes.Store(int64(tt.bytes))
		if got := m.after(tt.elapsed); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// A file is no terminal, whatever TERM says; a bar erases itself from the first
// column, where the terminal may have echoed ^C.
func TestScreen(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c := NewConsole(f, "xterm"); c.terminal != nil {
		t.Error("a file is taken for a terminal")
	}
	s := &screen{f: f}
	for range 2 {
		if _, err := s.WriteString("bar\n"); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(1); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(f.Name())
	if want := "bar\n\r\x1b[1A\x1b[Jbar\n"; err != nil || string(data) != want {
		t.Errorf("%q, %v", data, err)
	}
}
