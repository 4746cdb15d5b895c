package words

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// No French line begins with a mark that belongs to the word before it, or ends in a quote.
func TestMarksStayWithTheirWords(t *testing.T) {
	all, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	loose := regexp.MustCompile(`« | [»:;?!]`)
	for _, k := range all[1].Keys() {
		if text := all[1].texts[k]; loose.MatchString(text) {
			t.Errorf("%s: %q", k, text)
		}
	}
}

// Each text is there in each language, takes as much, and is used.
func TestTexts(t *testing.T) {
	all, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	en := all[0]
	for _, l := range all[1:] {
		if d := difference(en.Keys(), l.Keys()); d != nil {
			t.Errorf("%s and %s differ in %v", en.Code, l.Code, d)
		}
		for _, k := range en.Keys() {
			if strings.Count(en.texts[k], "%s") != strings.Count(l.texts[k], "%s") {
				t.Errorf("%s: %q, %q", k, en.texts[k], l.texts[k])
			}
		}
	}
	used := regexp.MustCompile(`(?:say|count|Say|Count|add|wrong|note\{|Key: |Key, [a-z.A-Z]+ = )\(? ?"([a-z][a-zA-Z0-9._-]*)"`)
	files, _ := filepath.Glob("../*/*.html")
	code, _ := filepath.Glob("../*.go")
	more, _ := filepath.Glob("../ask/*.go")
	for _, f := range slices.Concat(files, code, more) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(b), -1) {
			if !strings.HasSuffix(f, "_test.go") && !en.Has(m[1]) && !en.Has(m[1]+".one") && !strings.HasSuffix(m[1], ".") && !strings.Contains(m[1], "page") {
				t.Errorf("%s uses %q, which is no text", f, m[1])
			}
		}
	}
}

func difference(a, b []string) (d []string) {
	for _, k := range a {
		if !slices.Contains(b, k) {
			d = append(d, k)
		}
	}
	for _, k := range b {
		if !slices.Contains(a, k) {
			d = append(d, k)
		}
	}
	return d
}

func TestNumbers(t *testing.T) {
	all, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][2]string{
		"0": {"0", "0"}, "999": {"999", "999"}, "1234.50": {"1,234.50", "1\u202f234,50"}, "-1234567.891": {"−1,234,567.891", "−1\u202f234\u202f567,891"},
		"x": {"x", "x"}, "": {"", ""}, "1e3": {"1e3", "1e3"},
	} {
		if en, fr := all[0].Decimal(text), all[1].Decimal(text); en != want[0] || fr != want[1] {
			t.Errorf("%q: %q, %q", text, en, fr)
		}
	}
	if n := all[1].Count("documents", 0); n != "0 document" {
		t.Error(n)
	}
	if at := all[1].Time(time.Date(2026, 2, 3, 4, 5, 0, 0, time.FixedZone("", 3600))); at != "3 févr. 2026, 03:05\u00a0UTC" {
		t.Error(at)
	}
}

// Digits are never lost, nor made up.
func TestDecimalKeepsDigits(t *testing.T) {
	all, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{1,30}(\.[0-9]{1,10})?`).Draw(rt, "decimal")
		for _, l := range all {
			got := strings.NewReplacer(l.group, "", l.comma, ".", "−", "-").Replace(strings.ReplaceAll(l.Decimal(text), l.group, ""))
			if got != text {
				rt.Fatalf("%s: %q became %q", l.Code, text, got)
			}
		}
	})
}
