package suggest

import "testing"

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"listng-ttl": "listing-ttl", "LISTINGS": "listings", "zzz": "", "layot": "layout", "": "",
	} {
		if got := Nearest(name, []string{"layout", "listing-ttl", "listings"}); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
