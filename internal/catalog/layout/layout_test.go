package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/internal/billing"
)

func TestLayoutPaths(t *testing.T) {
	d := billing.Document{ID: "d/1", Type: billing.TypeBills, Filename: "bill.xlsx", Period: "202601-full"}
	for _, tt := range []struct {
		layout string
		doc    billing.Document
		want   string
	}{
		{"flat", d, "bill.xlsx"},
		{"type", d, "bills/bill.xlsx"},
		{"period", d, "2026/01/bill.xlsx"},
		{"{year}-{month} {type}/{id}_{filename}", d, "2026-01 bills/d_1_bill.xlsx"},
		{"all/{period}/{id}", d, "all/202601/d_1"},
		{"period", billing.Document{ID: "1"}, "unknown/unknown/document"},
		{"period", billing.Document{ID: "1", Period: "202613", Filename: "f"}, "unknown/unknown/f"},
		{"{type}/{period}/{id} {filename}", billing.Document{ID: "1"}, "unknown/unknown/1 document"},
		{"{type}/{filename}", billing.Document{ID: "1", Type: "../..", Filename: "../../etc/passwd"}, ".._../.._.._etc_passwd"},
		{"{type}/{filename}", billing.Document{ID: "1", Type: "..", Filename: ".."}, "document/document"},
		{"{filename}/{filename}", billing.Document{ID: "1", Filename: DocumentsFile}, ".documents" + tag(DocumentsFile, 8) + ".json/" + DocumentsFile},
		{"flat", billing.Document{ID: "1", Filename: DocumentsFile}, ".documents" + tag("1", 8) + ".json"},
	} {
		l, err := Parse(tt.layout)
		if err != nil {
			t.Errorf("%s: %v", tt.layout, err)
			continue
		}
		var got []string
		Build(l, []billing.Document{tt.doc}).Walk("", func(path string, _ *billing.Document) { got = append(got, path) })
		if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.layout, diff)
		}
		if l.String() != tt.layout {
			t.Errorf("String() = %q, want %q", l.String(), tt.layout)
		}
	}
}

func TestLayoutErrors(t *testing.T) {
	for _, tt := range []struct{ layout, want string }{
		{"", "not known"},
		{"peroid", `did you mean "period"`},
		{"nothing", "use flat, type, period"},
		{"{filname}", `did you mean "filename"`},
		{"{zzz}/{filename}", "unknown placeholder {zzz}: there are {type}"},
		{"{Type}/{filename}", `did you mean "type"`},
		{"{}/{filename}", "unknown placeholder {}"},
		{"{year", "a { without its }"},
		{"{ye{ar}/{id}", "a { without its }"},
		{"{type/{filename}}", "a { without its }"},
		{"year}/{id}", "a } without a {"},
		{"/{filename}", "empty segment"},
		{"{type}/", "empty segment"},
		{"{type}//{filename}", "empty segment"},
		{"../{filename}", `cannot be ".."`},
		{"./{filename}", `cannot be "."`},
		{"{filename}/{type}", "the last segment must contain {filename} or {id}"},
		{"a\x00/{id}", "control characters"},
		{"a\xff/{id}", "invalid UTF-8"},
		{strings.Repeat("a/", 8) + "{id}", "has 9 segments: at most 8"},
	} {
		_, err := Parse(tt.layout)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseLayout(%q) = %v, want an error with %q", tt.layout, err, tt.want)
		}
	}
}

func FuzzParseLayout(f *testing.F) {
	for _, s := range []string{"flat", "type", "period", "{year}/{month}/{id}", "{", "}{", "a/b/{filename}", "//", "{filename}/.."} {
		f.Add(s, "name", "202601")
	}
	f.Fuzz(func(t *testing.T, s, filename, period string) {
		l, err := Parse(s)
		if err != nil {
			return
		}
		docs := []billing.Document{{ID: "1", Filename: filename, Period: period, Type: filename}, {ID: "2", Filename: filename, Period: period}}
		checkTree(t, Build(l, docs), docs, len(l.segments))
	})
}

