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

// KeysIn returns where the settings file at path sets which key in the section of an
// account, or with "" for all; nothing if there is no such file or section.
func KeysIn(path, account string) (map[string]Source, error) {
	values, sections, err := readFile(path)
	if err != nil && !missing(err) {
		return nil, err
	}
	if account != "" {
		values = sections[account]
	}
	keys := map[string]Source{}
	for name, v := range values {
		keys[keyOf(name)] = v.from
	}
	return keys, nil
}

// Edit is what EditFile did.
type Edit struct {
	Changed bool              // the file was written
	Removed map[string]string // by key, what was there
}

// EditFile puts values, by key, into the settings file at path, and makes it, with
// mode 0600, if there is none: into the section of an account, which is made, too, or
// with "" to what is for all. What is the default anyway is not written, but another
// value for it is taken out of the file. Everything else stays, comments included. A
// value that is there and differs is replaced or taken out only with force; else the
// error is a *TakenError, and nothing is written.
func EditFile(path, account string, values map[string]string, force bool) (Edit, error) {
	done := Edit{Removed: map[string]string{}}
	defer lockFile(path)()
	data, err := readPrivate(path)
	if err != nil && !missing(err) {
		return done, err
	}
	file, err := parseWhole(path, data)
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
		case old.text == values[key], needless(account, key, values[key]) && (!given || isDefault(key, old.text)):
			continue
		case given && !force:
			taken = append(taken, key)
			continue
		}
		done.Changed = true
		if needless(account, key, values[key]) {
			edited, done.Removed[key] = removeKey(edited, account, key), old.text
		} else if edited, err = setKey(edited, account, key, values[key], given); err != nil {
			return done, err
		}
	}
	if len(taken) > 0 {
		return Edit{}, &TakenError{path, taken}
	}
	if !done.Changed {
		return done, nil
	}
	if err := checkEdit(path, account, file, edited, values); err != nil {
		return Edit{}, err
	}
	return done, writePrivate(path, edited)
}

// RemoveAccount takes the section of an account out of the settings file at path, and
// default_account, if it is that one. What is kept of the account elsewhere stays. The
// error Is ErrNoAccount if there is no such section.
func RemoveAccount(path, account string) error {
	data, err := readPrivate(path)
	if missing(err) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	file, err := parseWhole(path, data)
	if err != nil {
		return err
	}
	begin := sectionOf(data, account)
	switch {
	case account == "" || file[account] == nil:
		return ErrNoAccount
	case begin < 0:
		return fmt.Errorf("%s cannot be edited safely; take the section of %s out of it by hand", path, account)
	}
	_, end := region(data, account)
	edited := slices.Concat(data[:begin], data[end:])
	delete(file, account)
	if file[""][accountsKey].text == account {
		edited = removeKey(edited, "", keyOf(accountsKey))
		delete(file[""], accountsKey)
	}
	if after, err := parseWhole(path, edited); err != nil || !sameTexts(texts(after), texts(file)) {
		return fmt.Errorf("%s cannot be edited safely; take the section of %s out of it by hand", path, account)
	}
	return writePrivate(path, edited)
}

// ErrNoAccount is an account that the settings file has no section of.
var ErrNoAccount = errors.New("there is no such account in the settings file")

// parseWhole parses a settings file: the values of each account, and under "" what is for
// all.
func parseWhole(path string, data []byte) (map[string]fileValues, error) {
	top, sections, err := parseFile(path, data)
	if err != nil {
		return nil, err
	}
	all := map[string]fileValues{"": top}
	maps.Copy(all, sections)
	return all, nil
}

// region is where the lines of an account stand, or, for "", those that are for all:
// before the first section. It is empty for one that is not there.
func region(data []byte, account string) (begin, end int) {
	header := regexp.MustCompile(`(?m)^[ \t]*\[`)
	if account != "" {
		if begin = sectionOf(data, account); begin < 0 {
			return len(data), len(data)
		}
		if n := bytes.IndexByte(data[begin:], '\n'); n >= 0 {
			begin += n + 1
		} else {
			begin = len(data)
		}
	}
	if next := header.FindIndex(data[begin:]); next != nil {
		return begin, begin + next[0]
	}
	return begin, len(data)
}

