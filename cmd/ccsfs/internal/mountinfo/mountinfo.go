// Package mountinfo reads the table of mounts, and tells which are of ccsfs and who uses
// them. It never touches a mount, which may hang.
package mountinfo

import (
	"bufio"
	"fmt"
	"io"
	"os/user"
	"strconv"
	"strings"
)

// Entry is one line of the table of mounts.
type Entry struct {
	Point, FsType, Source string
	User                  string // who mounted a FUSE file system, as a number; "" if not told
}

// Ours tells a mount of ccsfs, ours or of another process.
func (m Entry) Ours() bool {
	return m.FsType == "fuse."+FsName || m.Source == FsName && strings.Contains(m.FsType, "fuse")
}

// Owner names who mounted it, "" if the table does not tell.
func (m Entry) Owner() string {
	if m.User == "" {
		return ""
	}
	if u, err := user.LookupId(m.User); err == nil {
		return fmt.Sprintf("%s (uid %s)", u.Username, m.User)
	}
	return "uid " + m.User
}

// Find finds what is mounted on path, the uppermost if several are.
func Find(path string) (Entry, bool) {
	table, err := Table()
	if err != nil {
		return Entry{}, false
	}
	for i := len(table) - 1; i >= 0; i-- {
		if table[i].Point == path {
			return table[i], true
		}
	}
	return Entry{}, false
}

// parseMountinfo reads the format of /proc/self/mountinfo (proc(5)): fields
// by spaces, the fifth the mountpoint; after a lone dash type, source and options of the
// file system, which for FUSE name the user (user_id).
// Spaces and the like in names are octal escapes.
func parseMountinfo(r io.Reader) ([]Entry, error) {
	var table []Entry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 2 {
			continue
		}
		m := Entry{Point: unescapeOctal(left[4]), FsType: unescapeOctal(right[0]), Source: unescapeOctal(right[1])}
		if strings.HasPrefix(m.FsType, "fuse") && len(right) > 2 {
			m.User = optionNumber(right[2], "user_id")
		}
		table = append(table, m)
	}
	return table, lines.Err()
}

// optionNumber is the number that an option of that name has in a list, "" if none.
func optionNumber(options, name string) string {
	for option := range strings.SplitSeq(options, ",") {
		value, ok := strings.CutPrefix(option, name+"=")
		if _, err := strconv.ParseUint(value, 10, 32); ok && err == nil {
			return value
		}
	}
	return ""
}

func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseMountOutput reads what mount(8) prints on BSD and macOS:
// source on /mountpoint (type, options…).
func parseMountOutput(r io.Reader) ([]Entry, error) {
	var table []Entry
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		source, rest, ok := strings.Cut(lines.Text(), " on ")
		open := strings.LastIndex(rest, " (")
		if !ok || open < 0 {
			continue
		}
		fsType, _, _ := strings.Cut(strings.TrimSuffix(rest[open+2:], ")"), ",")
		table = append(table, Entry{Point: rest[:open], FsType: fsType, Source: source})
	}
	return table, lines.Err()
}

// FsName is the source of our mounts in the table of mounts.
const FsName = "ccsfs"
