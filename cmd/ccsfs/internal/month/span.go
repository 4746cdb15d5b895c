package month

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ccsfs/internal/billing"
)

// Span is a stretch of time as people name it: whole months, or one day.
type Span struct {
	First, Last Month     // of months; both are that of the day of a day
	Day         time.Time // its first moment in UTC; zero: a stretch of months
}

// Begin is the first moment of the span, in UTC, as documents are dated.
func (s Span) Begin() time.Time {
	if !s.Day.IsZero() {
		return s.Day
	}
	return s.First.begin()
}

// End is the first moment after the span, in UTC.
func (s Span) End() time.Time {
	if !s.Day.IsZero() {
		return s.Day.AddDate(0, 0, 1)
	}
	return (s.Last + 1).begin()
}

func (m Month) begin() time.Time {
	return time.Date(m.Year(), time.Month(m.Of()), 1, 0, 0, 0, 0, time.UTC)
}

// The years that are taken for one: others are most likely slips.
const firstYear, lastYear = 1900, 2199

// form is a way to write spans.
type form struct {
	pattern string // of the whole text, in small letters
	span    func(n []int) (Span, bool)
}

// forms are how spans are written, besides the words.
func forms() []form {
	day := func(year, month, day int) func(n []int) (Span, bool) {
		return func(n []int) (Span, bool) { return dayOf(n[year], n[month], n[day]) }
	}
	return []form{
		{`(\d{4})`, func(n []int) (Span, bool) { return monthsOf(n[0], 1, 12) }},
		{`(\d{4})[-/.]?(\d{2})`, func(n []int) (Span, bool) { return monthsOf(n[0], n[1], n[1]) }},
		{`(\d{1,2})[-/.](\d{4})`, func(n []int) (Span, bool) { return monthsOf(n[1], n[0], n[0]) }},
		{`(\d{4})[-/.]?q([1-4])`, func(n []int) (Span, bool) { return monthsOf(n[0], 3*n[1]-2, 3*n[1]) }},
		{`q([1-4])[-/.]?(\d{4})`, func(n []int) (Span, bool) { return monthsOf(n[1], 3*n[0]-2, 3*n[0]) }},
		{`(\d{4})-(\d{2})-(\d{2})`, day(0, 1, 2)},
		{`(\d{4})(\d{2})(\d{2})`, day(0, 1, 2)},
		{`(\d{1,2})[/.](\d{1,2})[/.](\d{4})`, day(2, 1, 0)},
	}
}

// ParseSpan reads a stretch of time in the forms that people write: 2026, 2026-01,
// 202601, 01/2026, 2026-Q1, the days 2026-01-15, 20260115, 15/01/2026 and 15.01.2026 (the
// day first, as nearly everywhere), and this-month, last-month, this-quarter,
// last-quarter, this-year, last-year, today and yesterday, seen from now, in the time zone
// of now.
func ParseSpan(text string, now time.Time) (Span, error) {
	word := strings.ToLower(strings.TrimSpace(text))
	if s, ok := spanOfWord(word, now); ok {
		return s, nil
	}
	for _, form := range forms() {
		found := regexp.MustCompile("^" + form.pattern + "$").FindStringSubmatch(word)
		if found == nil {
			continue
		}
		var n []int
		for _, digits := range found[1:] {
			v, _ := strconv.Atoi(digits) // of four digits at most
			n = append(n, v)
		}
		if s, ok := form.span(n); ok {
			return s, nil
		}
	}
	return Span{}, fmt.Errorf("is no month, year or day; good ones are 2026-01, 2026, 2026-Q1, 2026-01-15, last-month and this-year")
}

func spanOfWord(word string, now time.Time) (Span, bool) {
	year, of, day := now.Date()
	this := New(year, of)
	quarter := this - Month(this.Of()-1)%3
	switch strings.ReplaceAll(strings.ReplaceAll(word, " ", "-"), "_", "-") {
	case "this-month":
		return Span{First: this, Last: this}, true
	case "last-month":
		return Span{First: this - 1, Last: this - 1}, true
	case "this-quarter":
		return Span{First: quarter, Last: quarter + 2}, true
	case "last-quarter":
		return Span{First: quarter - 3, Last: quarter - 1}, true
	case "this-year":
		return monthsOf(year, 1, 12)
	case "last-year":
		return monthsOf(year-1, 1, 12)
	case "today":
		return dayOf(year, int(of), day)
	case "yesterday":
		y := time.Date(year, of, day-1, 0, 0, 0, 0, time.UTC)
		return dayOf(y.Year(), int(y.Month()), y.Day())
	}
	return Span{}, false
}

func monthsOf(year, first, last int) (Span, bool) {
	ok := year >= firstYear && year <= lastYear && first >= 1 && last <= 12
	return Span{First: New(year, time.Month(first)), Last: New(year, time.Month(last))}, ok
}

func dayOf(year, of, day int) (Span, bool) {
	at := time.Date(year, time.Month(of), day, 0, 0, 0, 0, time.UTC)
	s, ok := monthsOf(year, of, of)
	s.Day = at
	return s, ok && at.Day() == day && at.Month() == time.Month(of)
}

// Words are those that ParseSpan knows, for completion.
func Words() []string {
	return []string{"this-month", "last-month", "this-quarter", "last-quarter", "this-year", "last-year", "today", "yesterday"}
}

// Since tells whether a document is of the span or later: by the month that it is about,
// or, for a day, by its date. Known is false if the document tells none.
func (s Span) Since(d *billing.Document) (holds, known bool) {
	if s.Day.IsZero() {
		of, ok := OfDocument(d)
		return of >= s.First, ok
	}
	at := d.ModTime()
	return !at.Before(s.Begin()), !at.IsZero()
}

// Until tells whether a document is of the span or earlier, as Since does.
func (s Span) Until(d *billing.Document) (holds, known bool) {
	if s.Day.IsZero() {
		of, ok := OfDocument(d)
		return of <= s.Last, ok
	}
	at := d.ModTime()
	return at.Before(s.End()), !at.IsZero()
}
