// Package month counts in billing months.
package month

import (
	"fmt"
	"time"

	"ccsfs/internal/billing"
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

// OfDocument returns the month that a document is about: that of its period,
// else that of its date; false if neither is known.
func OfDocument(d *billing.Document) (Month, bool) {
	year, m, ok := d.Month()
	if !ok {
		return 0, false
	}
	return New(year, m), true
}
