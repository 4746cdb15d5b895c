// Package month counts in billing months.
package month

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ccsfs/internal/catalog"
)

// Month is a month of the calendar, counted from January of year 0, so that
// months can be compared and counted.
type Month int

// New returns a month of a year.
func New(year int, m time.Month) Month { return Month(year*12 + int(m) - 1) }

// Year returns the year.
func (m Month) Year() int { return int(m) / 12 }

// Of returns the month of the year, 1 to 12.
func (m Month) Of() int { return int(m)%12 + 1 }

// String formats the month as 2026-01.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year(), m.Of()) }

// MarshalText implements encoding.TextMarshaler.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Parse reads 2026-01, 202601 or 2026, which stands for its first and last month.
func Parse(text string) (first, last Month, err error) {
	digits := strings.Replace(text, "-", "", 1)
	n, convErr := strconv.ParseUint(digits, 10, 32)
	year, of := int(n), 0
	switch {
	case len(digits) == 6:
		year, of = int(n)/100, int(n)%100
	case len(digits) != 4 || text != digits:
		convErr = strconv.ErrSyntax
	}
	dash := strings.IndexByte(text, '-')
	if convErr != nil || dash >= 0 && dash != 4 || year < 1900 || year > 2199 || len(digits) == 6 && (of < 1 || of > 12) {
		return 0, 0, fmt.Errorf("is not a month; a good one is 2026-01")
	}
	if of == 0 {
		return New(year, time.January), New(year, time.December), nil
	}
	return New(year, time.Month(of)), New(year, time.Month(of)), nil
}

// OfDocument returns the month that a document is about: that of its period,
// else that of its date; false if neither is known.
func OfDocument(d *catalog.Document) (Month, bool) {
	year, m, ok := d.Month()
	if !ok {
		return 0, false
	}
	return New(year, m), true
}
