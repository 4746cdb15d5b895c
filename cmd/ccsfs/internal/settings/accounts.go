package settings

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ccsfs/internal/suggest"
)

// Several accounts live in one settings file, each in a section of its own:
//
//	layout = "period"            # for all of them
//	default_account = "holding"
//
//	[account.holding]
//	client_id = "…"
//
// Which one is meant is told by --account, CCSFS_ACCOUNT or default_account; a section
// that is the only one needs no telling, where there are no credentials besides. (Those of
// the environment are stronger than default_account, and weaker than --account.) What a
// section sets is stronger than the rest of the file. Credentials are one thing: of a
// section that has a part of them, the others come neither from the environment nor from
// the rest of the file, for they would be those of another account.
//
// AccountsKey is what those sections stand under in config.toml, and the name of the setting
// that chooses one of them.
const AccountsKey = "account"

// IsAccountName tells what has the form of a name of an account: they become names of
// directories.
func IsAccountName(text string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(text)
}

func parseAccountName(text string) (string, error) {
	if !IsAccountName(text) {
		return "", errors.New("is no name of an account: letters, digits, dots, dashes and underscores, at most 64")
	}
	return text, nil
}

// accounts are the sections of a settings file, by name.
type accounts map[string]Values

func (a accounts) names() []string { return slices.Sorted(maps.Keys(a)) }

// parseAccounts parses what stands under account in a settings file.
func parseAccounts(path string, data []byte, raw any) (accounts, error) {
	sections, ok := raw.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: accounts are sections, such as [account.holding]; default_account names the one that is meant", at(path, lineOf(data, AccountsKey)))
	}
	all := accounts{}
	var problems []error
	for name, content := range sections {
		begin := max(SectionOf(data, name), 0)
		where := at(path, 1+bytes.Count(data[:begin], []byte("\n")))
		values, ok := content.(map[string]any)
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("%s: account.%s is no section; an account is one, such as [account.holding]", where, name))
			continue
		case !IsAccountName(name):
			problems = append(problems, fmt.Errorf("%s: %q is no name of an account: letters, digits, dots, dashes and underscores, at most 64", where, name))
			continue
		}
		var err error
		all[name], err = parseValues(path, data, begin, values)
		problems = append(problems, err)
	}
	return all, errors.Join(sortErrors(slices.DeleteFunc(problems, func(err error) bool { return err == nil }))...)
}

// at is a place in a file; line 0 is unknown.
func at(path string, line int) string {
	if line == 0 {
		return path
	}
	return path + ":" + strconv.Itoa(line)
}

// SectionOf is where the section of an account begins in a file, -1 if it cannot tell.
func SectionOf(data []byte, name string) int {
	found := regexp.MustCompile(`(?m)^` + ByteOrderMark + `?[ \t]*\[[ \t]*["']?account["']?[ \t]*\.[ \t]*["']?` + regexp.QuoteMeta(name) + `["']?[ \t]*\]`).FindIndex(data)
	if found == nil {
		return -1
	}
	return found[0]
}

// isCredential tells the settings that say who asks.
func isCredential(name string) bool {
	return name == "client-id" || name == "client-secret" || name == "api-key"
}

// hasCredentials tells whether some of the values say who asks.
func hasCredentials(values map[string]Given) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(values)), isCredential)
}

// For is what Load reads from for another account.
func (o Options) For(account string) Options {
	flags := maps.Clone(o.Flags)
	if flags == nil {
		flags = map[string]string{}
	}
	flags[AccountsKey] = account
	o.Flags = flags
	return o
}

// choose finds out which account is meant, "" if it is the one without a name: what file,
// environment and flags say besides.
func (s *Settings) choose(all accounts, layers ...map[string]Given) (string, error) {
	var named Given
	credentials := false
	for _, layer := range layers {
		if hasCredentials(layer) { // which are stronger than a name in a weaker layer
			named, credentials = Given{}, true
		}
		if v, ok := layer[AccountsKey]; ok {
			named = v
		}
	}
	s.Accounts = all.names()
	switch {
	case named.Text == "" && !credentials && len(all) == 1:
		return s.Accounts[0], nil
	case named.Text == "":
		return "", nil
	case all[named.Text] != nil:
		return named.Text, nil
	}
	return "", fmt.Errorf("%s: %w", named.From, noAccount(named.Text, s.ConfigFile, s.Accounts))
}

// noAccount says that a settings file has no section of an account, and which it has.
func noAccount(name, path string, there []string) error {
	hint := ", which has no sections [account.NAME]"
	if near := suggest.Nearest(name, there); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	} else if len(there) > 0 {
		hint = "; there are " + strings.Join(there, ", ")
	}
	return fmt.Errorf("there is no account %q in %s%s", name, path, hint)
}

// CheckAccount tells whether the settings file at path has the section of an account. A
// file that is not there has none.
func CheckAccount(path, name string) error {
	_, all, err := readFile(path)
	if err != nil && !missing(err) {
		return err
	}
	if all[name] == nil {
		return noAccount(name, path, all.names())
	}
	return nil
}

// without returns the values less the credentials, if another layer has some of them.
func without(values, other map[string]Given) map[string]Given {
	if !hasCredentials(other) {
		return values
	}
	rest := maps.Clone(values)
	maps.DeleteFunc(rest, func(name string, _ Given) bool { return isCredential(name) })
	return rest
}

// withoutAddresses returns the values of an environment that is about another account: the
// addresses beside its credentials are where those are sent, and no others must be.
func withoutAddresses(values, other map[string]Given) map[string]Given {
	if !hasCredentials(values) || !hasCredentials(other) {
		return values
	}
	rest := maps.Clone(values)
	maps.DeleteFunc(rest, func(name string, _ Given) bool { return name == "api-url" || name == "oauth-url" })
	return rest
}
