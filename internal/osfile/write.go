package osfile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// Pending is a file that is being written beside the one whose place it is to take.
type Pending struct {
	*os.File
	path string
	over bool
}

// Create begins a file for a path. Its mode is perm less the umask, or just perm if that is
// for the owner alone. Until Replace it has the name of the path with a dot before and digits
// behind it, which whoever is killed leaves.
func Create(path string, perm fs.FileMode) (*Pending, error) {
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		f, err := Open(filepath.Join(dir, temporary(base)), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) && try < maxNames {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := &Pending{File: f, path: path}
		if perm&0o077 != 0 {
			return p, nil
		}
		if err := f.Chmod(perm); err != nil {
			p.Cleanup()
			return nil, err
		}
		return p, nil
	}
}

// temporary is a name for a file on its way to another one, or from there.
func temporary(name string) string { return "." + name + strconv.FormatUint(rand.Uint64(), 10) }

// maxNames is how many names are tried that somebody else has.
const maxNames = 100

// Replace puts the file on the disk and in its place, whole or not at all.
func (p *Pending) Replace() error {
	err := p.Sync()
	if closed := p.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = Rename(p.Name(), p.path)
	}
	if err == nil {
		p.over = true
	}
	return err
}

// Cleanup removes the file unless it is in its place.
func (p *Pending) Cleanup() {
	if p.over {
		return
	}
	p.over = true
	_ = p.Close() // it may be closed
	_ = Remove(p.Name())
}

// WriteFile replaces the file at path, whole or not at all: it is on the disk once this has
// returned, its name maybe not, see SyncDir. For perm see Create.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	p, err := Create(path, perm)
	if err != nil {
		return err
	}
	defer p.Cleanup()
	if _, err := p.Write(data); err != nil {
		return err
	}
	return p.Replace()
}
