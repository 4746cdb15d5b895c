package settings

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/pelletier/go-toml/v2"
)

// Check tells whether a text would do for the setting with this key of
// config.toml. The error does not quote it.
func Check(key, text string) error {
	for _, s := range Table() {
		if s.Key() == key {
			return s.check(&Settings{}, text)
		}
	}
	return fmt.Errorf("%q is no setting", key)
}

// TakenError names keys that a settings file has already, with other values.
type TakenError struct {
	Path string
	Keys []string
}

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("%s has another %s already; --force replaces it", e.Path, strings.Join(e.Keys, ", "))
}

// KeysIn returns where the settings file at path sets which key, nothing if there is
// no such file.
func KeysIn(path string) (map[string]Source, error) {
	values, err := readFile(path)
	if err != nil && !missing(err) {
		return nil, err
	}
	keys := map[string]Source{}
	for name, v := range values {
		keys[snake(name)] = v.from
	}
	return keys, nil
}

// Edit is what EditFile did.
type Edit struct {
	Changed bool              // the file was written
	Removed map[string]string // by key, what was there
}

// EditFile puts values, by key, into the settings file at path, and makes it, with
// mode 0600, if there is none. What is the default anyway is not written, but another
// value for it is taken out of the file. Everything else stays, comments included. A
// value that is there and differs is replaced or taken out only with force; else the
// error is a *TakenError, and nothing is written.
func EditFile(path string, values map[string]string, force bool) (Edit, error) {
	done := Edit{Removed: map[string]string{}}
	data, err := readPrivate(path)
	if err != nil && !missing(err) {
		return done, err
	}
	before, err := parseFile(path, data)
	if err != nil {
		return done, err
	}
	edited := data
	if len(data) == 0 {
		edited = []byte("# Settings of ccsfs; `ccsfs help settings` lists all there are.\n")
	}
	var taken []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		old, given := before[nameOf(key)]
		switch {
		case old.text == values[key], isDefault(key, values[key]) && (!given || isDefault(key, old.text)):
			continue
		case given && !force:
			taken = append(taken, key)
			continue
		}
		done.Changed = true
		if isDefault(key, values[key]) {
			edited, done.Removed[key] = removeKey(edited, key), old.text
		} else if edited, err = setKey(edited, key, values[key], given); err != nil {
			return done, err
		}
	}
	if len(taken) > 0 {
		return Edit{}, &TakenError{path, taken}
	}
	if !done.Changed {
		return done, nil
	}
	if err := checkEdit(path, before, edited, values); err != nil {
		return Edit{}, err
	}
	return done, writePrivate(path, edited)
}

// nameOf is the name of the setting with a key.
func nameOf(key string) string { return strings.ReplaceAll(key, "_", "-") }

// setKey sets a key on its line, or on a new one at the end.
func setKey(data []byte, key, value string, given bool) ([]byte, error) {
	line, err := toml.Marshal(map[string]string{key: value})
	if err != nil {
		return nil, err
	}
	if given {
		if at := lineWith(data, key); at != nil {
			return slices.Concat(data[:at[0]], line, data[at[1]:]), nil
		}
	}
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(slices.Clip(data), '\n')
	}
	return slices.Concat(data, line), nil
}

// isDefault tells whether a text is the default of a setting; a slash at the end
// of an address makes no difference.
func isDefault(key, text string) bool {
	i := slices.IndexFunc(Table(), func(s Setting) bool { return s.Key() == key })
	return i >= 0 && text != "" && strings.TrimRight(text, "/") == Table()[i].Default
}

// removeKey takes the line of a key away.
func removeKey(data []byte, key string) []byte {
	at := lineWith(data, key)
	if at == nil {
		return data // checkEdit tells
	}
	return slices.Concat(data[:at[0]], data[at[1]:])
}

// lineWith finds the line that sets a key; nil if it is not a line of its own.
func lineWith(data []byte, key string) []int {
	return regexp.MustCompile(`(?m)^[ \t]*["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*=.*\n?`).FindIndex(data)
}

// checkEdit makes sure that the edit did what it should and nothing else: it goes
// by lines, and a value may lie on several.
func checkEdit(path string, before fileValues, edited []byte, values map[string]string) error {
	after, err := parseFile(path, edited)
	want := map[string]string{}
	for name, v := range before {
		want[name] = v.text
	}
	for key, value := range values {
		if name := nameOf(key); !isDefault(key, value) {
			want[name] = value
		} else if v, given := before[name]; given && !isDefault(key, v.text) {
			delete(want, name)
		}
	}
	got := map[string]string{}
	for name, v := range after {
		got[name] = v.text
	}
	if err != nil || !maps.Equal(got, want) {
		return fmt.Errorf("%s cannot be edited safely; take %s out of it, and try again", path, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	return nil
}

// writePrivate writes a file whole or not at all, for its owner alone. A symbolic
// link stays one: what it leads to is written.
func writePrivate(path string, data []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err := renameio.WriteFile(path, data, 0o600, renameio.WithStaticPermissions(0o600), renameio.WithTempDir(filepath.Dir(path)))
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", path, p.Err) // not the name of the temporary file
	}
	return err
}
