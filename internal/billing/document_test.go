package billing

import (
	"fmt"
	"testing"
	"time"
)

func TestModTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		title string
		doc   Document
		want  string // "" is the zero time
	}{
		{"updated", Document{UpdatedAt: "2026-02-03T04:05:06Z", CreatedAt: "2026-01-01T00:00:00Z", Period: "202601"}, "2026-02-03T04:05:06Z"},
		{"created", Document{UpdatedAt: "never", CreatedAt: "2026-01-02T00:00:00+0200", Period: "202601"}, "2026-01-01T22:18:30Z"},
		{"end of the period", Document{Period: "202602"}, "2026-02-28T10:58:28Z"},
		{"end of a leap February", Document{Period: "20240229"}, "2024-02-29T10:58:28Z"},
		{"the current month", Document{Period: "202611"}, "2026-11-01T00:00:00Z"},
		{"updated on a day", Document{UpdatedAt: "2026-11-20", CreatedAt: "2026-01-01T00:00:00Z"}, "2026-11-20T10:14:24Z"},
		{"created on a day", Document{CreatedAt: "2026-11-20", Period: "202610"}, "2026-11-20T10:58:28Z"},
		{"created at its midnight", Document{CreatedAt: "2026-11-20T00:00:00Z"}, "2026-11-20T00:00:00Z"},
		{"created in seconds", Document{CreatedAt: "1793441628"}, "2026-10-31T10:13:48Z"},
		{"listed before the hour of its day", Document{CreatedAt: "2026-11-24"}, "2026-11-24T00:00:00Z"},
		{"updated in the future", Document{UpdatedAt: "2026-12-01T00:00:00Z"}, "2026-12-01T00:00:00Z"},
		{"nothing", Document{}, ""},
		{"rubbish", Document{Period: "202600", CreatedAt: "12:00"}, ""},
	} {
		tt.doc.ID = "1"
		tt.doc.ListedAt(at)
		got := ""
		if m := tt.doc.ModTime(); !m.IsZero() {
			got = m.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.title, got, tt.want)
		}
	}
}

// TestNoTwoDocumentsHaveOneTime: what takes the place of another document under its
// name, or of a version of itself whose date nobody can read, is seen by whatever
// compares times; and it stays in the last day of the period, all over the world.
func TestNoTwoDocumentsHaveOneTime(t *testing.T) {
	times := make(map[time.Time]int)
	for i := range 200 {
		for _, d := range []Document{
			{ID: fmt.Sprint(i), Period: "202610"},
			{ID: "1", UpdatedAt: fmt.Sprintf("%d/11/2026", i), Period: "202610"},
			{ID: fmt.Sprint(i), CreatedAt: "2026-10-31"},
			{ID: fmt.Sprint(i), UpdatedAt: fmt.Sprintf("%d/11", i), CreatedAt: "2026-10-31"},
		} {
			m := d.ModTime()
			times[m]++
			for _, zone := range []int{-10, 0, 13} {
				if y, month, day := m.In(time.FixedZone("", zone*3600)).Date(); y != 2026 || month != 10 || day != 31 {
					t.Errorf("%+v: %v", d, m)
				}
			}
		}
	}
	if len(times) < 500 {
		t.Errorf("%d times of 800 documents, some of which have one id", len(times))
	}
	if a, b := (&Document{ID: "1", Period: "202610"}).ModTime(), (&Document{ID: "2", Period: "202610"}).ModTime(); a.Equal(b) {
		t.Error("one time for both")
	}
}

// TestHoursThatAreOneDayInFrance: only two hours of a day in UTC are that day in all of
// France, and they are to come yet while the day is young there. So the time of a day that
// is listed in that time cannot be right, past and stable at once.
func TestHoursThatAreOneDayInFrance(t *testing.T) {
	at := func(zone float64, day, hour int) time.Time {
		return time.Date(2026, 10, day, hour, 0, 0, 0, time.FixedZone("", int(zone*3600)))
	}
	first, last := at(0, 1, 0), at(0, 31, 0)
	for _, zone := range map[string]float64{ // hours before UTC, and after, all year round
		"Tahiti": -10, "Marquises": -9.5, "Gambier": -9, "Clipperton": -8, "Martinique, Guadeloupe, Saint-Martin": -4, "Guyane": -3,
		"Saint-Pierre-et-Miquelon": -3, "and in summer": -2, "Paris": 1, "Paris in summer": 2, "Mayotte, îles Éparses": 3, "Réunion, Crozet": 4,
		"Kerguelen": 5, "Nouvelle-Calédonie": 11, "Wallis-et-Futuna": 12,
	} {
		if begin := at(zone, 15, 0); begin.After(first) {
			first = begin
		}
		if end := at(zone, 16, 0); end.Before(last) {
			last = end
		}
	}
	if !first.Equal(at(0, 15, 10)) || !last.Equal(at(0, 15, 12)) {
		t.Errorf("from %v to %v", first.UTC(), last.UTC())
	}
	for i := range 200 {
		d := Document{ID: fmt.Sprint(i), CreatedAt: "2026-10-15"}
		if m := d.ModTime(); m.Before(first) || !m.Before(last) {
			t.Errorf("%v", m)
		}
		d.ListedAt(at(1, 15, 8))
		if m := d.ModTime(); !m.Equal(at(0, 15, 0)) {
			t.Errorf("in the morning: %v", m)
		}
	}
}

func TestVolatile(t *testing.T) {
	n := 0
	for _, typ := range append(Types(), TypeOther, "") {
		if (&Document{Type: typ}).Volatile() {
			n++
		}
	}
	if n != 2 || !(&Document{Type: TypePartialBills}).Volatile() || !(&Document{Type: "partialConsumptionRatedReports"}).Volatile() {
		t.Errorf("%d types are volatile, want the two partial ones", n)
	}
}

// What a listing says beside updatedAt tells documents of one id apart; a name only
// where there is nothing better.
func TestPrint(t *testing.T) {
	base := Document{ID: "1", Type: TypeBills, Filename: "a.pdf", Period: "202610", CreatedAt: "2026-11-03T10:00:00Z", Amount: "1.00", Currency: "EUR"}
	dated := base
	dated.UpdatedAt = "2026-11-04T10:00:00Z"
	for name, tt := range map[string]struct {
		change      func(d *Document)
		bare, dated bool // the fingerprint is another one
	}{
		"nothing":   {func(*Document) {}, false, false},
		"id":        {func(d *Document) { d.ID = "2" }, false, false},  // it is asked by it
		"type":      {func(d *Document) { d.Type = "" }, false, false}, // depends on which types may be seen
		"name":      {func(d *Document) { d.Filename = "b.pdf" }, true, false},
		"period":    {func(d *Document) { d.Period = "202609" }, true, true},
		"created":   {func(d *Document) { d.CreatedAt = "" }, true, true},
		"amount":    {func(d *Document) { d.Amount = "2.00" }, true, true},
		"currency":  {func(d *Document) { d.Currency = "CHF" }, true, true},
		"one field": {func(d *Document) { d.Amount, d.Currency = "1.00E", "UR" }, true, true},
	} {
		for what, d := range map[string]Document{"bare": base, "dated": dated} {
			is := d
			tt.change(&is)
			want := tt.bare
			if what == "dated" {
				want = tt.dated
			}
			if got := is.Fingerprint() != d.Fingerprint(); got != want {
				t.Errorf("%s, %s: another fingerprint: %v", name, what, got)
			}
		}
	}
}
