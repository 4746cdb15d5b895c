package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSafeName(t *testing.T) {
	long := strings.Repeat("é", 150) // 300 bytes
	for _, tt := range []struct{ in, want string }{
		{"invoice-2026-01.pdf", "invoice-2026-01.pdf"},
		{" Été (1).xlsx ", " Été (1).xlsx "},
		{"", "document"},
		{".", "document"},
		{"..", "document"},
		{"...", "..."},
		{"../../etc/passwd", ".._.._etc_passwd"},
		{"a\x00b\nc\x7fd\u0085e", "a_b_c_d_e"},
		{"\x1b[31mred", "_[31mred"},
		{"fdp\u202egpj.exe", "fdp_gpj.exe"},
		{"\u202a\u202e\u2066\u2069\u200e\u200f\u061c\u2028\u2029", "_________"},
		{"bad\xff\xc3.pdf", "bad\ufffd\ufffd.pdf"},
		{"\ufffd.pdf", "\ufffd.pdf"},
		{strings.Repeat("a", 300) + ".pdf", strings.Repeat("a", 251) + ".pdf"},
		{long + ".pdf", strings.Repeat("é", 125) + ".pdf"}, // 250 + 4: one byte would cut a rune
		{long, strings.Repeat("é", 127)},
		{"a." + strings.Repeat("x", 300), "a." + strings.Repeat("x", 253)}, // no extension that long
		{strings.Repeat("\xff", 100) + ".csv", strings.Repeat("\ufffd", 83) + ".csv"},
	} {
		if got := SafeName(tt.in); got != tt.want {
			t.Errorf("SafeName(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func checkSafe(t interface{ Errorf(string, ...any) }, name string) {
	switch {
	case name == "", name == ".", name == "..":
		t.Errorf("%q is no name", name)
	case len(name) > 255:
		t.Errorf("%q has %d bytes", name, len(name))
	case !utf8.ValidString(name):
		t.Errorf("%q is not UTF-8", name)
	case strings.ContainsFunc(name, unsafeRune):
		t.Errorf("%q has an unsafe character", name)
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"", "..", "a/b", "a\x00.pdf", "\xff", "\u202e", strings.Repeat("ü", 200) + ".pdf", "a.b.c", ".hidden"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := SafeName(s)
		checkSafe(t, name)
		if again := SafeName(name); again != name {
			t.Errorf("SafeName is not stable: %q, then %q", name, again)
		}
		checkSafe(t, tagged(name, "~"+hashOf(s)))
	})
}

func TestSplitExt(t *testing.T) {
	for _, tt := range []struct{ in, base, ext string }{
		{"a.pdf", "a", ".pdf"},
		{"a.tar.gz", "a.tar", ".gz"},
		{".pdf", ".pdf", ""},
		{"a.", "a.", ""},
		{"a", "a", ""},
		{"v1.2 final", "v1.2 final", ""},
		{"a.~12345678", "a.~12345678", ""},
		{"a.123456789012345", "a", ".123456789012345"},
		{"a.1234567890123456", "a.1234567890123456", ""},
	} {
		if base, ext := splitExt(tt.in); base != tt.base || ext != tt.ext {
			t.Errorf("splitExt(%q) = %q, %q, want %q, %q", tt.in, base, ext, tt.base, tt.ext)
		}
	}
}

func tag(id string, n int) string { return "~" + hashOf(id)[:n] }

func TestDistinguish(t *testing.T) {
	// y stands for a document whose own name is what x is about to be called.
	x8 := "a" + tag("x", 8) + ".pdf"
	x16 := "a" + tag("x", 16) + ".pdf"
	full := strings.Repeat("n", 251) + ".pdf"
	for _, tt := range []struct {
		title             string
		wanted, ids, want []string
	}{
		{"distinct", []string{"a", "b"}, []string{"1", "2"}, []string{"a", "b"}},
		{"every one of the same", []string{"a.pdf", "a.pdf", "b"}, []string{"x", "y", "z"},
			[]string{x8, "a" + tag("y", 8) + ".pdf", "b"}},
		{"a natural name like a hashed one", []string{"a.pdf", "a.pdf", x8}, []string{"x", "y", "z"},
			[]string{x16, "a" + tag("y", 8) + ".pdf", "a" + tag("x", 8) + tag("z", 8) + ".pdf"}},
		{"and again", []string{"a.pdf", "a.pdf", x8, x16}, []string{"x", "y", "z", "w"},
			[]string{"a" + tag("x", 32) + ".pdf", "a" + tag("y", 8) + ".pdf", "a" + tag("x", 8) + tag("z", 8) + ".pdf", "a" + tag("x", 16) + tag("w", 8) + ".pdf"}},
		{"reserved", []string{ContractFile, "b"}, []string{"x", "y"}, []string{".contract" + tag("x", 8) + ".json", "b"}},
		{"long", []string{full, full}, []string{"x", "y"},
			[]string{strings.Repeat("n", 242) + tag("x", 8) + ".pdf", strings.Repeat("n", 242) + tag("y", 8) + ".pdf"}},
	} {
		got := Distinguish(tt.wanted, tt.ids, ContractFile, DocumentsFile)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.title, diff)
		}
	}
}

