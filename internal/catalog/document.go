package catalog

import (
	"hash/fnv"
	"math"
	"strings"
	"time"
)

// Document is what is known of a document without fetching it. All texts are
// as the API gave them, hostile ones included; Entry.Name is what is safe to
// show. All but ContractID, ID and Type may be empty.
//
// A *Document of a Listing keeps that whole listing in memory: whoever wants
// to remember a document for long keeps its id.
type Document struct {
	ContractID string
	ID         string
	Type       string // that of the query which found it; TypeBills, …
	Filename   string
	Period     string // starts with YYYYMM
	CreatedAt  string
	UpdatedAt  string
	Amount     string // decimal text
	Currency   string

	early bool // the period was not over at the time of the listing
}

// Volatile reports whether the content changes under the same id: the
// simulation of the bill and the consumption of the current month.
func (d *Document) Volatile() bool { return volatileType(d.Type) }

// Print tells apart documents that come under one id after each other, where updatedAt
// does not: it is of what a listing says that does not change while a document stays
// the same. A name counts only where no updatedAt tells versions apart, for documents
// are renamed. It is never 0.
func (d *Document) Print() uint64 {
	h := fnv.New64a()
	name := d.Filename
	if d.UpdatedAt != "" {
		name = ""
	}
	for _, s := range [...]string{d.Period, d.CreatedAt, d.Amount, d.Currency, name} {
		_, _ = h.Write([]byte(s)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return max(h.Sum64(), 1)
}

// ModTime returns updatedAt, else createdAt, else the last day of the
// period, or its first second if the period was not over at the time of the listing
// (a file from the future upsets make and rsync). Periods are taken as UTC.
// It is zero if nothing is known.
//
// A document that takes the place of another under its name must not have its time,
// too: rsync and its like compare sizes and times, and would keep the old one. Where
// the listing tells nothing that does that, its minute and second come of the id.
func (d *Document) ModTime() time.Time {
	if t, ok := parseTime(d.UpdatedAt); ok {
		return t
	}
	if t, ok := parseTime(d.CreatedAt); ok {
		if d.UpdatedAt != "" { // in a form that is not known
			t = t.Add(d.spread())
		}
		return t
	}
	p, ok := parsePeriod(d.Period)
	switch {
	case !ok:
		return time.Time{}
	case d.early:
		return p.first()
	}
	return p.lastDay().Add(d.spread())
}

// spread is a part of an hour, in seconds, that differs between documents and their
// versions in nearly all cases, and is the same everywhere.
func (d *Document) spread() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.ID + "\x00" + d.UpdatedAt)) // never fails
	return time.Duration(h.Sum32()%3600) * time.Second
}

// age orders documents by how old they are, for what concerns the order in
// which the API lists them (newest first): period, else creation. The zero
// time means unknown.
func (d *Document) age() time.Time {
	if p, ok := parsePeriod(d.Period); ok {
		return p.first()
	}
	t, _ := parseTime(d.CreatedAt)
	return t
}

// period is a billing month.
type period struct {
	year, month int
}

func (p period) first() time.Time {
	return time.Date(p.year, time.Month(p.month), 1, 0, 0, 0, 0, time.UTC)
}

// lastDay is ten o'clock on the last day: that, and the hour after it, is the same
// day from UTC-10 to UTC+13. At its last second, a listing on a machine in Paris would date October's
// documents to November.
func (p period) lastDay() time.Time { return p.first().AddDate(0, 1, -1).Add(10 * time.Hour) }

func (p period) last() time.Time { return p.first().AddDate(0, 1, 0).Add(-time.Second) }

// Month returns the month that a document is about: that of its period, or of its
// date if it has no period; false if neither is known. A period that cannot be read
// is not replaced by the date: bills are made in the month after theirs.
func (d *Document) Month() (year int, month time.Month, ok bool) {
	if p, ok := parsePeriod(d.Period); ok {
		return p.year, time.Month(p.month), true
	}
	t := d.ModTime()
	if d.Period != "" || t.IsZero() {
		return 0, 0, false
	}
	return t.Year(), t.Month(), true
}

// parsePeriod reads the YYYYMM that a period starts with, also written as YYYY-MM or
// YYYY/MM. Years outside 1990–2199 are taken for something else than a year.
func parsePeriod(s string) (period, bool) {
	if len(s) >= 7 && (s[4] == '-' || s[4] == '/') {
		s = s[:4] + s[5:]
	}
	if len(s) < 6 {
		return period{}, false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[4:6])
	if !ok1 || !ok2 || y < 1990 || y > 2199 || m < 1 || m > 12 {
		return period{}, false
	}
	return period{year: y, month: m}, true
}

// parseTime reads the times an API of this kind gives: RFC 3339, the same
// without a zone (then UTC) or with a numeric one, a date, or Unix seconds or
// milliseconds. Which of them the billing API uses is not documented.
func parseTime(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	if n, ok := digits(s); ok {
		switch len(s) {
		case 10:
			return time.Unix(int64(n), 0).UTC(), true
		case 13:
			return time.UnixMilli(int64(n)).UTC(), true
		}
		return time.Time{}, false
	}
	s = strings.Replace(s, " ", "T", 1)
	for _, layout := range [...]string{
		time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateOnly,
	} {
		// Years beyond what the kernel's and Go's nanoseconds hold are not taken.
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 && t.Year() < 2200 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// digits reads s if it is made of ASCII digits only and fits.
func digits(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > (math.MaxInt-9)/10 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != ""
}
