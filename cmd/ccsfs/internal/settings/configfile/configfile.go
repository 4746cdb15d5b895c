// Package configfile changes config.toml, the settings file, for its user: sets and unsets
// what is in it, adds what was imported, takes accounts out, puts what an editor made in its
// place. All that somebody wrote there stays as it is, comments and order included; what
// cannot be changed without doing harm to the rest is refused, and the file is as it was. It
// is written whole or not at all, with mode 0600.
//
// What a settings file means, and whether its values will do, is for package settings to say:
// nothing here reads TOML but through it.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/osfile"
)

// Read returns the text of the settings file at path, or how a new one begins.
func Read(path string) (data []byte, there bool, err error) {
	data, err = settings.ReadPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte(fileHead), false, nil
	}
	return data, err == nil, err
}

// ErrChanged says that a settings file is not any more what it was.
var ErrChanged = errors.New("somebody has changed the settings file meanwhile")

// Replace writes the settings file at path anew, unless it is not what it was: that is
// ErrChanged.
func Replace(path string, was, data []byte, there bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	defer lockFile(path)()
	now, still, err := Read(path)
	switch {
	case err != nil:
		return err
	case still != there || !bytes.Equal(now, was):
		return ErrChanged
	}
	return writePrivate(path, data)
}

// fileHead begins a settings file.
const fileHead = "# Settings of ccsfs; `ccsfs help settings` lists all there are.\n"

// texts are the values of a settings file, by account and name.
func texts(file map[string]settings.Values) map[string]map[string]string {
	all := map[string]map[string]string{}
	for account, values := range file {
		all[account] = map[string]string{}
		for name, v := range values {
			all[account][name] = v.Text
		}
	}
	return all
}

// sameTexts tells whether two settings files mean the same.
func sameTexts(a, b map[string]map[string]string) bool {
	return maps.EqualFunc(a, b, maps.Equal[map[string]string])
}

// lockMost is how long another process is waited for that changes settings: longer than any
// takes that is not stopped.
const lockMost = 5 * time.Second

// lockFile keeps other processes from changing the settings file at path until unlock is
// called. Where that cannot be had it goes without: each file is whole all the same.
func lockFile(path string) (unlock func()) {
	for waited := time.Duration(0); waited < lockMost; waited += 10 * time.Millisecond {
		lock, err := osfile.TryLockDir(filepath.Dir(path))
		if err == nil {
			return func() { _ = lock.Close() }
		}
		if !errors.Is(err, osfile.ErrLocked) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() {}
}

// writePrivate writes a file whole or not at all, for its owner alone. A symbolic
// link stays one: what it leads to is written, also where that is not there yet.
func writePrivate(path string, data []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if to, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err := osfile.WriteFile(path, data, 0o600)
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", path, p.Err) // not the name of the temporary file
	}
	return err
}