// TestDistinguishToTheEnd occupies each shorter name, so that only the full
// hash is left.
func TestDistinguishToTheEnd(t *testing.T) {
	wanted := []string{"a", "a", "a" + tag("x", 8), "a" + tag("x", 16), "a" + tag("x", 32)}
	got := Distinguish(wanted, []string{"x", "y", "1", "2", "3"})
	if want := "a" + tag("x", 64); got[0] != want {
		t.Errorf("got %q, want %q", got[0], want)
	}
	// Who has the full hash stays; who comes to want that very name gives way.
	got = Distinguish(append(wanted, "a"+tag("x", 64)), []string{"x", "y", "1", "2", "3", "4"})
	if want := "a" + tag("x", 64); got[0] != want || got[5] != want+tag("4", 8) {
		t.Errorf("got %q and %q, want %q to stay", got[0], got[5], want)
	}
}

// genNamed draws names with many collisions, among them ones that look like
// hashed names of others.
func genNamed(t *rapid.T) (wanted, ids []string) {
	n := rapid.IntRange(0, 24).Draw(t, "n")
	for i := range n {
		ids = append(ids, fmt.Sprintf("id%d", i))
	}
	base := rapid.SampledFrom([]string{"a", "a.pdf", "..", ContractFile, strings.Repeat("l", 255), strings.Repeat("é", 127)})
	for range ids {
		name := base.Draw(t, "base")
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			id := rapid.SampledFrom(ids).Draw(t, "id")
			name = tagged(SafeName(name), tag(id, rapid.SampledFrom([]int{8, 16, 32, 64}).Draw(t, "length")))
		}
		wanted = append(wanted, SafeName(name))
	}
	return wanted, ids
}

func TestDistinguishProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wanted, ids := genNamed(t)
		names := Distinguish(wanted, ids, ContractFile, DocumentsFile)
		byID := make(map[string]string)
		seen := map[string]bool{ContractFile: true, DocumentsFile: true}
		for i, name := range names {
			checkSafe(t, name)
			if seen[name] {
				t.Fatalf("%q twice, or reserved", name)
			}
			seen[name], byID[ids[i]] = true, name
		}
		order := rapid.Permutation(indices(len(ids))).Draw(t, "order")
		again := Distinguish(pick(wanted, order), pick(ids, order), ContractFile, DocumentsFile)
		for j, i := range order {
			if again[j] != byID[ids[i]] {
				t.Fatalf("the name of %s depends on the order: %q or %q", ids[i], byID[ids[i]], again[j])
			}
		}
		// A document whose names nobody else has, or could be given.
		more := Distinguish(append(slices.Clone(wanted), "unrelated.csv"), append(slices.Clone(ids), "new"), ContractFile, DocumentsFile)
		if diff := cmp.Diff(names, more[:len(names)]); len(names) > 0 && diff != "" {
			t.Fatalf("an unrelated document changed names (-without +with)\n%s", diff)
		}
	})
}

func indices(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func pick(s []string, order []int) []string {
	out := make([]string, len(s))
	for j, i := range order {
		out[j] = s[i]
	}
	return out
}
