package configfile

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// RemoveAccount takes the section of an account out of the settings file at path, and
// default_account, if it is that one. What is kept of the account elsewhere stays. The
// error Is ErrNoAccount if there is no such section.
func RemoveAccount(path, account string) error {
	defer lockFile(path)()
	data, err := settings.ReadPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	file, err := settings.ParseFile(path, data)
	if err != nil {
		return err
	}
	chosen, err := settings.Lookup(settings.AccountsKey)
	if err != nil {
		return err
	}
	begin := settings.SectionOf(data, account)
	switch {
	case account == "" || file[account] == nil:
		return ErrNoAccount
	case begin < 0:
		return fmt.Errorf("%s cannot be edited safely; take the section of %s out of it by hand", path, account)
	}
	_, end := region(data, account)
	edited := slices.Concat(data[:begin], data[end:])
	delete(file, account)
	if file[""][settings.AccountsKey].Text == account {
		edited = removeKey(edited, "", chosen.Key())
		delete(file[""], settings.AccountsKey)
	}
	if after, err := settings.ParseFile(path, edited); err != nil || !sameTexts(texts(after), texts(file)) {
		return fmt.Errorf("%s cannot be edited safely; take the section of %s out of it by hand", path, account)
	}
	return writePrivate(path, edited)
}

// ErrNoAccount is an account that the settings file has no section of.
var ErrNoAccount = errors.New("there is no such account in the settings file")
