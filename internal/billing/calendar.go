package billing

import (
	"math"
	"strings"
	"time"
)

// How periods and times are written, and what they mean. Both are read in every form that
// an API of this kind may use.

// Period is a billing month.
type Period struct {
	Year, Month int
}

func (p Period) first() time.Time {
	return time.Date(p.Year, time.Month(p.Month), 1, 0, 0, 0, 0, time.UTC)
}

// lastDay is ten o'clock on the last day: that, and the hour after it, is the same
// day from UTC-10 to UTC+13. At its last second, a listing on a machine in Paris would date October's
// documents to November.
func (p Period) lastDay() time.Time { return p.first().AddDate(0, 1, -1).Add(dayHour) }

// dayHour is the time of day, UTC, that stands for a day without one.
const dayHour = 10 * time.Hour

func (p Period) last() time.Time { return p.first().AddDate(0, 1, 0).Add(-time.Second) }

// ParsePeriod reads the YYYYMM that a period starts with, also written as YYYY-MM or
// YYYY/MM. Years outside 1990–2199 are taken for something else than a year.
func ParsePeriod(s string) (Period, bool) {
	if len(s) >= 7 && (s[4] == '-' || s[4] == '/') {
		s = s[:4] + s[5:]
	}
	if len(s) < 6 {
		return Period{}, false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[4:6])
	if !ok1 || !ok2 || y < 1990 || y > 2199 || m < 1 || m > 12 {
		return Period{}, false
	}
	return Period{Year: y, Month: m}, true
}

// ParseTime reads the times an API of this kind gives: RFC 3339, the same
// without a zone (then UTC) or with a numeric one, a date, or Unix seconds or
// milliseconds. Which of them the billing API uses is not documented.
func ParseTime(s string) (time.Time, bool) {
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
