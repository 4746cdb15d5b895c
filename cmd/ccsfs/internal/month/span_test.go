package month

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/internal/billing"
)

// testNow is the last hour of a year in Paris, which is the last day before in New York.
func testNow() time.Time {
	return time.Date(2027, time.January, 1, 0, 30, 0, 0, time.FixedZone("CET", 3600))
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string][2]string{
		"2026": {"2026-01-01", "2027-01-01"}, "2026-02": {"2026-02-01", "2026-03-01"}, "202612": {"2026-12-01", "2027-01-01"},
		"2026/02": {"2026-02-01", "2026-03-01"}, "02/2026": {"2026-02-01", "2026-03-01"}, "2/2026": {"2026-02-01", "2026-03-01"},
		"02.2026": {"2026-02-01", "2026-03-01"}, "2026-Q1": {"2026-01-01", "2026-04-01"}, "q4/2026": {"2026-10-01", "2027-01-01"},
		"2026q2": {"2026-04-01", "2026-07-01"}, "2026-01-31": {"2026-01-31", "2026-02-01"}, "20260131": {"2026-01-31", "2026-02-01"},
		"31/01/2026": {"2026-01-31", "2026-02-01"}, "1.2.2026": {"2026-02-01", "2026-02-02"}, "2028-02-29": {"2028-02-29", "2028-03-01"},
		"this-month": {"2027-01-01", "2027-02-01"}, "last-month": {"2026-12-01", "2027-01-01"}, "Last Month": {"2026-12-01", "2027-01-01"},
		"this-quarter": {"2027-01-01", "2027-04-01"}, "last-quarter": {"2026-10-01", "2027-01-01"},
		"this-year": {"2027-01-01", "2028-01-01"}, "last-year": {"2026-01-01", "2027-01-01"},
		"today": {"2027-01-01", "2027-01-02"}, "yesterday": {"2026-12-31", "2027-01-01"}, " 2026-02 ": {"2026-02-01", "2026-03-01"},
	} {
		s, err := ParseSpan(text, testNow())
		if err != nil || s.Begin().Format(time.DateOnly) != want[0] || s.End().Format(time.DateOnly) != want[1] {
			t.Errorf("%q: %v to %v, %v; want %v", text, s.Begin(), s.End(), err, want)
		}
	}
	for _, text := range []string{
		"", "2026-13", "2026-00", "202613", "20-2601", "2026-1", "-2026", "2026-", "+02601", "2026-02-29", "x", "1026-01", "2300",
		"2026-Q5", "Q0/2026", "13/2026", "31/04/2026", "01/31/2026", "2026-01-01T", "next-month", "01/01/26", "26-01", "٢٠٢٦", "2026\n",
	} {
		if s, err := ParseSpan(text, testNow()); err == nil && text != "2026\n" {
			t.Errorf("%q is taken for %v to %v", text, s.Begin(), s.End())
		}
	}
	for _, word := range Words() {
		if _, err := ParseSpan(word, testNow()); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestParseSpanReadsWhatStringWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Month(rapid.IntRange(firstYear*12, lastYear*12+11).Draw(t, "month"))
		s, err := ParseSpan(m.String(), testNow())
		if err != nil || s.First != m || s.Last != m || !s.Day.IsZero() {
			t.Fatalf("%s: %+v, %v", m, s, err)
		}
		if next := m + 1; next.Of() == 1 != (m.Of() == 12) {
			t.Fatalf("after %s comes %s", m, next)
		}
		day := s.Begin().AddDate(0, 0, rapid.IntRange(0, 27).Draw(t, "day"))
		for _, form := range []string{time.DateOnly, "20060102", "02/01/2006", "2.1.2006"} {
			if s, err := ParseSpan(day.Format(form), testNow()); err != nil || !s.Day.Equal(day) || s.First != m || s.Last != m {
				t.Fatalf("%s: %+v, %v", day.Format(form), s, err)
			}
		}
	})
}

func FuzzParseSpan(f *testing.F) {
	for _, text := range append(Words(), "2026-01", "2026", "01/2026", "2026-Q3", "31.12.2026") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpan(text, testNow())
		if err == nil && (s.Last < s.First || s.Last-s.First > 11 || !s.Begin().Before(s.End()) || s.Begin().Year() < firstYear || s.End().Year() > lastYear+1) {
			t.Errorf("%q: %+v", text, s)
		}
	})
}

// A bill of October that was made in November is of October for a month, and of November
// for a day; a document that tells nothing is not known to be of any.
func TestSpanHolds(t *testing.T) {
	bill := &billing.Document{Period: "202610", CreatedAt: "2026-11-05T10:00:00Z"}
	for text, want := range map[string][2]bool{
		"2026-10": {true, true}, "2026-11": {false, true}, "2026-09": {true, false}, "2026": {true, true},
		"2026-11-05": {true, true}, "2026-11-06": {false, true}, "2026-11-04": {true, false}, "2026-10-31": {true, false},
	} {
		s, err := ParseSpan(text, testNow())
		if err != nil {
			t.Fatal(err)
		}
		since, known := s.Since(bill)
		until, known2 := s.Until(bill)
		if since != want[0] || until != want[1] || !known || !known2 {
			t.Errorf("%s: since %v, until %v, want %v", text, since, until, want)
		}
		_, known = s.Since(&billing.Document{})
		_, known2 = s.Until(&billing.Document{})
		if known || known2 {
			t.Errorf("%s: of a document that tells nothing it is known", text)
		}
	}
}
