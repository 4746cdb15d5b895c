package billing

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"2026-01-31T10:20:30Z", "2026-01-31T10:20:30Z"},
		{"2026-01-31T10:20:30.5+02:00", "2026-01-31T08:20:30.5Z"},
		{"2026-01-31T10:20:30.123+0000", "2026-01-31T10:20:30.123Z"},
		{"2026-01-31T10:20:30", "2026-01-31T10:20:30Z"},
		{"2026-01-31 10:20:30", "2026-01-31T10:20:30Z"},
		{"2026-01-31", "2026-01-31T00:00:00Z"},
		{"1769854830", "2026-01-31T10:20:30Z"},
		{"1769854830500", "2026-01-31T10:20:30.5Z"},
		{"", ""},
		{"12", ""},
		{"99999999999999999999999", ""},
		{"9999-01-01T00:00:00Z", ""},
		{"yesterday", ""},
	} {
		got := ""
		if v, ok := ParseTime(tt.in); ok {
			got = v.Format(time.RFC3339Nano)
		}
		if got != tt.want {
			t.Errorf("ParseTime(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParsePeriod(t *testing.T) {
	for in, want := range map[string]bool{
		"202601": true, "202612": true, "2026-01": true, "2026/12": true, "2026-13": false, "2026-1": false, "2026-01-31T00:00:00Z": true, "01/2026": false, "20261": false, "": false, "202613": false,
		"202600": false, "000001": false, "20260115": true, "202601 January": true, "２０２６０１": false, "+20261": false,
	} {
		if _, got := ParsePeriod(in); got != want {
			t.Errorf("ParsePeriod(%q): %v, want %v", in, got, want)
		}
	}
}
