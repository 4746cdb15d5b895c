package scrub

import (
	"io"
	"regexp"

	"ccsfs/internal/osfile"
)

// SecretsIn are the secrets of all accounts in a settings file, be it as it should be or
// not.
func SecretsIn(file string) []string {
	return secondOf(regexp.MustCompile(`(client_id|client_secret|api_key)["']?\s*=\s*["']+([^"'\n]+)`), file)
}

// AccountsIn are the names of all accounts in a settings file, as their user calls them.
func AccountsIn(file string) []string {
	return secondOf(regexp.MustCompile(`(account["']?\s*\.\s*["']?|account["']?\s*=\s*["'])([A-Za-z0-9._-]+)`), file)
}

// maxSettings is how much of a settings file is looked at, in bytes.
const maxSettings = 1 << 20

// secondOf is what the second part of an expression is, wherever it is in a file; nothing
// of one that cannot be read.
func secondOf(what *regexp.Regexp, file string) []string {
	f, err := osfile.OpenToRead(file) // a pipe would keep us waiting
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSettings))
	if err != nil {
		return nil
	}
	var all []string
	for _, found := range what.FindAllSubmatch(data, -1) {
		all = append(all, string(found[2]))
	}
	return all
}
