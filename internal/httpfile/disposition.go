package httpfile

import (
	"bytes"
	"fmt"
	"strings"
)

// Inline reports whether a browser may show a document itself, by its name and how it
// begins: PDF that is PDF. What comes from outside is else only to be kept.
func Inline(name string, begin []byte) bool {
	return Type(name) == "application/pdf" && bytes.HasPrefix(begin, []byte("%PDF-"))
}

// Disposition is a Content-Disposition, RFC 6266: how, "inline" or "attachment", and under
// which name the file is kept. The name is given in ASCII for old clients, and as it is.
func Disposition(how, name string) string {
	var plain, exact strings.Builder
	for _, r := range strings.ToValidUTF8(name, "_") {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%/`, r) {
			plain.WriteByte('_')
		} else {
			plain.WriteRune(r)
		}
	}
	for _, c := range []byte(strings.ToValidUTF8(name, "_")) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("!#$&+-.^_`|~", c) >= 0: // attr-char of RFC 8187
			exact.WriteByte(c)
		default:
			fmt.Fprintf(&exact, "%%%02X", c)
		}
	}
	return how + `; filename="` + plain.String() + `"; filename*=UTF-8''` + exact.String()
}
