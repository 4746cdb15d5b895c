package value

import (
	"math"
	"testing"
	"time"
)

func TestParsers(t *testing.T) {
	for _, c := range []struct {
		name  string
		parse func(string) (any, error)
		good  map[string]any
		bad   []string
	}{
		{"duration", loose(Duration),
			map[string]any{"10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1s": time.Second},
			[]string{"10", "", "0s", "-5m", "500ms", "d", "1.5d", "99999999999d", "soon"}},
		{"size", loose(Size),
			map[string]any{"10GiB": int64(10 << 30), "4 MiB": int64(4 << 20), "1kB": int64(1000), "0": int64(0), "512B": int64(512), "1048576": int64(1 << 20)},
			[]string{"", "-1", "lots", "1XB", "99EiB", "nan", "10", "1048575", "4.5"}},
		{"rate", loose(Rate), map[string]any{"0": 0.0, "2.5": 2.5}, []string{"", "-1", "NaN", "Inf", "x"}},
		{"umask", loose(Umask), map[string]any{"022": uint32(0o22), "0o077": uint32(0o77), "0": uint32(0)}, []string{"", "8", "1000", "-1"}},
		{"id", loose(ID), map[string]any{"0": uint32(0), "4294967294": uint32(math.MaxUint32 - 1)}, []string{"", "-1", "4294967295", "root"}},
		{"bool", loose(Bool), map[string]any{"true": true, "Off": false, "1": true}, []string{"", "maybe"}},
		{"url", loose(URL),
			map[string]any{"https://h/x/": "https://h/x", "http://127.0.0.1:1": "http://127.0.0.1:1"},
			[]string{"", "h/x", "ftp://h", "https://", "https://u:p@h", "https://h?q", "https://h#f", "https://h\x00"}},
	} {
		for text, want := range c.good {
			if got, err := c.parse(text); err != nil || got != want {
				t.Errorf("%s %q: got %v, %v, want %v", c.name, text, got, err, want)
			}
		}
		for _, text := range c.bad {
			if got, err := c.parse(text); err == nil {
				t.Errorf("%s %q: accepted as %v", c.name, text, got)
			}
		}
	}
}

func loose[T any](parse func(string) (T, error)) func(string) (any, error) {
	return func(s string) (any, error) { return parse(s) }
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"10GiB", "-1", "1e400", "9223372036854775807", "9223372036854775808", "1,000kb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Size(text); err == nil && n < 0 {
			t.Errorf("%q is %d", text, n)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"10m", "7d", "-5m", "106751d", "999999999h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := Duration(text); err == nil && d < time.Second {
			t.Errorf("%q is %s", text, d)
		}
	})
}
