package configfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/value"
)

// Set puts the value of a setting, in the notation of a flag, into the settings file at
// path, and makes it, with mode 0600, if there is none: into the section of an account,
// which is made, too, or with "" to what is for all. Everything else stays as it is, a
// comment on the same line included. It does not check the value, see settings.Check.
func Set(path, account string, s settings.Setting, text string) (changed bool, err error) {
	written, text, err := tomlOf(s, text)
	if err != nil {
		return false, err
	}
	return change(path, account, s, &text, func(data []byte, given bool) []byte {
		line := s.Key() + " = " + written
		if at := lineWith(data, account, s.Key()); given && at != nil {
			old := strings.TrimRight(string(data[at[0]:at[1]]), "\r\n")
			return slices.Concat(data[:at[0]], []byte(line+commentOf(old, s.Key())), data[at[0]+len(old):])
		}
		return insertLine(data, account, []byte(line+"\n"))
	})
}

// Unset takes a setting out of the settings file at path. It changes nothing if the file,
// or the setting in it, is not there. For account see Set.
func Unset(path, account string, s settings.Setting) (changed bool, err error) {
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
func change(path, account string, s settings.Setting, text *string, edit func(data []byte, given bool) []byte) (changed bool, err error) {
	if text != nil {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return false, err
		}
	}
	defer lockFile(path)()
	data, err := settings.ReadPrivate(path)
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || text == nil) {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	before, err := settings.ParseFile(path, data)
	if err != nil {
		return false, err
	}
	old, given := before[account][s.Name]
	if text == nil && !given || text != nil && given && old.Text == *text {
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
	after, err := settings.ParseFile(path, edited)
	if err != nil || !sameTexts(want, texts(after)) {
		return false, fmt.Errorf("%s: %s cannot be edited safely there, for it is not on a line of its own; `ccsfs config edit` opens the file", cmp.Or(old.From.Name, path), s.Key())
	}
	return true, writePrivate(path, edited)
}

// tomlOf is a value of a setting in the notation of config.toml, and the text that is read
// from that.
func tomlOf(s settings.Setting, text string) (notation, read string, err error) {
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
	whole, err := settings.ParseFile("", []byte(line))
	if err != nil {
		return ""
	}
	for i := range len(line) {
		if line[i] != '#' {
			continue
		}
		part, err := settings.ParseFile("", []byte(line[:i]))
		if err == nil && sameTexts(texts(part), texts(whole)) {
			return line[len(strings.TrimRight(line[:i], " \t")):]
		}
	}
	return ""
}
