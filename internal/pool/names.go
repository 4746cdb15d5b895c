package pool

import (
	"fmt"
	"io/fs"
	"strings"
)

// NameMost is the longest name of an object, in bytes.
const NameMost = 200

// CheckName tells whether an object may have a name: see [Objects]. Besides, no part of it
// between slashes is empty, "." or "..", so that it can be a path. The error Is fs.ErrInvalid.
func CheckName(name string) error {
	if name == "" || len(name) > NameMost {
		return fmt.Errorf("a name of %d bytes; 1 to %d can be: %w", len(name), NameMost, fs.ErrInvalid)
	}
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/-_.", r))
	}
	if strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q: a name has letters, digits, and - _ . / alone: %w", name, fs.ErrInvalid)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%q: no part of a name is empty, . or ..: %w", name, fs.ErrInvalid)
		}
	}
	return nil
}
