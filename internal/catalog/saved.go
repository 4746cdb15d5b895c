package catalog

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
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

const (
	contractsFile = "contracts.json"
	listingsDir   = "listings"
	detailsDir    = "details"

	// magic begins each file, followed by the sha256 of the rest and a new
	// line: what a failing disk changed must not be taken for a listing.
	// The number is the version of the schema.
	magic = "ccsfs-catalog 1 "

	maxSaved     = 1 << 30          // bytes; a larger file is not ours
	leftoverAge  = 10 * time.Minute // of a temporary file that no writer has any more
	headerLength = len(magic) + 2*sha256.Size + 1
)

// store is the directory where the catalog is saved. Everything in it can be
// had again, so that no failure of it is one of the catalog: it is logged
// once, and the file does not count.
type store struct {
	dir string // "": nothing is saved
	env *env
}

// open makes the directories and removes what a crash left half written.
func (s *store) open() {
	if s.dir == "" {
		return
	}
	for _, d := range []string{s.dir, filepath.Join(s.dir, listingsDir), filepath.Join(s.dir, detailsDir), filepath.Join(s.dir, saidDir), filepath.Join(s.dir, failedDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			s.cannotSave(err)
			return
		}
		s.sweep(d)
	}
}

// sweep removes old temporary files, which renameio names with a leading dot.
func (s *store) sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // nothing to remove, then
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") || !strings.Contains(e.Name(), ".json") {
			continue
		}
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() && s.env.now().Sub(i.ModTime()) > leftoverAge {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				s.env.log.Debug("cannot remove a leftover", "path", e.Name(), "error", err)
			}
		}
	}
}

func (s *store) exists(name string) bool {
	if s.dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(s.dir, name))
	return err == nil
}

// write saves v under name, whole or not at all.
func (s *store) write(name string, v any) { s.writeAs(magic, name, v) }

// writeAs saves v in a file that begins with a magic, and reports whether that
// went well.
func (s *store) writeAs(begin, name string, v any) bool {
	if s.dir == "" {
		return false
	}
	payload, err := json.Marshal(v)
	if err == nil {
		path := filepath.Join(s.dir, name)
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil { // it may have been removed under way
			err = renameio.WriteFile(path, sealAs(begin, payload), 0o600,
				renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
		}
	}
	if err != nil {
		s.cannotSave(err)
		return false
	}
	s.env.news("saving", "")
	return true
}

// remove takes a saved file away.
func (s *store) remove(name string) {
	if s.dir == "" {
		return
	}
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.env.log.Warn("cannot remove what was saved of something that is not accessible any more", "path", name, "error", err)
	}
}

func (s *store) cannotSave(err error) {
	if s.env.news("saving", "fails") {
		s.env.log.Warn("cannot save listings: the next mount will have to ask for them again", "path", s.dir, "error", err)
	}
}

// stamp tells one state of a saved file from another; the zero value is that
// there is none.
type stamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

func (s *store) stamp(name string) stamp {
	if s.dir == "" {
		return stamp{}
	}
	i, err := os.Stat(filepath.Join(s.dir, name))
	if err != nil {
		return stamp{}
	}
	st := stamp{size: i.Size(), modified: i.ModTime()}
	if sys, ok := i.Sys().(*syscall.Stat_t); ok {
		st.inode = uint64(sys.Ino) //nolint:unconvert // narrower elsewhere
	}
	return st
}

// read parses the file with a name, unless there is none, it does not count, or
// it says that something was refused; then it returns that. A nil parse takes
// refusals only.
func (s *store) read(name string, parse func(payload []byte) (time.Time, error)) (r *refusal) {
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
		switch payload, err = unsealAs(refusedMagic, data); {
		case err == nil:
			r, err = parseRefusal(payload, name)
		case parse == nil:
		default:
			if payload, err = unseal(data); err == nil {
				at, err = parse(payload)
			}
		}
	}
	if err != nil {
		if s.env.news("damaged "+name, "damaged") {
			s.env.log.Warn("a saved file does not count and will be replaced", "path", path, "error", err)
		}
		return nil
	}
	if at.Sub(s.env.now()) > clockSlack && s.env.news("future "+name, "future") {
		s.env.log.Warn("a saved file is from the future, a clock is or was wrong: it counts as old", "path", path, "time", at)
	}
	return r
}

func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold us up
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

func seal(payload []byte) []byte { return sealAs(magic, payload) }

func sealAs(begin string, payload []byte) []byte {
	out := make([]byte, 0, headerLength+len(payload))
	out = append(out, begin...)
	sum := sha256.Sum256(payload)
	out = hex.AppendEncode(out, sum[:])
	out = append(out, '\n')
	return append(out, payload...)
}

func unseal(data []byte) ([]byte, error) { return unsealAs(magic, data) }

// unsealAs takes what sealAs made of a payload. All magics are of one length.
func unsealAs(begin string, data []byte) ([]byte, error) {
	if len(data) < headerLength || string(data[:len(begin)]) != begin {
		return nil, fmt.Errorf("does not begin with %q", begin)
	}
	payload := data[headerLength:]
	sum := sha256.Sum256(payload)
	if string(data[len(magic):headerLength]) != hex.EncodeToString(sum[:])+"\n" {
		return nil, errors.New("damaged: its checksum does not fit")
	}
	return payload, nil
}
