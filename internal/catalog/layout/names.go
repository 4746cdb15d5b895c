package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Names that are safe to show, and distinct in their directory.

const (
	maxName  = 255 // bytes in a name, NAME_MAX of Linux
	maxExt   = 16  // bytes of what is still taken for an extension, the dot included
	nameless = "document"
)

// SafeName makes a text from outside usable as one name in a directory:
// slashes, NUL, control characters and those that reorder or break a line of
// text on a terminal become "_", invalid UTF-8 becomes U+FFFD; empty, "." and
// ".." become "document"; what is longer than 255 bytes is cut, its extension
// kept. A safe name is returned as it is, sharing its memory.
func SafeName(s string) string {
	if s == "" || s == "." || s == ".." {
		return nameless
	}
	if !clean(s) {
		s = strings.Map(func(r rune) rune {
			if unsafeRune(r) {
				return '_'
			}
			return r // an invalid byte arrives as U+FFFD, and is written as such
		}, s)
	}
	return tagged(s, "")
}

// clean reports whether s is valid UTF-8 without an unsafe character.
func clean(s string) bool {
	for _, r := range s {
		if unsafeRune(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// unsafeRune reports characters that must not be in a name. Besides the slash
// and NUL, which the kernel forbids, these are the ones by which a name can
// fool a terminal or the eye: C0, DEL, C1, bidirectional marks, overrides and
// isolates (Unicode TR #36), line and paragraph separators.
func unsafeRune(r rune) bool {
	switch {
	case r == '/', r < 0x20, r >= 0x7F && r <= 0x9F:
		return true
	case r == 0x061C, r == 0x200E, r == 0x200F:
		return true
	case r >= 0x2028 && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// tagged puts tag between the base of a name and its extension, and cuts the
// base so that the whole is at most maxName bytes. tag must be short.
func tagged(name, tag string) string {
	if tag == "" && len(name) <= maxName {
		return name
	}
	base, ext := splitExt(name)
	if room := maxName - len(tag) - len(ext); len(base) > room {
		for room > 0 && !utf8.RuneStart(base[room]) {
			room--
		}
		base = base[:room]
	}
	return base + tag + ext
}

// splitExt splits off what people take for an extension: a last dot, not the
// first character, with a few ASCII letters or digits behind it.
func splitExt(name string) (base, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || i == len(name)-1 || len(name)-i > maxExt {
		return name, ""
	}
	for _, c := range []byte(name[i+1:]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return name, ""
		}
	}
	return name[:i], name[i:]
}

// hashLengths are the hex digits of the id's hash in a name, by how often the
// name had to give way. Full hashes of two ids never meet: the extension has
// no "~", so that equal names would mean equal hashes.
func hashLengths() [5]int { return [5]int{0, 8, 16, 32, 2 * sha256.Size} }

// Distinguish returns distinct names for things of one directory, given the
// safe names they would like to have and their ids, which are distinct.
func Distinguish(wanted, ids []string, reserved ...string) []string {
	return Exact.Distinguish(wanted, ids, reserved...)
}

// Distinguish returns distinct names for things of one directory, given the
// safe names they would like to have and their ids, which are distinct. Names
// wanted by several, or reserved, get "~" and a hash of the id before the
// extension, every one of them; where that meets another name, all involved
// take a longer hash. It works in rounds over all names at once, so that the
// result depends on the set alone, not on its order. Names that stay as they
// are share their memory with wanted.
func (rule Names) Distinguish(wanted, ids []string, reserved ...string) []string {
	if rule.unique(wanted, reserved) {
		return wanted
	}
	d := distinguisher{
		rule: rule, wanted: wanted, ids: ids,
		names:  append([]string(nil), wanted...),
		levels: make([]uint8, len(wanted)),
		byName: make(map[string][]int, len(wanted)),
		taken:  make(map[string]bool, len(reserved)),
	}
	for _, r := range reserved {
		d.taken[rule.key(r)] = true
	}
	dirty := make(map[string]bool)
	for i, n := range wanted {
		d.byName[rule.key(n)] = append(d.byName[rule.key(n)], i)
		dirty[rule.key(n)] = true
	}
	for len(dirty) > 0 {
		dirty = d.round(dirty)
	}
	return d.names
}

// distinguisher is one Distinguish. Its maps have keys of names.
type distinguisher struct {
	rule               Names
	wanted, ids, names []string
	levels             []uint8
	byName             map[string][]int
	taken              map[string]bool
}

// round makes everybody who shares one of the names given go up a level, and
// returns those that got somebody new thereby.
func (d *distinguisher) round(dirty map[string]bool) map[string]bool {
	lengths := hashLengths()
	var moving []int
	for name := range dirty {
		at := d.byName[name]
		if len(at) < 2 && !(len(at) == 1 && d.taken[name]) {
			continue
		}
		stay := at[:0]
		for _, i := range at {
			if int(d.levels[i]) == len(lengths)-1 {
				stay = append(stay, i)
				continue
			}
			moving = append(moving, i)
		}
		d.byName[name] = stay
	}
	next := make(map[string]bool, len(moving))
	for _, i := range moving {
		d.levels[i]++
		d.names[i] = tagged(d.wanted[i], "~"+hashOf(d.ids[i])[:lengths[d.levels[i]]])
		key := d.rule.key(d.names[i])
		d.byName[key] = append(d.byName[key], i)
		next[key] = true
	}
	return next
}

// unique reports whether names are distinct and not reserved.
func (rule Names) unique(names, reserved []string) bool {
	seen := make(map[string]struct{}, len(names)+len(reserved))
	for _, n := range reserved {
		seen[rule.key(n)] = struct{}{}
	}
	for _, n := range names {
		key := rule.key(n)
		if _, dup := seen[key]; dup {
			return false
		}
		seen[key] = struct{}{}
	}
	return true
}

// hashOf returns the sha256 of s in hex.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