// checkTree checks that each document is there exactly once, at the depth of
// the layout, under names that are safe, sorted and found.
func checkTree(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, root *Dir, docs []billing.Document, depth int) {
	found := make(map[string]int)
	var check func(d *Dir, level int)
	check = func(d *Dir, level int) {
		if len(d.Entries) == 0 && level > 1 {
			t.Errorf("an empty directory")
		}
		for i, e := range d.Entries {
			checkSafe(t, e.Name)
			if i > 0 && d.Entries[i-1].Name >= e.Name {
				t.Errorf("%q before %q", d.Entries[i-1].Name, e.Name)
			}
			if got, ok := d.Lookup(e.Name); !ok || got != e {
				t.Errorf("Lookup(%q) = %v, %v", e.Name, got, ok)
			}
			if level == 1 && (e.Name == ContractFile || e.Name == DocumentsFile) {
				t.Errorf("%q is reserved", e.Name)
			}
			if (e.Dir == nil) == (e.Doc == nil) || (e.Doc != nil) != (level == depth) {
				t.Fatalf("%q at level %d is not one of directory and document", e.Name, level)
			}
			if e.Dir != nil {
				check(e.Dir, level+1)
				continue
			}
			found[e.Doc.ID]++
		}
	}
	check(root, 1)
	for _, d := range docs {
		if found[d.ID] != 1 {
			t.Errorf("document %q is there %d times", d.ID, found[d.ID])
		}
	}
	if len(found) != len(docs) {
		t.Errorf("%d documents in the tree, of %d", len(found), len(docs))
	}
	if _, ok := root.Lookup("not there"); ok {
		t.Errorf("found what is not there")
	}
}

func genDocuments(t *rapid.T) []billing.Document {
	n := rapid.IntRange(0, 20).Draw(t, "documents")
	var docs []billing.Document
	for i := range n {
		docs = append(docs, billing.Document{
			ID:       fmt.Sprintf("%03d%s", i, rapid.SampledFrom([]string{"", "/", "..", "\x00"}).Draw(t, "id")),
			Type:     rapid.SampledFrom([]string{billing.TypeBills, billing.TypeInvoices, "..", "a/b", "a_b", ""}).Draw(t, "type"),
			Filename: rapid.OneOf(rapid.SampledFrom([]string{"", "..", "a.pdf", "A.pdf", DocumentsFile, "a/b", "a_b", strings.Repeat("x", 300)}), rapid.String()).Draw(t, "filename"),
			Period:   rapid.SampledFrom([]string{"202601", "202602x", "", "soon"}).Draw(t, "period"),
		})
	}
	return docs
}

func TestTreeProperties(t *testing.T) {
	layouts := []string{"flat", "type", "period", "{id}", "{filename}/{filename}", "{type}/{year}/{filename} {id}", ".contract.json/{filename}"}
	rapid.Check(t, func(t *rapid.T) {
		l, err := Parse(rapid.SampledFrom(layouts).Draw(t, "layout"))
		if err != nil {
			t.Fatal(err)
		}
		docs := genDocuments(t)
		tree := Build(l, docs)
		checkTree(t, tree, docs, len(l.segments))

		shuffled := slices.Clone(docs)
		for j, i := range rapid.Permutation(indices(len(docs))).Draw(t, "order") {
			shuffled[j] = docs[i]
		}
		if diff := cmp.Diff(paths(tree), paths(Build(l, shuffled))); diff != "" {
			t.Fatalf("paths depend on the order:\n%s", diff)
		}
	})
}

// paths maps ids to paths.
func paths(d *Dir) map[string]string {
	out := make(map[string]string)
	d.Walk("", func(path string, doc *billing.Document) { out[doc.ID] = path })
	return out
}
