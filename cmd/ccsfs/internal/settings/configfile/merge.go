package configfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// TakenError names keys that a settings file has already, with other values.
type TakenError struct {
	Path string
	Keys []string
}

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("%s has another %s already; --force replaces it", e.Path, strings.Join(e.Keys, ", "))
}

// Merged is what Merge did.
type Merged struct {
	Changed bool              // the file was written
	Removed map[string]string // by key, what was there
}

// Merge puts values, by key, into the settings file at path, and makes it, with
// mode 0600, if there is none: into the section of an account, which is made, too, or
// with "" to what is for all. What is the default anyway is not written, but another
// value for it is taken out of the file. Everything else stays, comments included. A
// value that is there and differs is replaced or taken out only with force; else the
// error is a *TakenError, and nothing is written.
func Merge(path, account string, values map[string]string, force bool) (Merged, error) {
	done := Merged{Removed: map[string]string{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { // where the lock lies
		return done, err
	}
	defer lockFile(path)()
	data, err := settings.ReadPrivate(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	file, err := settings.ParseFile(path, data)
	if err != nil {
		return done, err
	}
	before := file[account]
	edited := data
	if len(data) == 0 {
		edited = []byte(fileHead)
	}
	var taken []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		old, given := before[nameOf(key)]
		switch {
		case old.Text == values[key], needless(account, key, values[key]) && (!given || isDefault(key, old.Text)):
			continue
		case given && !force:
			taken = append(taken, key)
			continue
		}
		done.Changed = true
		if needless(account, key, values[key]) {
			edited, done.Removed[key] = removeKey(edited, account, key), old.Text
		} else if edited, err = setKey(edited, account, key, values[key], given); err != nil {
			return done, err
		}
	}
	if len(taken) > 0 {
		return Merged{}, &TakenError{path, taken}
	}
	if !done.Changed {
		return done, nil
	}
	if err := checkEdit(path, account, file, edited, values); err != nil {
		return Merged{}, err
	}
	return done, writePrivate(path, edited)
}

// byKey is the setting with a key.
func byKey(key string) (settings.Setting, bool) {
	s, err := settings.Lookup(key) // which takes names, too
	return s, err == nil && s.Key() == key
}

// nameOf is the name of the setting with a key.
func nameOf(key string) string {
	if s, ok := byKey(key); ok {
		return s.Name
	}
	return strings.ReplaceAll(key, "_", "-")
}

// setKey sets a key on its line, or on a new one at the end of its part of the file.
func setKey(data []byte, account, key, value string, given bool) ([]byte, error) {
	line, err := toml.Marshal(map[string]string{key: value})
	if err != nil {
		return nil, err
	}
	if given {
		if at := lineWith(data, account, key); at != nil {
			return slices.Concat(data[:at[0]], line, data[at[1]:]), nil
		}
	}
	return insertLine(data, account, line), nil
}

// isDefault tells whether a text is the default of a setting; a slash at the end
// of an address makes no difference.
func isDefault(key, text string) bool {
	s, ok := byKey(key)
	return ok && text != "" && strings.TrimRight(text, "/") == s.Default
}

// needless tells whether a value need not be written: in a section, the default may be
// what is different.
func needless(account, key, text string) bool { return account == "" && isDefault(key, text) }

// checkEdit makes sure that the edit did what it should and nothing else: it goes
// by lines, and a value may lie on several.
func checkEdit(path, account string, before map[string]settings.Values, edited []byte, values map[string]string) error {
	after, err := settings.ParseFile(path, edited)
	want := texts(before)
	if want[account] == nil {
		want[account] = map[string]string{}
	}
	for key, value := range values {
		if name := nameOf(key); !needless(account, key, value) {
			want[account][name] = value
		} else if v, given := before[account][name]; given && !isDefault(key, v.Text) {
			delete(want[account], name)
		}
	}
	if err != nil || !sameTexts(texts(after), want) {
		return fmt.Errorf("%s cannot be edited safely; take %s out of it, and try again", path, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	return nil
}
