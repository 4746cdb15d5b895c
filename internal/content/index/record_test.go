package index

import (
	"fmt"
	"testing"
	"time"
)

// The clock of the listing counts, and a clock that was wrong harms nothing for long.
func TestCoversByTime(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	const old, recent = "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"
	for _, tt := range []struct {
		name                             string
		have, want                       string
		listed                           time.Time
		covers                           bool
		haveFingerprint, wantFingerprint uint64
	}{
		{"the same", old, old, at.Add(time.Hour), true, 5, 5},
		{"newer than listed", recent, old, at.Add(-time.Hour), true, 5, 5},
		{"newer than listed, who knows when", recent, old, time.Time{}, true, 5, 5},
		{"newer than listed at its own time", recent, old, at, true, 5, 5},
		{"listed back since", recent, old, at.Add(time.Nanosecond), false, 5, 5},
		{"older than listed", old, recent, at.Add(-time.Hour), false, 5, 5},
		{"another document, listed since", old, old, at.Add(time.Hour), false, 5, 6},
		{"another document, listed before", old, old, at.Add(-time.Hour), true, 5, 6},
		{"nobody knows which document", old, old, at.Add(time.Hour), true, 0, 6},
		{"nobody said which document", old, old, at.Add(time.Hour), true, 5, 0},
		{"not a time", "yes", old, at.Add(-time.Hour), false, 5, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Record{UpdatedAt: tt.have, Fingerprint: tt.haveFingerprint, Checked: at}
			if got := r.Covers(Version{tt.want, tt.wantFingerprint, tt.listed}, at.Add(24*time.Hour)); got != tt.covers {
				t.Errorf("covers: %v", got)
			}
		})
	}
}

// A line of no bytes needs their hash: a size alone is never 0.
func TestEmptyRecords(t *testing.T) {
	for line, ok := range map[string]bool{
		`{"id":"a","size":0,"changed":"2026-11-01T00:00:00Z","checked":"2026-11-01T00:00:00Z"}`:                                                                              false,
		`{"id":"a","size":-1,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","changed":"2026-11-01T00:00:00Z","checked":"2026-11-01T00:00:00Z"}`: false,
		`{"id":"a","size":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","changed":"2026-11-01T00:00:00Z","checked":"2026-11-01T00:00:00Z"}`:  true,
	} {
		if _, err := decodeLine(fmt.Appendf(nil, "%08x %s", lineSum([]byte(line)), line)); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}
