package apisim

import "strconv"

// The answers are written by hand: encoding/json would mend a filename that
// is not UTF-8, and clients must meet such bytes as they are.

// appendString appends s as a JSON string. Bytes from 0x80 on pass untouched.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// object is a JSON object under construction; its zero value is an empty one.
type object []byte

// raw adds a member whose value is JSON already.
func (o *object) raw(key, value string) {
	if len(*o) == 0 {
		*o = append(*o, '{')
	} else {
		*o = append(*o, ',')
	}
	*o = appendString(*o, key)
	*o = append(*o, ':')
	*o = append(*o, value...)
}

// str adds a string.
func (o *object) str(key, value string) {
	o.raw(key, string(appendString(nil, value)))
}

// opt adds a string unless it is empty.
func (o *object) opt(key, value string) {
	if value != "" {
		o.str(key, value)
	}
}

// num adds an integer.
func (o *object) num(key string, value int) {
	o.raw(key, strconv.Itoa(value))
}

// end closes the object.
func (o object) end() string {
	if len(o) == 0 {
		return "{}"
	}
	return string(o) + "}"
}
