package cmdutil

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// LogFile is a log that may be rotated while it is written to. Lines are appended, so
// that it may be truncated; and one that was renamed or removed is noticed with the next
// line, which begins another at the path. Reopen does so at once. What is no regular
// file, such as a pipe, stays what it is.
type LogFile struct {
	path    string
	regular bool

	mu sync.Mutex
	f  *os.File // its descriptor stays the same, see follow
}

// OpenLogFile opens a log file as OpenLog does.
func OpenLogFile(path string) (*LogFile, error) {
	f, err := OpenLog(path)
	if err != nil {
		return nil, err
	}
	return newLogFile(f, path), nil
}

// standardError is the log at path where standard error is that file already: what the
// Go runtime says of a crash follows it.
func standardError(path string) *LogFile { return newLogFile(os.Stderr, path) }

func newLogFile(f *os.File, path string) *LogFile {
	info, err := f.Stat()
	return &LogFile{path: path, f: f, regular: err == nil && info.Mode().IsRegular()}
}

// Path is where the log lies, "" where there is none.
func (l *LogFile) Path() string {
	if l == nil {
		return ""
	}
	return l.path
}

// Write implements io.Writer.
func (l *LogFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.regular && l.moved() {
		_ = l.reopen() // then the line goes where the ones before are
	}
	return l.f.Write(p)
}

// Reopen opens what is at the path now, and makes it if nothing is. Where that fails,
// lines go on to where they went before.
func (l *LogFile) Reopen() error {
	if l == nil || !l.regular {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reopen()
}

// moved tells whether what is at the path is not this file any more.
func (l *LogFile) moved() bool {
	there, err := os.Stat(l.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	own, err := l.f.Stat()
	return err == nil && !os.SameFile(there, own)
}

// reopen goes on with what is at the path now.
func (l *LogFile) reopen() error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	f, err := openLog(l.path, false) // a pipe there, by now, must not be waited for
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return &fs.PathError{Op: "open", Path: l.path, Err: errors.New("not a regular file any more")}
	}
	l.f, err = follow(l.f, f)
	return err
}

// Close implements io.Closer. Standard error stays open, for what is said last.
func (l *LogFile) Close() error {
	if l == nil || l.f == os.Stderr {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}
