package settings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings/value"
	"ccsfs/internal/suggest"
)

// Lookup finds a setting by its name, as in a flag or in config.toml.
func Lookup(name string) (Setting, error) {
	name = nameOf(strings.TrimPrefix(name, "--"))
	var names []string
	for _, s := range Table() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Key())
	}
	hint := "; `ccsfs help settings` lists all of them"
	if near := suggest.Nearest(snake(strings.ToLower(name)), names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return Setting{}, fmt.Errorf("%q is no setting%s", name, hint)
}

// IsPath tells whether the value is the path of a file or directory.
func (s Setting) IsPath() bool { return s.path }

// Set puts the value of a setting, in the notation of a flag, into the settings file at
// path, and makes it, with mode 0600, if there is none: into the section of an account,
// which is made, too, or with "" to what is for all. Everything else stays as it is, a
// comment on the same line included. It does not check the value, see Check.
func Set(path, account string, s Setting, text string) (changed bool, err error) {
	value, text, err := s.toml(text)
	if err != nil {
		return false, err
	}
	return change(path, account, s, &text, func(data []byte, given bool) []byte {
		line := s.Key() + " = " + value
		if at := lineWith(data, account, s.Key()); given && at != nil {
			old := strings.TrimRight(string(data[at[0]:at[1]]), "\r\n")
			return slices.Concat(data[:at[0]], []byte(line+commentOf(old, s.Key())), data[at[0]+len(old):])
		}
		return insertLine(data, account, []byte(line+"\n"))
	})
}

// Unset takes a setting out of the settings file at path. It changes nothing if the file,
// or the setting in it, is not there. For account see Set.
func Unset(path, account string, s Setting) (changed bool, err error) {
	return change(path, account, s, nil, func(data []byte, given bool) []byte {
		if !given {
			return data
		}
		return removeKey(data, account, s.Key())
	})
}

// change edits a settings file, and makes sure that all of it means what it did before,
// but for one setting: it goes by lines, and a value may lie on several. text is what that
// one is to be, nil for nothing.
func change(path, account string, s Setting, text *string, edit func(data []byte, given bool) []byte) (changed bool, err error) {
	if text != nil {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return false, err
		}
	}
	defer lockFile(path)()
	data, err := readPrivate(path)
	if err != nil && (!missing(err) || text == nil) {
		if missing(err) {
			err = nil
		}
		return false, err
	}
	before, err := parseWhole(path, data)
	if err != nil {
		return false, err
	}
	old, given := before[account][s.Name]
	if text == nil && !given || text != nil && given && old.text == *text {
		return false, nil
	}
	start := data
	if len(bytes.TrimSpace(data)) == 0 {
		start = []byte(fileHead)
	}
	edited := edit(start, given)
	want := texts(before)
	if delete(want[account], s.Name); text != nil {
		if want[account] == nil {
			want[account] = map[string]string{}
		}
		want[account][s.Name] = *text
	}
	after, err := parseWhole(path, edited)
	if err != nil || !sameTexts(want, texts(after)) {
		return false, fmt.Errorf("%s: %s cannot be edited safely there, for it is not on a line of its own; `ccsfs config edit` opens the file", cmp.Or(old.from.Name, path), s.Key())
	}
	return true, writePrivate(path, edited)
}

// toml is a value in the notation of config.toml, and the text that is read from that.
func (s Setting) toml(text string) (notation, read string, err error) {
	switch {
	case s.Switch:
		b, err := value.Bool(text)
		if err != nil {
			return "", "", err
		}
		text = strconv.FormatBool(b)
		return text, text, nil
	case s.List:
		list, err := value.List(text)
		if err != nil {
			return "", "", err
		}
		if len(list) > 1 {
			notation, err = tomlValue(list)
			return notation, strings.Join(list, ","), err
		}
		text = list[0]
	case !s.Secret && plainNumber(text):
		return text, text, nil
	}
	notation, err = tomlValue(text)
	return notation, text, err
}

// plainNumber tells whether a text is written as TOML writes a whole number.
func plainNumber(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}

func tomlValue(v any) (string, error) {
	line, err := toml.Marshal(map[string]any{"v": v})
	return strings.TrimSpace(strings.TrimPrefix(string(line), "v = ")), err
}

// commentOf returns the comment at the end of a line that sets a key, with the space before
// it: a # may be part of the value.
func commentOf(line, key string) string {
	whole, err := parseWhole("", []byte(line))
	if err != nil {
		return ""
	}
	for i := range len(line) {
		if line[i] != '#' {
			continue
		}
		part, err := parseWhole("", []byte(line[:i]))
		if err == nil && sameTexts(texts(part), texts(whole)) {
			return line[len(strings.TrimRight(line[:i], " \t")):]
		}
	}
	return ""
}

// fileHead begins a settings file.
const fileHead = "# Settings of ccsfs; `ccsfs help settings` lists all there are.\n"

// ReadFile returns the text of the settings file at path, or how a new one begins.
func ReadFile(path string) (data []byte, there bool, err error) {
	data, err = readPrivate(path)
	if missing(err) {
		return []byte(fileHead), false, nil
	}
	return data, err == nil, err
}

// CheckFile tells what is wrong with the text of a settings file, every line of it; nil if
// nothing is. also checks what only the rest of the program can tell, with paths made
// absolute.
func CheckFile(path string, data []byte, also func(s Setting, text string) error) error {
	file, err := parseWhole(path, data)
	problems := []error{err}
	for _, account := range slices.Sorted(maps.Keys(file)) {
		for _, s := range Table() {
			v, given := file[account][s.Name]
			if !given {
				continue
			}
			text := v.text
			if s.path {
				text = Options{}.absolute(text, v.from, path)
			}
			err := s.check(&Settings{}, text)
			if err == nil {
				err = also(s, text)
			}
			if err != nil {
				problems = append(problems, s.reject(v.text, v.from, err))
			}
		}
	}
	return errors.Join(problems...)
}

// ErrChanged says that a settings file is not any more what it was.
var ErrChanged = errors.New("somebody has changed the settings file meanwhile")

// ReplaceFile writes the settings file at path anew, unless it is not what it was: that is
// ErrChanged.
func ReplaceFile(path string, was, data []byte, there bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	defer lockFile(path)()
	now, still, err := ReadFile(path)
	switch {
	case err != nil:
		return err
	case still != there || !bytes.Equal(now, was):
		return ErrChanged
	}
	return writePrivate(path, data)
}

// lockMost is how long another process is waited for that changes settings: longer than any
// takes that is not stopped.
const lockMost = 5 * time.Second

// lockFile keeps other processes from changing the settings file at path until unlock is
// called. Where that cannot be had it goes without: each file is whole all the same.
func lockFile(path string) (unlock func()) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return func() {}
	}
	for waited := time.Duration(0); waited < lockMost; waited += 10 * time.Millisecond {
		if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() { _ = dir.Close() }
}

// InFile finds where a file sets a setting, in the section of an account, or for all of
// them with "".
func InFile(path, account string, s Setting) (Source, bool) {
	keys, err := KeysIn(path, account)
	v, ok := keys[s.Key()]
	return v, ok && err == nil
}
