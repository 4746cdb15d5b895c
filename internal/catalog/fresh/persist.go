package fresh

import (
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
	"time"

	"ccsfs/internal/osfile"
)

// Files: what is saved, whole or not at all, and checked when it is read. What is in them
// is up to the source.

const (
	maxSaved    = 1 << 30          // bytes; a larger file is not ours
	leftoverAge = 10 * time.Minute // of a temporary file that no writer has any more
)

// Store is the directory where values are saved. Everything in it can be
// had again, so that no failure of it is one of the values: it is logged
// once, and the file does not count.
type Store struct {
	dir   string // "": nothing is saved
	magic string // begins each file
	what  string // that is saved
	scope *Scope
}

// open makes the directories and removes what a crash left half written.
func (s *Store) open(subdirs []string) {
	if s.dir == "" {
		return
	}
	for _, d := range append([]string{"", FailedDir}, subdirs...) {
		d = filepath.Join(s.dir, d)
		if err := os.MkdirAll(d, 0o700); err != nil {
			s.cannotSave(err)
			return
		}
		s.sweep(d)
	}
}

// sweep removes old temporary files, whose names have a leading dot.
func (s *Store) sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // nothing to remove, then
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") || !strings.Contains(e.Name(), ".json") {
			continue
		}
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() && s.scope.Now().Sub(i.ModTime()) > leftoverAge {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				s.scope.log.Debug("cannot remove a leftover", "path", e.Name(), "error", err)
			}
		}
	}
}

// Names returns the files in a directory below, sorted; none where it cannot be read.
func (s *Store) Names(subdir string) (names []string) {
	if s.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, subdir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (s *Store) exists(name string) bool {
	if s.dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(s.dir, name))
	return err == nil
}

// Write saves v under name, whole or not at all.
func (s *Store) Write(name string, v any) { s.writeAs(s.magic, name, v) }

// writeAs saves v in a file that begins with a magic, and reports whether that
// went well.
func (s *Store) writeAs(begin, name string, v any) bool {
	payload, err := json.Marshal(v)
	if err != nil {
		s.cannotSave(err)
		return false
	}
	return s.writeData(name, Seal(begin, payload))
}

// writeData saves what is a file already, whole or not at all, and reports whether that went
// well.
func (s *Store) writeData(name string, data []byte) bool {
	if s.dir == "" {
		return false
	}
	path := filepath.Join(s.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700) // it may have been removed under way
	if err == nil {
		err = osfile.WriteFile(path, data, 0o600)
	}
	if err != nil {
		s.cannotSave(err)
		return false
	}
	s.scope.News("saving", "")
	return true
}

// Remove takes a saved file away.
func (s *Store) Remove(name string) {
	if s.dir == "" {
		return
	}
	if err := osfile.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.scope.log.Warn("cannot remove what was saved of something that is not accessible any more", "path", name, "error", err)
	}
}

func (s *Store) cannotSave(err error) {
	if s.scope.News("saving", "fails") {
		s.scope.log.Warn("cannot save "+s.what+": the next mount will have to ask for them again", "path", s.dir, "error", err)
	}
}

// stamp tells one state of a saved file from another; the zero value is that
// there is none.
type stamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

func (s *Store) stamp(name string) stamp {
	if s.dir == "" {
		return stamp{}
	}
	i, err := os.Stat(filepath.Join(s.dir, name))
	if err != nil {
		return stamp{}
	}
	st := stamp{size: i.Size(), modified: i.ModTime()}
	if id, _, ok := osfile.Identity(i); ok {
		st.inode = id.Inode
	}
	return st
}

// Read parses the file with a name, unless there is none, it does not count, or
// it says that something was refused; then it returns that. A nil parse takes
// refusals only.
func (s *Store) Read(name string, parse func(payload []byte) (time.Time, error)) (r *Refusal) {
	if s.dir == "" {
		return nil
	}
	path := filepath.Join(s.dir, name)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var at time.Time
	if err == nil {
		var payload []byte
		switch payload, err = Unseal(RefusedMagic, data); {
		case err == nil:
			r, err = parseRefusal(payload, name)
		case parse == nil:
		default:
			if payload, err = Unseal(s.magic, data); err == nil {
				at, err = parse(payload)
			}
		}
	}
	if err != nil {
		if s.scope.News("damaged "+name, "damaged") {
			s.scope.log.Warn("a saved file does not count and will be replaced", "path", path, "error", err)
		}
		return nil
	}
	if at.Sub(s.scope.Now()) > clockSlack && s.scope.News("future "+name, "future") {
		s.scope.log.Warn("a saved file is from the future, a clock is or was wrong: it counts as old", "path", path, "time", at)
	}
	return r
}

func readFile(path string) ([]byte, error) {
	f, err := osfile.OpenToRead(path) // a pipe must not hold us up
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	i, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !i.Mode().IsRegular() || i.Size() > maxSaved:
		return nil, errors.New("not a file of this program")
	}
	return io.ReadAll(io.LimitReader(f, maxSaved))
}

// Seal makes the text of a file of what is in it: a magic that it begins with, the
// sha256 of the payload in hex and a new line, and the payload. What a failing disk
// changed is not taken for what was saved.
func Seal(magic string, payload []byte) []byte {
	out := make([]byte, 0, headerLength(magic)+len(payload))
	out = append(out, magic...)
	sum := sha256.Sum256(payload)
	out = hex.AppendEncode(out, sum[:])
	out = append(out, '\n')
	return append(out, payload...)
}

func headerLength(magic string) int { return len(magic) + 2*sha256.Size + 1 }

// Unseal takes what Seal made of a payload.
func Unseal(magic string, data []byte) ([]byte, error) {
	header := headerLength(magic)
	if len(data) < header || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("does not begin with %q", magic)
	}
	payload := data[header:]
	sum := sha256.Sum256(payload)
	if string(data[len(magic):header]) != hex.EncodeToString(sum[:])+"\n" {
		return nil, errors.New("damaged: its checksum does not fit")
	}
	return payload, nil
}
