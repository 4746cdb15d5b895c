//go:build !windows

package fs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns what was written since it was last called.
func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

func TestFaultLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		l := newFaultLog(slog.New(slog.NewTextHandler(&out, nil)), time.Now)
		report := func(op string, errno syscall.Errno, n int) {
			for i := range n {
				l.report(op, errno, errors.New("no network"), func() string { return fmt.Sprintf("/C1/%d", i) })
			}
		}
		lines := func() int { return strings.Count(out.take(), "\n") }

		report("open", syscall.EHOSTUNREACH, 10_000)
		report("read", syscall.EIO, 1)
		text := out.take()
		if n := strings.Count(text, "\n"); n != faultsPerWindow+1 {
			t.Errorf("%d lines for 10,000 failures of one kind and one of another", n)
		}
		for _, want := range []string{"op=open", "path=/C1/0", "errno=EHOSTUNREACH", `error="no network"`, "errno=EIO"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in the log", want)
			}
		}
		time.Sleep(2 * faultWindow)
		synctest.Wait()
		if text := out.take(); !strings.Contains(text, fmt.Sprint("left_out=", 10_000-faultsPerWindow)) {
			t.Errorf("a minute later: %q", text)
		}
		report("open", syscall.EHOSTUNREACH, faultsPerWindow+2)
		if n := lines(); n != faultsPerWindow {
			t.Errorf("%d lines in the next minute", n)
		}
		l.close()
		if text := out.take(); !strings.Contains(text, "left_out=2") {
			t.Errorf("at the end: %q", text)
		}
		report("lookup", syscall.ENOENT, 3)
		report("read", syscall.EINTR, 3)
		if n := lines(); n != 0 {
			t.Errorf("%d lines for what is no fault", n)
		}
		report("revalidate", syscall.ESTALE, 1)
		if text := out.take(); !strings.Contains(text, "level=INFO") || !strings.Contains(text, "errno=ESTALE") {
			t.Errorf("of a name that leads elsewhere: %q", text)
		}
	})
}
