package index

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"ccsfs/internal/osfile"
)

// The file of an index: lines that several processes append to and read, and that one
// of them writes anew now and then. What the lines mean is index.go's to say.

// catchUp reads what was added to the file since it was last read, or the whole
// of it when it is another file now. x.mu is held.
func (x *Index) catchUp() {
	x.looked = x.now()
	st, err := osfile.Lstat(x.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			x.log.Warn("index not readable", "path", x.path, "error", err)
		}
		return
	}
	if x.file != nil && (!os.SameFile(x.file, st) || st.Size() < x.read) {
		x.read, x.lines = 0, 0
	}
	if x.file = st; st.Size() == x.read {
		return
	}
	if !st.Mode().IsRegular() {
		x.log.Warn("index not readable", "path", x.path, "error", "not a file")
		return
	}
	f, err := x.openFile(os.O_RDONLY)
	if err != nil {
		x.log.Warn("index not readable", "path", x.path, "error", err)
		return
	}
	defer f.Close()
	if _, err := f.Seek(x.read, io.SeekStart); err != nil {
		return
	}
	if bad := x.scan(f, st.Size()-x.read); bad > 0 {
		x.log.Warn("damaged index lines left out; their documents are asked for again",
			"path", x.path, "lines", bad)
	}
	for _, r := range x.later {
		if err := x.append(r); err != nil {
			x.log.Debug("time not written down", "path", x.path, "error", err)
		}
	}
	x.later = nil
}

// scan takes in lines from the next n bytes of rd and returns how many were damaged. It is
// done for every document that is fetched, mostly to find a line or two.
func (x *Index) scan(rd io.Reader, n int64) (bad int) {
	br := bufio.NewReaderSize(io.LimitReader(rd, n), int(min(n+1, maxLine))) // full only of what is no line
	for {
		line, err := br.ReadSlice('\n')
		x.read += int64(len(line))
		for errors.Is(err, bufio.ErrBufferFull) { // no line of ours: skip it
			line, err = br.ReadSlice('\n')
			x.read += int64(len(line))
			line = line[:0]
			bad++
		}
		if x.torn = err != nil && len(line) > 0; x.torn {
			// The tail may be a line that is being written right now: leave it
			// for the next look.
			x.read -= int64(len(line))
			return bad
		}
		if err != nil {
			return bad
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		x.lines++
		r, err := decodeLine(line)
		if err != nil {
			bad++
			continue
		}
		if r.Failure != nil {
			x.takeFailure(r)
			continue
		}
		x.take(r)
	}
}

// take makes a line read from the file the record of its document. A size alone
// does not displace a hash of that size: it says less.
func (x *Index) take(r *Record) {
	if r.By == x.id {
		return
	}
	r.By = "" // nobody wants to know any more
	old := x.shelf.record(r.ID)
	if old != nil && old.Void && !r.Checked.After(old.Checked) {
		return
	}
	if old != nil && old.SHA256 != "" && r.SHA256 == "" && old.Version().Is(r.Version()) && old.Size == r.Size {
		return
	}
	if now, taken := x.place(r); taken && now.Seen.After(r.FirstSeen()) {
		x.later = append(x.later, now)
	}
}

// line is r as a line of this index.
func (x *Index) line(r *Record) ([]byte, error) {
	signed := *r
	signed.By = x.id
	return encodeLine(&signed)
}

// append writes a line at the end of the file. x.mu is held.
func (x *Index) append(r *Record) error {
	line, err := x.line(r)
	if err != nil {
		return err
	}
	return x.write(line)
}

// write writes whole lines at the end of the file. x.mu is held.
func (x *Index) write(line []byte) error {
	f, err := x.openForAppend()
	if err != nil {
		return err
	}
	defer f.Close()
	if x.torn {
		line = append([]byte("\n"), line...)
	}
	if _, err := f.Write(line); err != nil {
		x.torn = true
		return err
	}
	x.torn = false
	return f.Close()
}

// lockAgain is how long a lock that was waited for in vain is not waited for.
const lockAgain = 30 * time.Second

// openFile opens the file, and nothing else: a pipe in its place must not hold us up,
// and a symbolic link must not lead to somebody's file, which lines would be appended to.
func (x *Index) openFile(flags int) (*os.File, error) {
	return osfile.Open(x.path, flags, 0o600)
}

// openForAppend opens the file under a shared lock, so that no other process is
// compacting it, and makes sure that it still is the file of that name. Where
// another process keeps it locked the line goes without: at worst it is lost with
// the file, and its document asked for again.
func (x *Index) openForAppend() (*os.File, error) {
	for range 10 {
		f, err := x.openFile(os.O_WRONLY | os.O_APPEND | os.O_CREATE)
		if errors.Is(err, syscall.ELOOP) && os.Remove(x.path) == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) { // cleaned away under us: build it again
			if err = os.MkdirAll(filepath.Dir(x.path), 0o700); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if now := x.now(); !x.lockless.After(now) || x.lockless.After(now.Add(lockAgain)) {
			if !lockShared(f) {
				x.lockless = now.Add(lockAgain)
			}
		}
		st1, err1 := f.Stat()
		st2, err2 := os.Lstat(x.path)
		if err1 == nil && err2 == nil && os.SameFile(st1, st2) {
			return f, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("index %s is being replaced all the time", x.path)
}

// compact rewrites the file with one line a document. x.mu is held.
func (x *Index) compact() error {
	f, err := x.openFile(os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if !lockExclusive(f) { // another process is writing: next time
		return nil
	}
	x.catchUp()
	t, err := osfile.Create(x.path, 0o600)
	if err != nil {
		return err
	}
	defer t.Cleanup()
	w := bufio.NewWriter(t)
	for r := range x.shelf.all() {
		if r.Void {
			continue
		}
		line, err := x.line(r)
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := x.writeFailures(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := t.Replace(); err != nil {
		return err
	}
	x.file, x.read, x.lines, x.torn = nil, 0, 0, false
	x.catchUp()
	return nil
}
