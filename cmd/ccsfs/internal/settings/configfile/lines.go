package configfile

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// region is where the lines of an account stand, or, for "", those that are for all:
// before the first section. It is empty for one that is not there.
func region(data []byte, account string) (begin, end int) {
	header := regexp.MustCompile(`(?m)^[ \t]*\[`)
	if account == "" && bytes.HasPrefix(data, []byte(settings.ByteOrderMark)) {
		begin = len(settings.ByteOrderMark)
	}
	if account != "" {
		if begin = settings.SectionOf(data, account); begin < 0 {
			return len(data), len(data)
		}
		if n := bytes.IndexByte(data[begin:], '\n'); n >= 0 {
			begin += n + 1
		} else {
			begin = len(data)
		}
	}
	if next := header.FindIndex(data[begin:]); next != nil {
		return begin, begin + next[0]
	}
	return begin, len(data)
}

// lineWith finds the line that sets a key; nil if it is not a line of its own.
func lineWith(data []byte, account, key string) []int {
	begin, end := region(data, account)
	at := regexp.MustCompile(`(?m)^[ \t]*["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*=.*\n?`).FindIndex(data[begin:end])
	if at == nil {
		return nil
	}
	return []int{begin + at[0], begin + at[1]}
}

// removeKey takes the line of a key away.
func removeKey(data []byte, account, key string) []byte {
	at := lineWith(data, account, key)
	if at == nil {
		return data // checkEdit tells
	}
	return slices.Concat(data[:at[0]], data[at[1]:])
}

// insertLine puts a line at the end of what is of an account, in a section that is new if
// there is none.
func insertLine(data []byte, account string, line []byte) []byte {
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(slices.Clip(data), '\n')
	}
	begin, end := region(data, account)
	if account != "" && settings.SectionOf(data, account) < 0 {
		return slices.Concat(data, []byte("\n["+settings.AccountsKey+"."+quoteKey(account)+"]\n"), line)
	}
	for end > begin && bytes.HasSuffix(data[begin:end], []byte("\n\n")) { // blank lines stand before the next section
		end--
	}
	return slices.Concat(data[:end], line, data[end:])
}

// quoteKey is a name as a part of a key: dots would part it.
func quoteKey(name string) string {
	if strings.Contains(name, ".") {
		return `"` + name + `"`
	}
	return name
}
