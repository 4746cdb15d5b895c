package index

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// How texts lie in memory: the ids, times, hashes and validators of an API are mostly
// numbers that were written out. Each is a header, its length and its form, and bytes;
// no text's begins with another one's.

// form is how a text is written. It takes 3 bits of the header.
type form byte

const (
	formPlain    form = iota
	formHex           // digits of lower case
	formQuoted        // hex in quotes, as in ETags
	formUUID          // hex of lower case with its hyphens
	formTime          // RFC 3339 in UTC, to the second
	formHTTPTime      // RFC 9110 (IMF-fixdate)
)

// httpTime is http.TimeFormat.
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// appendText adds a text in the shortest form that gives it back as it is.
func appendText(b []byte, s string) []byte {
	var space [48]byte
	short, how := shorten(space[:0], s)
	if how == formPlain {
		b = binary.AppendUvarint(b, uint64(len(s))<<3)
		return append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(short))<<3|uint64(how))
	return append(b, short...)
}

// shorten adds the bytes of a text in another form than the plain one, if there is one.
func shorten(b []byte, s string) ([]byte, form) {
	switch {
	case len(s) < 8:
		return b, formPlain
	case len(s) == len("2006-01-02T15:04:05Z") && s[10] == 'T':
		if at, err := time.Parse(time.RFC3339, s); err == nil && at.UTC().Format(time.RFC3339) == s {
			return binary.AppendVarint(b, at.Unix()), formTime
		}
	case len(s) == len(httpTime) && s[3] == ',':
		if at, err := time.Parse(httpTime, s); err == nil && at.UTC().Format(httpTime) == s {
			return binary.AppendVarint(b, at.Unix()), formHTTPTime
		}
	case len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-':
		if short, ok := appendHex(b, s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:]); ok {
			return short, formUUID
		}
	case s[0] == '"' && s[len(s)-1] == '"':
		if short, ok := appendHex(b, s[1:len(s)-1]); ok {
			return short, formQuoted
		}
	default:
		if short, ok := appendHex(b, s); ok {
			return short, formHex
		}
	}
	return b, formPlain
}

// appendHex adds the bytes that s writes in digits of lower case, if it does.
func appendHex(b []byte, s string) ([]byte, bool) {
	if len(s)%2 != 0 || strings.Trim(s, "0123456789abcdef") != "" {
		return nil, false
	}
	long, err := hex.AppendDecode(b, []byte(s))
	return long, err == nil
}

// cutText takes a text off the beginning of b, and adds it to long as it was.
func cutText(b, long []byte) (text, rest []byte) {
	head, n := binary.Uvarint(b)
	end := n + int(head>>3)
	short, rest := b[n:end], b[end:]
	switch form(head & 7) {
	case formHex:
		return hex.AppendEncode(long, short), rest
	case formQuoted:
		return append(hex.AppendEncode(append(long, '"'), short), '"'), rest
	case formUUID:
		long = hex.AppendEncode(long, short[:4])
		for i := 4; i < 10; i += 2 {
			long = hex.AppendEncode(append(long, '-'), short[i:i+2])
		}
		return hex.AppendEncode(append(long, '-'), short[10:]), rest
	case formTime:
		at, _ := binary.Varint(short)
		return time.Unix(at, 0).UTC().AppendFormat(long, time.RFC3339), rest
	case formHTTPTime:
		at, _ := binary.Varint(short)
		return appendHTTPTime(long, time.Unix(at, 0).UTC()), rest
	}
	return append(long, short...), rest
}

// appendHTTPTime is t.AppendFormat(b, httpTime), which takes four times as long.
func appendHTTPTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	two := func(b []byte, n int, after byte) []byte { return append(b, byte('0'+n/10), byte('0'+n%10), after) }
	b = append(b, t.Weekday().String()[:3]...)
	b = two(append(b, ", "...), day, ' ')
	b = append(b, month.String()[:3]...)
	b = two(append(b, ' '), year/100, byte('0'+year%100/10))
	b = two(append(b, byte('0'+year%10), ' '), hour, ':')
	b = two(b, minute, ':')
	return append(two(b, second, ' '), "GMT"...)
}
