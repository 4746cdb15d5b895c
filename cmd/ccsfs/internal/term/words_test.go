package term

import (
	"testing"
	"time"
)

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"plain/path.pdf": "plain/path.pdf", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "''",
	} {
		if got := Quote(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0 s", 1500 * time.Millisecond: "1.5 s", 59 * time.Second: "59 s", time.Hour - time.Second: "59 min 59 s",
		25 * time.Hour: "1 d 1 h", 3*time.Hour + 5*time.Minute: "3 h 5 min",
	} {
		if got := Roughly(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}
