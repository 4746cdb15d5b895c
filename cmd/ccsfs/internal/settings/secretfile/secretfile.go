// Package secretfile reads a secret from a file of its own, and tells who else can. What
// the secret is for is none of its business.
package secretfile

import (
	"fmt"
	"io"
	"os"
	"strings"

	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/osfile"
)

// Most bounds files of settings and secrets, in bytes. The longest thing in one is an API
// key of some 1,300 characters.
const Most = 1 << 20

// Read reads a secret from a file, or from a pipe such as a shell's <(pass show …), without
// spaces around it. A file that others can write is refused. One that they can read gives a
// warning only: container runtimes mount secrets that way. Errors and warnings name it by from.
func Read(path string, from fmt.Stringer) (text string, warnings []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", from, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", from, err)
	}
	mode := info.Mode()
	switch {
	case mode.IsDir():
		return "", nil, fmt.Errorf("%s is a directory, not a file", from)
	case mode.IsRegular() && osfile.Exposed(info, 0o002):
		return "", nil, fmt.Errorf("%s can be written by every user; run: chmod 600 %s", from, term.Quote(path))
	case mode.IsRegular() && osfile.Exposed(info, 0o004):
		warnings = append(warnings, fmt.Sprintf("%s can be read by every user; better: chmod 600 %s", from, term.Quote(path)))
	}
	data, err := Bounded(f, path)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", from, err)
	}
	if text = strings.TrimSpace(string(data)); text == "" {
		return "", nil, fmt.Errorf("%s is empty", from)
	}
	return text, warnings, nil
}

// Bounded reads a file that a user has written, to its end, unless it is larger than Most.
func Bounded(r io.Reader, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, Most+1))
	if err != nil {
		return nil, err
	}
	if len(data) > Most {
		return nil, fmt.Errorf("%s is larger than %d bytes; is it the right file?", path, Most)
	}
	return data, nil
}
