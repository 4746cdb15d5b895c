package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Target is the file that a bundle gets into, whole or not at all.
type Target struct {
	path  string
	force bool
}

// NewTarget finds out whether the file can be written, so that what cannot is known at
// once: the API is asked for nothing then.
func NewTarget(env cmdutil.Environment, path string, force bool) (*Target, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dirs.Work, path)
	}
	switch info, err := os.Lstat(path); {
	case err == nil && info.IsDir():
		return nil, exitcode.Errorf(exitcode.Usage, "--bundle: %s is a directory; name a file in it", path)
	case err == nil && force && !info.Mode().IsRegular():
		return nil, exitcode.Errorf(exitcode.Usage, "--bundle: %s is no regular file, and is not replaced", path)
	case err == nil && !force:
		return nil, exists(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, unwritable(err)
	}
	if err := durable.Try(filepath.Dir(path)); err != nil {
		return nil, unwritable(fmt.Errorf("%s: %w", filepath.Dir(path), err))
	}
	return &Target{path, force}, nil
}

func exists(path string) error {
	return exitcode.Errorf(exitcode.Usage, "--bundle: %s is there already; choose another name, or add --force to replace it", path)
}

func unwritable(err error) error {
	return exitcode.Errorf(exitcode.Failed, "the bundle cannot be written: %w", err)
}

// write puts the content into its place, and leaves nothing elsewhere.
func (t *Target) write(content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(t.path), ".ccsfs-bundle-") // 0600
	if err != nil {
		return t.failed(err)
	}
	defer os.Remove(f.Name())
	return t.fill(f, content)
}

// fill writes the content into a temporary file and gives that its name.
func (t *Target) fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = t.place(f.Name())
	}
	return t.failed(err)
}

// failed words an error, without the name of the temporary.
func (t *Target) failed(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return exists(t.path)
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return unwritable(fmt.Errorf("%s: %w", t.path, err))
}

// place gives the temporary its name. Unless that is wanted it replaces nothing, not even
// what came meanwhile.
func (t *Target) place(temporary string) error {
	if t.force {
		return os.Rename(temporary, t.path)
	}
	err := os.Link(temporary, t.path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(t.path); err == nil { // a file system without links, such as FAT
		return fs.ErrExist
	}
	return os.Rename(temporary, t.path)
}
