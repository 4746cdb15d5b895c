// Package billing has the words of the trade: a document as it is listed, its type, and
// the month that it is about. It is pure, and knows neither where a document comes from
// nor where it is shown.
package billing

import (
	"hash/fnv"
	"time"
)

// Document is what is known of a document without fetching it. All texts are
// as the API gave them, hostile ones included; what is safe to show is up to
// layout. All but ContractID, ID and Type may be empty.
//
// A *Document of a listing keeps that whole listing in memory: whoever wants
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
	soon  bool // nor was the hour of a date without a time of day, see ModTime
}

// ListedAt notes when the listing was made that d is of.
func (d *Document) ListedAt(at time.Time) {
	p, ok := ParsePeriod(d.Period)
	d.early = ok && p.last().After(at)
	d.soon = false
	d.soon = d.ModTime().After(at)
}

// Volatile reports whether the content changes under the same id: the
// simulation of the bill and the consumption of the current month.
func (d *Document) Volatile() bool { return VolatileType(d.Type) }

// Fingerprint tells apart documents that come under one id after each other, where updatedAt
// does not: it is of what a listing says that does not change while a document stays
// the same. A name counts only where no updatedAt tells versions apart, for documents
// are renamed. It is never 0.
func (d *Document) Fingerprint() uint64 {
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

// ModTime returns updatedAt, else createdAt, exactly as they are told if they have a time
// of day, else the last day of the period. A day alone is taken for its hour after ten
// o'clock UTC, so that it is that day from Tahiti to Wallis, and not the one before or the
// month after; or for its first second, or that of the period, if that hour was still to
// come at the time of the listing (a file from the future upsets make and rsync). It is
// zero if nothing is known.
//
// So a day that is listed before ten o'clock UTC of it has another time from then on, which
// costs a copy of it once. No rule spares that: an hour that is the day in Tahiti is not
// past when the day begins in Paris.
//
// A document that takes the place of another under its name must not have its time,
// too: rsync and its like compare sizes and times, and would keep the old one. Where
// the listing tells nothing that does that, its minute and second come of the id.
func (d *Document) ModTime() time.Time {
	if t, ok := d.told(d.UpdatedAt); ok {
		return t
	}
	if t, ok := d.told(d.CreatedAt); ok {
		if d.UpdatedAt != "" && !isDay(d.CreatedAt) { // in a form that is not known
			t = t.Add(d.spread())
		}
		return t
	}
	p, ok := ParsePeriod(d.Period)
	switch {
	case !ok:
		return time.Time{}
	case d.early:
		return p.first()
	}
	return p.lastDay().Add(d.spread())
}

// told reads a time that the API tells of the document.
func (d *Document) told(text string) (time.Time, bool) {
	t, ok := ParseTime(text)
	if ok && isDay(text) && !d.soon {
		t = t.Add(dayHour + d.spread())
	}
	return t, ok
}

// isDay tells whether a text is a date without a time of day.
func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// spread is a part of an hour, in seconds, that differs between documents and their
// versions in nearly all cases, and is the same everywhere.
func (d *Document) spread() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.ID + "\x00" + d.UpdatedAt)) // never fails
	return time.Duration(h.Sum32()%3600) * time.Second
}

// Dated orders documents by how old they are, for what concerns the order in
// which the API lists them (newest first): period, else creation. The zero
// time means unknown.
func (d *Document) Dated() time.Time {
	if p, ok := ParsePeriod(d.Period); ok {
		return p.first()
	}
	t, _ := ParseTime(d.CreatedAt)
	return t
}

// Month returns the month that a document is about: that of its period, or of its
// date if it has no period; false if neither is known. A period that cannot be read
// is not replaced by the date: bills are made in the month after theirs.
func (d *Document) Month() (year int, month time.Month, ok bool) {
	if p, ok := ParsePeriod(d.Period); ok {
		return p.Year, time.Month(p.Month), true
	}
	t := d.ModTime()
	if d.Period != "" || t.IsZero() {
		return 0, 0, false
	}
	return t.Year(), t.Month(), true
}
