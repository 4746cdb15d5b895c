package main

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// mountEntry is one line of the table of mounts.
type mountEntry struct {
	point, fsType, source string
}

// ours tells a mount of ccsfs, ours or of another process.
func (m mountEntry) ours() bool {
	return m.fsType == "fuse."+fsName || m.source == fsName && strings.Contains(m.fsType, "fuse")
}

// findMount finds what is mounted on path, the uppermost if several are.
func findMount(path string) (mountEntry, bool) {
	table, err := mountTable()
	if err != nil {
		return mountEntry{}, false
	}
	for i := len(table) - 1; i >= 0; i-- {
		if table[i].point == path {
			return table[i], true
		}
	}
	return mountEntry{}, false
}

// parseMountinfo reads the format of /proc/self/mountinfo (proc(5)): fields
// by spaces, the fifth the mountpoint; after a lone dash type and source.
// Spaces and the like in names are octal escapes.
func parseMountinfo(r io.Reader) ([]mountEntry, error) {
	var table []mountEntry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 2 {
			continue
		}
		table = append(table, mountEntry{unescapeOctal(left[4]), unescapeOctal(right[0]), unescapeOctal(right[1])})
	}
	return table, lines.Err()
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
func parseMountOutput(r io.Reader) ([]mountEntry, error) {
	var table []mountEntry
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		source, rest, ok := strings.Cut(lines.Text(), " on ")
		open := strings.LastIndex(rest, " (")
		if !ok || open < 0 {
			continue
		}
		fsType, _, _ := strings.Cut(strings.TrimSuffix(rest[open+2:], ")"), ",")
		table = append(table, mountEntry{rest[:open], fsType, source})
	}
	return table, lines.Err()
}
