//go:build !windows

package fs

import (
	"context"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// faultWindow and faultsPerWindow bound what failures of one kind write: a
	// walk over ten thousand files while the API is away must not fill the log.
	faultWindow     = time.Minute
	faultsPerWindow = 5
)

// faultLog writes failed operations: path, errno and cause. Failures that are
// part of ordinary life (ENOENT, EINTR) are for debugging only; the others
// warn, or inform (ESTALE, which the kernel answers with another lookup), a few times a minute for each operation and errno.
type faultLog struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	seen map[faultKind]*faultCount // a few dozen kinds at most
}

type faultKind struct {
	op    string
	errno syscall.Errno
}

type faultCount struct {
	since   time.Time
	n       int         // in this window
	summary *time.Timer // tells of those left out, nil if there are none yet
}

func newFaultLog(log *slog.Logger, now func() time.Time) *faultLog {
	return &faultLog{log: log, now: now, seen: make(map[faultKind]*faultCount)}
}

// report writes one failure. path is only called if it is written.
func (l *faultLog) report(op string, errno syscall.Errno, err error, path func() string) {
	level := slog.LevelWarn
	switch errno {
	case syscall.ENOENT, syscall.EINTR:
		level = slog.LevelDebug
	case syscall.ESTALE:
		level = slog.LevelInfo // nobody sees it, unless it happens again and again
	}
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	if level > slog.LevelDebug && !l.admit(faultKind{op, errno}) {
		return
	}
	l.log.Log(context.Background(), level, "operation failed",
		"op", op, "path", path(), "errno", unix.ErrnoName(errno), "error", err)
}

// admit says whether a failure of a kind is to be written, and counts it.
func (l *faultLog) admit(k faultKind) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.seen[k]
	now := l.now()
	if c == nil || now.Sub(c.since) >= faultWindow {
		if c != nil {
			l.summarise(k, c)
		}
		c = &faultCount{since: now}
		l.seen[k] = c
	}
	if c.n++; c.n <= faultsPerWindow {
		return true
	}
	if c.summary == nil {
		c.summary = time.AfterFunc(faultWindow-now.Sub(c.since), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.summarise(k, c)
		})
	}
	return false
}

// summarise says how many failures were left out since it was last said. l.mu
// is held.
func (l *faultLog) summarise(k faultKind, c *faultCount) {
	if c.summary != nil {
		c.summary.Stop()
	}
	left := c.n - faultsPerWindow
	if left <= 0 {
		return
	}
	c.n = faultsPerWindow
	l.log.Warn("more operations failed in the same way", "op", k.op,
		"errno", unix.ErrnoName(k.errno), "left_out", left)
}

// close writes the summaries that are due.
func (l *faultLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, c := range l.seen {
		l.summarise(k, c)
	}
}
