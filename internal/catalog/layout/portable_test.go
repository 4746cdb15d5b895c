package layout

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccsfs/internal/billing"
)

func TestPortableNames(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Invoice_OCB0001234_202610.pdf", "Invoice_OCB0001234_202610.pdf"},
		{"Été (1).xlsx", "Été (1).xlsx"},
		{`a<b>c:d"e\f|g?h*i.pdf`, "a_b_c_d_e_f_g_h_i.pdf"},
		{"ends in a dot.", "ends in a dot_"},
		{"ends in spaces  ", "ends in spaces__"},
		{"...", "___"},
		{"NUL", "_NUL"},
		{"nul.pdf", "_nul.pdf"},
		{"con .a.b", "_con .a.b"},
		{"COM1.csv", "_COM1.csv"},
		{"lpt³", "_lpt³"},
		{"COM10.csv", "COM10.csv"},
		{"console.pdf", "console.pdf"},
		{"Desktop.ini", "_Desktop.ini"},
		{"._x.pdf", "_._x.pdf"},
		{"~$bill.xlsx", "_~$bill.xlsx"},
		{".DS_Store", "_.DS_Store"},
		{"~" + strings.Repeat("a", 300) + ".pdf", "~" + strings.Repeat("a", 250) + ".pdf"},
	} {
		if got := Portable.Safe(tt.in); got != tt.want {
			t.Errorf("Safe(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// checkPortable is what Windows asks of a name, besides what Linux does.
func checkPortable(t interface{ Errorf(string, ...any) }, name string) {
	checkSafe(t, name)
	switch {
	case strings.ContainsAny(name, `<>:"\|?*`):
		t.Errorf("%q has a character that Windows refuses", name)
	case strings.TrimRight(name, ". ") != name:
		t.Errorf("Windows cuts the end off %q", name)
	case isDevice(name):
		t.Errorf("%q is a device", name)
	case IsProbe(name):
		t.Errorf("%q is looked for unasked", name)
	}
}

func FuzzPortableName(f *testing.F) {
	for _, s := range []string{"", "..", "a:b", "NUL.pdf", "CON ", "x. . ", "._a", "Thumbs.db", strings.Repeat("a ", 200), "~$" + strings.Repeat("ü", 200) + ".pdf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := Portable.Safe(s)
		checkPortable(t, name)
		if again := Portable.Safe(name); again != name {
			t.Errorf("not stable: %q, then %q", name, again)
		}
		checkPortable(t, tagged(name, "~"+hashOf(s)))
	})
}

// A directory of portable names has none that is another one on a file system that knows
// no case and no two ways to write an accent, and all documents are in it.
func TestPortableNamesAreDistinct(t *testing.T) {
	l, err := Parse("{type}/{filename}")
	if err != nil {
		t.Fatal(err)
	}
	l = l.With(Portable)
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a.pdf", "A.pdf", "a:pdf", "a?pdf", "\u00e9.pdf", "e\u0301.pdf", "E\u0301.PDF", "nul", "NUL", "_nul", "", ".documents.json", ".DOCUMENTS.json"}
		docs := make([]billing.Document, rapid.IntRange(0, 12).Draw(t, "documents"))
		for i := range docs {
			docs[i] = billing.Document{
				ID:       string(rune('a' + i)),
				Type:     rapid.SampledFrom([]string{"bills", "Bills", ".Contract.json", "b?", "b*"}).Draw(t, "type"),
				Filename: rapid.SampledFrom(names).Draw(t, "name"),
			}
		}
		count := 0
		var check func(d *Dir)
		check = func(d *Dir) {
			seen := map[string]string{}
			for _, e := range d.Entries {
				checkPortable(t, e.Name)
				key := Portable.key(e.Name)
				if other, dup := seen[key]; dup {
					t.Errorf("%q and %q are one", other, e.Name)
				}
				seen[key] = e.Name
				if e.Dir != nil {
					check(e.Dir)
				} else {
					count++
				}
			}
		}
		tree := Build(l, docs)
		check(tree)
		if count != len(docs) {
			t.Errorf("%d documents of %d", count, len(docs))
		}
		var paths, turned []string
		tree.Walk("", func(path string, d *billing.Document) { paths = append(paths, path+d.ID) })
		slices.Reverse(docs)
		Build(l, docs).Walk("", func(path string, d *billing.Document) { turned = append(turned, path+d.ID) })
		if slices.Compare(paths, turned) != 0 {
			t.Errorf("%q in one order, %q in the other", paths, turned)
		}
	})
}

// Names that differ in case, or in how accents are encoded, are meant by one another, where
// it is clear which one.
func TestLike(t *testing.T) {
	d := &Dir{}
	for _, name := range []string{"A.pdf", "B.PDF", "Été.pdf", "b.pdf", "straße.pdf"} {
		d.Entries = append(d.Entries, Entry{Name: name})
	}
	for name, want := range map[string]string{
		"a.PDF": "A.pdf", "A.pdf": "A.pdf", "b.Pdf": "", "E\u0301te\u0301.pdf": "Été.pdf", "ÉTÉ.PDF": "Été.pdf", "STRASSE.PDF": "straße.pdf", "c.pdf": "", "": "",
	} {
		if e, ok := d.Like(name); e.Name != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", name, e.Name, ok)
		}
	}
}
