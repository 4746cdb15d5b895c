package httpfile

import (
	"mime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever a document is called, the header is one that parsers take, and says that name.
func TestDispositionBearsAnyName(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringN(1, 255, -1).Draw(rt, "name")
		h := Disposition("attachment", name)
		if strings.ContainsFunc(h, func(r rune) bool { return r < ' ' || r > '~' }) {
			rt.Fatalf("%q", h)
		}
		// mime takes one of the two only.
		begin, exact, _ := strings.Cut(h, "; filename*=")
		how, _, err := mime.ParseMediaType(begin)
		if err != nil || how != "attachment" {
			rt.Fatalf("%q: %v", begin, err)
		}
		_, parameters, err := mime.ParseMediaType("attachment; filename*=" + exact)
		if err != nil || parameters["filename"] != strings.ToValidUTF8(name, "_") {
			rt.Fatalf("%q: %q, %v", name, parameters, err)
		}
	})
}

func TestInlineIsPDFAlone(t *testing.T) {
	for _, c := range []struct {
		name, begin string
		want        bool
	}{
		{"a.pdf", "%PDF-1.7\n", true}, {"a.PDF", "%PDF-1.4", true}, {"a.pdf", "<html>", false}, {"a.pdf", "", false},
		{"a.html", "%PDF-1.7", false}, {"a.svg", "<svg", false}, {"a.pdf", " %PDF-1.7", false},
	} {
		if got := Inline(c.name, []byte(c.begin)); got != c.want {
			t.Errorf("%s, %q: %v", c.name, c.begin, got)
		}
	}
}
