package cmdutil

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLogName is how many bytes a mountpoint may take in the name of its log: file systems
// have 255, and logrotate, compress and the like add to that.
const maxLogName = 180

// logName is the file name of the log of a mount: its path with dashes for slashes, as
// in the names of units, so that /srv/bills has srv-bills.log. Whatever else is no
// letter, digit, dot or underscore is written as %XX, a dash, too: no two mountpoints
// share a name. Of a long one the end is kept, and a hash of all of it.
func logName(point string) string {
	var b strings.Builder
	rest := strings.Trim(point, "/")
	for len(rest) > 0 {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == '/':
			b.WriteByte('-')
		case r == '.' && b.Len() > 0 || r == '_', r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteString(rest[:size])
		default:
			for _, c := range []byte(rest[:size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		rest = rest[size:]
	}
	name := b.String()
	switch {
	case name == "":
		name = "%2F"
	case len(name) > maxLogName:
		hash := sha256.Sum256([]byte(point))
		end := name[len(name)-maxLogName:]
		for !utf8.RuneStart(end[0]) {
			end = end[1:]
		}
		name = hex.EncodeToString(hash[:8]) + "~" + end // no other name has a tilde
	}
	return name + ".log"
}
