package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
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

// CheckFile tells what is wrong with the text of a settings file, every line of it; nil if
// nothing is. also checks what only the rest of the program can tell, with paths made
// absolute.
func CheckFile(path string, data []byte, also func(s Setting, text string) error) error {
	file, err := ParseFile(path, data)
	problems := []error{err}
	for _, account := range slices.Sorted(maps.Keys(file)) {
		for _, s := range Table() {
			v, given := file[account][s.Name]
			if !given {
				continue
			}
			text := v.Text
			if s.path {
				text = Options{}.absolute(text, v.From, path)
			}
			err := s.check(&Settings{}, text)
			if err == nil {
				err = also(s, text)
			}
			if err != nil {
				problems = append(problems, s.reject(v.Text, v.From, err))
			}
		}
	}
	if v, given := file[""][AccountsKey]; given && IsAccountName(v.Text) && file[v.Text] == nil {
		delete(file, "")
		problems = append(problems, fmt.Errorf("%s: %w", v.From, noAccount(v.Text, path, accounts(file).names())))
	}
	return errors.Join(problems...)
}