// nameOf is the name of the setting with a key.
func nameOf(key string) string {
	if i := slices.IndexFunc(Table(), func(s Setting) bool { return s.Key() == key }); i >= 0 {
		return Table()[i].Name
	}
	return strings.ReplaceAll(key, "_", "-")
}

// keyOf is the key of the setting with a name.
func keyOf(name string) string {
	if i := slices.IndexFunc(Table(), func(s Setting) bool { return s.Name == name }); i >= 0 {
		return Table()[i].Key()
	}
	return snake(name)
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

// insertLine puts a line at the end of what is of an account, in a section that is new if
// there is none.
func insertLine(data []byte, account string, line []byte) []byte {
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(slices.Clip(data), '\n')
	}
	begin, end := region(data, account)
	if account != "" && sectionOf(data, account) < 0 {
		return slices.Concat(data, []byte("\n["+accountsKey+"."+quoteKey(account)+"]\n"), line)
	}
	for end > begin && bytes.HasSuffix(data[begin:end], []byte("\n\n")) { // blank lines stand before the next section
		end--
	}
	return slices.Concat(data[:end], line, data[end:])
}

// quoteKey is a name as a part of a key: dots would part it.
func quoteKey(name string) string {
	if strings.Contains(name, ".") {
		return `"` + name + `"`
	}
	return name
}

// isDefault tells whether a text is the default of a setting; a slash at the end
// of an address makes no difference.
func isDefault(key, text string) bool {
	i := slices.IndexFunc(Table(), func(s Setting) bool { return s.Key() == key })
	return i >= 0 && text != "" && strings.TrimRight(text, "/") == Table()[i].Default
}

// needless tells whether a value need not be written: in a section, the default may be
// what is different.
func needless(account, key, text string) bool { return account == "" && isDefault(key, text) }

// removeKey takes the line of a key away.
func removeKey(data []byte, account, key string) []byte {
	at := lineWith(data, account, key)
	if at == nil {
		return data // checkEdit tells
	}
	return slices.Concat(data[:at[0]], data[at[1]:])
}

// lineWith finds the line that sets a key; nil if it is not a line of its own.
func lineWith(data []byte, account, key string) []int {
	begin, end := region(data, account)
	at := regexp.MustCompile(`(?m)^[ \t]*["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*=.*\n?`).FindIndex(data[begin:end])
	if at == nil {
		return nil
	}
	return []int{begin + at[0], begin + at[1]}
}

// checkEdit makes sure that the edit did what it should and nothing else: it goes
// by lines, and a value may lie on several.
func checkEdit(path, account string, before map[string]fileValues, edited []byte, values map[string]string) error {
	after, err := parseWhole(path, edited)
	want := texts(before)
	if want[account] == nil {
		want[account] = map[string]string{}
	}
	for key, value := range values {
		if name := nameOf(key); !needless(account, key, value) {
			want[account][name] = value
		} else if v, given := before[account][name]; given && !isDefault(key, v.text) {
			delete(want[account], name)
		}
	}
	if err != nil || !sameTexts(texts(after), want) {
		return fmt.Errorf("%s cannot be edited safely; take %s out of it, and try again", path, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	return nil
}

// texts are the values of a settings file, by account and name.
func texts(file map[string]fileValues) map[string]map[string]string {
	all := map[string]map[string]string{}
	for account, values := range file {
		all[account] = map[string]string{}
		for name, v := range values {
			all[account][name] = v.text
		}
	}
	return all
}

// sameTexts tells whether two settings files mean the same.
func sameTexts(a, b map[string]map[string]string) bool {
	return maps.EqualFunc(a, b, maps.Equal[map[string]string])
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
