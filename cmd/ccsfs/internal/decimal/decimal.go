// Package decimal adds amounts up: exactly, digit for digit, never by floating point.
package decimal

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// maxDigits bounds an amount, in digits before and after the point: more is no
// amount, and would only cost time to add.
const maxDigits = 30

// Sum is an exact sum of decimal numbers. The zero value is no sum: nothing was
// added.
type Sum struct {
	value big.Rat
	scale int // digits after the point, of the addend that had most
	n     int // addends
}

// Add adds a decimal such as -1234.50, and reports whether the text is one. A
// comma is a decimal comma with one or two digits behind; with three it could as
// well separate thousands, so that such a text is no decimal.
func (s *Sum) Add(text string) bool {
	digits, scale, ok := decimal(text)
	if !ok {
		return false
	}
	var r big.Rat
	if _, ok := r.SetString(digits); !ok {
		return false
	}
	s.value.Add(&s.value, &r)
	s.scale = max(s.scale, scale)
	s.n++
	return true
}

// decimal checks a decimal and returns it with a point.
func decimal(text string) (digits string, scale int, ok bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	whole, fraction, point := strings.Cut(rest, ".")
	if !point {
		var comma bool
		whole, fraction, comma = strings.Cut(rest, ",")
		if comma && len(fraction) > 2 {
			return "", 0, false
		}
		point = comma
	}
	if len(text)-len(rest) > 1 || whole == "" || point && fraction == "" || len(whole) > maxDigits || len(fraction) > maxDigits {
		return "", 0, false
	}
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return "", 0, false
		}
	}
	return strings.Replace(text, ",", ".", 1), len(fraction), true
}

// String formats the sum with as many digits after the point as its most exact
// addend had, "" if nothing was added.
func (s *Sum) String() string {
	if s.n == 0 {
		return ""
	}
	return s.value.FloatString(s.scale) // exact: no addend has more digits
}

// Fixed formats the sum with at least this many digits after the point, so that sums stand
// in a column; "" if nothing was added.
func (s *Sum) Fixed(digits int) string {
	if s.n == 0 {
		return ""
	}
	return s.value.FloatString(max(digits, s.scale))
}

// Scale is how many digits after the point the most exact addend had.
func (s *Sum) Scale() int { return s.scale }

// Addends is how many numbers were added.
func (s *Sum) Addends() int { return s.n }

// Merge adds another sum, exactly.
func (s *Sum) Merge(o *Sum) {
	s.value.Add(&s.value, &o.value)
	s.scale, s.n = max(s.scale, o.scale), s.n+o.n
}

// Near tells whether a decimal is the sum, or off by a hundredth at most: whoever made it
// may have added rounded parts.
func (s *Sum) Near(text string) bool {
	var total Sum
	if !total.Add(text) {
		return false
	}
	var diff big.Rat
	diff.Sub(&s.value, &total.value)
	return diff.Abs(&diff).Cmp(big.NewRat(1, 100)) <= 0
}

// MarshalText implements encoding.TextMarshaler.
func (s *Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Sums are sums by currency.
type Sums map[string]*Sum

// Add adds an amount, and reports whether it is a number.
func (s Sums) Add(currency, amount string) bool {
	sum := s[currency]
	if sum == nil {
		sum = &Sum{}
	}
	ok := sum.Add(amount)
	if ok {
		s[currency] = sum
	}
	return ok
}

// Merge adds other sums, exactly.
func (s Sums) Merge(other Sums) {
	for currency, o := range other {
		sum := s[currency]
		if sum == nil {
			sum = &Sum{}
			s[currency] = sum
		}
		sum.Merge(o)
	}
}

// Currencies lists what there are sums in, in order.
func (s Sums) Currencies() []string {
	return slices.SortedFunc(maps.Keys(s), cmp.Compare[string])
}

// MarshalJSON gives an object of texts by currency; numbers would be rounded by
// whoever reads them.
func (s Sums) MarshalJSON() ([]byte, error) {
	texts := make(map[string]string, len(s))
	for currency, sum := range s {
		texts[currency] = sum.String()
	}
	return json.Marshal(texts)
}
