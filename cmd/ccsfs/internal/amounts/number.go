package amounts

import (
	"strconv"
	"strings"
)

// number is a decimal as a file writes it, taken apart: digits alone, and where the point is.
type number struct {
	negative     bool
	whole, parts string // digits before and behind the separator
	separator    byte   // '.', ',' or 0
	exponent     int
}

// mostShift bounds an exponent: more moves the point out of anything that is an amount.
const mostShift = 30

// mostDigits bounds how many digits a number may have on a side of the separator.
const mostDigits = 60

// parseNumber takes a decimal apart that has one separator at most, a sign before it at
// most, and perhaps an exponent.
func parseNumber(text string) (n number, ok bool) {
	text = strings.TrimSpace(text)
	if mantissa, exponent, found := cutExponent(text); found {
		shift, err := strconv.Atoi(exponent)
		if err != nil || shift > mostShift || shift < -mostShift {
			return n, false
		}
		text, n.exponent = mantissa, shift
	}
	switch {
	case strings.HasPrefix(text, "-"):
		n.negative, text = true, text[1:]
	case strings.HasPrefix(text, "+"):
		text = text[1:]
	}
	n.whole = text
	if i := strings.IndexAny(text, ".,"); i >= 0 {
		n.whole, n.separator, n.parts = text[:i], text[i], text[i+1:]
		if n.parts == "" {
			return n, false
		}
	}
	return n, n.whole != "" && len(n.whole) <= mostDigits && len(n.parts) <= mostDigits && onlyDigits(n.whole) && onlyDigits(n.parts)
}

func cutExponent(text string) (mantissa, exponent string, found bool) {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

func onlyDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// decides tells whether the separator can only be that of decimals: groups of thousands
// have three digits, and are not written with a 0 before them.
func (n number) decides() bool {
	return n.separator != 0 && (len(n.parts) != 3 || len(n.whole) > 3 || strings.HasPrefix(n.whole, "0") || n.exponent != 0)
}

// text writes the number with a point, without an exponent. most bounds the digits that
// count: what goes beyond them is rounded, half away from zero; 0 is no bound.
func (n number) text(most int) string {
	digits, point := n.whole+n.parts, len(n.whole)+n.exponent
	leading := len(digits) - len(strings.TrimLeft(digits, "0"))
	digits, point = digits[leading:], point-leading
	if most > 0 && len(digits) > most {
		up := digits[most] >= '5'
		digits = digits[:most]
		if up {
			if digits = increment(digits); len(digits) > most {
				point++
			}
		}
		digits = strings.TrimRight(digits, "0")
	}
	switch {
	case digits == "":
		return "0"
	case point <= 0:
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	case point > len(digits):
		digits += strings.Repeat("0", point-len(digits))
	}
	out := digits[:point]
	if point < len(digits) {
		out += "." + digits[point:]
	}
	if n.negative {
		out = "-" + out
	}
	return out
}

// increment adds one in the last digit.
func increment(digits string) string {
	b := []byte(digits)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// style is how the numbers of a column are written: it takes them all to know.
type style struct {
	commas    bool // decimal commas, where nothing else shows it
	separator byte
	decided   bool
}

// take gives a number with a point, and reports whether it is one, and written like
// those before.
func (s *style) take(text string) (string, bool) {
	n, ok := parseNumber(text)
	if !ok || n.separator != 0 && s.separator != 0 && n.separator != s.separator {
		return "", false
	}
	if n.separator != 0 {
		s.separator = n.separator
	}
	s.decided = s.decided || n.decides()
	return n.text(0), true
}

// sure tells whether what was taken for decimals was: 1.234 alone may well be thousands.
func (s *style) sure() bool {
	return s.separator == 0 || s.decided || s.separator == ',' && s.commas
}

// sheetDigits are the digits of a number that a spreadsheet shows: it keeps binary
// fractions, and 0.1+0.2 as 0.30000000000000004.
const sheetDigits = 15

// sheetNumber gives a number of a workbook, which has a point always.
func sheetNumber(text string) (string, bool) {
	n, ok := parseNumber(text)
	if !ok || n.separator == ',' {
		return "", false
	}
	return n.text(sheetDigits), true
}
