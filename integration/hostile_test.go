//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog/layout"
)

// hostileNames are file names that no file system should take as they are, and
// some that it should.
func hostileNames() []string {
	same := "the same.pdf"
	return []string{
		"../../etc/passwd", "..", ".", "", "/", "//", "/etc/shadow", "a/../../b", `..\..\windows`, "../", "...",
		"nul\x00byte.pdf", "\x00", strings.Repeat("long", 75) + ".pdf", strings.Repeat("é", 150) + ".xlsx", strings.Repeat("日", 100),
		"bad \xff\xfe utf-8.pdf", "\xc0\xae\xc0\xae", "surrogate \xed\xa0\x80.csv",
		same, same, same, "same.PDF", "SAME.pdf",
		"new\nline.csv", "carriage\rreturn.pdf", "tab\there.csv", "bell\a.pdf", "\x1b[2J\x1b]0;title\a.pdf", "\u009b31m.pdf", "del\x7f.pdf",
		"\u202efdp.exe", "left\u200eright.pdf", "\u2066isolate\u2069.pdf", "\u061c.pdf", "line\u2028separator.pdf",
		".contract.json", ".documents.json", ".hidden", "-rf", "--help", "~", "a~b.pdf", "con", "aux.pdf", "$(reboot).pdf", "`id`.csv",
		"quo\"te's.pdf", "space at the end ", " space", "trailing.dot.", "* ? [a].pdf", "semi;colon&.csv", "комната.pdf", "e\u0301.pdf", "é.pdf", "😀.pdf",
	}
}

// hostileIDs need escaping in a URL, or look like something else.
func hostileIDs() []string {
	return []string{
		"a/b", "a?b=c", "a#b", "a%2Fb", "%", "with space", "..", ".", "../..", "日本", "a+b", "a&b", "a\\b", "a;b", "a:b@c", "'\"<>", "~", "0", "-1", "A", "a",
	}
}

// hostile is an account of one contract with all of these. Each document has
// bytes of its own. Two more have the very names that two of the same get.
func hostile() *apisim.Account {
	c := apisim.Contract{ID: "OCB/../0001 é", Name: "hostile", CreatedAt: "2024-01-01T00:00:00Z"}
	types := []string{"bills", "invoices", "reports", "partialBills"}
	add := func(id, name string) {
		n := len(c.Documents)
		c.Documents = append(c.Documents, apisim.Document{
			ID: id, Type: types[n%len(types)], Filename: name, Period: fmt.Sprintf("2025%02d", n%12+1),
			Content: textOf(name, fmt.Sprintf("document;%d\n", n)),
		})
	}
	for i, name := range hostileNames() {
		add(fmt.Sprintf("n%d", i), name)
	}
	for _, id := range hostileIDs() {
		add(id, "id.txt")
	}
	for _, d := range slices.Clone(c.Documents) {
		if d.Filename == "the same.pdf" {
			for _, digits := range []int{8, 16, 64} {
				add("imposter of "+d.ID+fmt.Sprint(digits), "the same~"+sum([]byte(d.ID))[:digits]+".pdf")
			}
		}
	}
	return &apisim.Account{Contracts: []apisim.Contract{c, {ID: ".."}, {ID: "OCB1"}}}
}

// seen is what a program finds below a mount.
type seen struct {
	IDs   map[string]string // document id by path, as .documents.json says
	Bytes map[string]string // content by path
}

// look reads everything below a copy of a mount, including .documents.json.
func look(t *testing.T, dir string) seen {
	t.Helper()
	s := seen{make(map[string]string), make(map[string]string)}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		contract, below, _ := strings.Cut(name, "/")
		switch below {
		case layout.ContractFile:
		case layout.DocumentsFile:
			var docs []struct{ Path, ID string }
			if err := json.Unmarshal(data, &docs); err != nil {
				return err
			}
			for _, d := range docs {
				s.IDs[path.Join(contract, d.Path)] = d.ID
			}
		default:
			s.Bytes[name] = string(data)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return s
}

// checkNames fails for a path that is not one of harmless names of a certain
// depth below a contract.
func checkNames(t *testing.T, s seen, depth int) {
	t.Helper()
	for p := range s.Bytes {
		if strings.Count(p, "/") != depth {
			t.Errorf("%q is not at depth %d", p, depth)
		}
		for name := range strings.SplitSeq(p, "/") {
			harmful := strings.ContainsFunc(name, func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
			})
			if harmful || !utf8.ValidString(name) || len(name) > 255 || name == "." || name == ".." || name == "" {
				t.Errorf("%q has the name %q", p, name)
			}
		}
	}
}

// TestHostileNamesAndIDs: every document is listed and readable with the right
// bytes under a harmless name, in every layout, and the names are the same
// whatever the order of the listing.
func TestHostileNamesAndIDs(t *testing.T) {
	begin(t)
	account := hostile()
	documents := account.Contracts[0].Documents
	for layout, depth := range map[string]int{
		"flat": 1, "type": 2, "period": 3, "{id}": 1, "{year}/{type}/{id}-{filename}": 3, "{filename}/{id}/all of {type} {period} {filename}": 3,
	} {
		t.Run(strings.ReplaceAll(layout, "/", ","), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account, layout: layout, quirks: apisim.Quirks{Shuffle: true}})
			first := look(t, filepath.Join(r.sh(`cp -r "$MNT" "$OUT/x"`), "x"))
			checkNames(t, first, depth)
			if len(first.Bytes) != len(documents) || len(first.IDs) != len(documents) {
				t.Errorf("%d files and %d entries of .documents.json for %d documents", len(first.Bytes), len(first.IDs), len(documents))
			}
			for p, id := range first.IDs {
				want, err := r.sim.Bytes(account.Contracts[0].ID, id)
				if got, ok := first.Bytes[p]; err != nil || !ok || got != string(want) {
					t.Errorf("document %q is %q: %q, want %q, %v", id, p, got, want, err)
				}
			}
			for _, name := range []string{"комната.pdf", "😀.pdf", ".hidden", "-rf", "$(reboot).pdf", "a~b.pdf", "SAME.pdf", "e\u0301.pdf", "é.pdf", "..."} {
				if p := path.Join("OCB_.._0001 é", name); depth == 1 && layout != "{id}" && first.Bytes[p] == "" {
					t.Errorf("%q was harmless, but is not there under that name", name)
				}
			}
			for range 2 { // in another order, with nothing saved
				again := newRig(t, options{account: account, layout: layout, quirks: apisim.Quirks{Shuffle: true}})
				if diff := cmp.Diff(first, look(t, filepath.Join(again.sh(`tar -C "$MNT" -c . | (mkdir "$OUT/x"; tar -C "$OUT/x" -x)`), "x"))); diff != "" {
					t.Errorf("in another order (-first +again):\n%s", diff)
				}
			}
		})
	}
}

// TestNamesDoNotDependOnWhatCameBefore: a document that appears beside one of
// its name, and goes again, leaves the names as if it had never been there; and
// all of a name are distinguished, not all but the first.
func TestNamesDoNotDependOnWhatCameBefore(t *testing.T) {
	begin(t)
	doc := func(id string) apisim.Document {
		return apisim.Document{ID: id, Type: "bills", Filename: "bill.csv", Period: "202501", Content: apisim.Bytes([]byte(id + ";1\n"))}
	}
	account := &apisim.Account{Contracts: []apisim.Contract{{ID: "C", Documents: []apisim.Document{doc("one")}}}}
	r := newRig(t, options{account: account})
	a := newAgent(t)
	visible := func() []string {
		x := a.list(r.path("C"))
		return slices.DeleteFunc(x.Names, func(n string) bool { return strings.HasPrefix(n, ".") })
	}
	alone := []string{"bill.csv"}
	if got := visible(); !slices.Equal(got, alone) {
		t.Fatalf("names %q", got)
	}
	r.sim.AddDocument("C", doc("two"))
	r.refresh()
	both := []string{"bill~" + sum([]byte("one"))[:8] + ".csv", "bill~" + sum([]byte("two"))[:8] + ".csv"}
	slices.Sort(both)
	if got := visible(); !slices.Equal(got, both) {
		t.Errorf("names %q, want %q", got, both)
	}
	for _, id := range []string{"one", "two"} {
		if x := a.readAll(r.path("C", "bill~"+sum([]byte(id))[:8]+".csv")); string(x.Data) != id+";1\n" {
			t.Errorf("%s: %q, %s", id, x.Data, x.Errno)
		}
	}
	r.sim.RemoveDocument("C", "two")
	r.refresh()
	if got := visible(); !slices.Equal(got, alone) {
		t.Errorf("names %q, want %q", got, alone)
	}
	eventually(t, "the plain name leads to the document again", func() bool { return string(a.readAll(r.path("C", "bill.csv")).Data) == "one;1\n" })
	eventually(t, "the other name is gone", func() bool { return a.stat(r.path("C", both[0])).Errno == "ENOENT" })
}

// TestContractThatCannotBeAskedFor: an id that no header can carry is a contract
// that fails, and says so; the others are not affected.
func TestContractThatCannotBeAskedFor(t *testing.T) {
	begin(t)
	account := sample()
	account.Contracts = append(account.Contracts, apisim.Contract{ID: "line\nbreak"})
	r := newRig(t, options{account: account})
	a := newAgent(t)
	if x := a.list(r.dir); len(x.Names) != 3 || !slices.Contains(x.Names, "line_break") {
		t.Errorf("contracts %q, %s", x.Names, x.Errno)
	}
	if x := a.list(r.path("line_break")); x.Errno != "EIO" {
		t.Errorf("listing %q, %s, want EIO", x.Names, x.Errno)
	}
	sameTree(t, filepath.Join(r.sh(`mkdir "$OUT/x"; cp -r "$MNT"/OCB* "$OUT/x"`), "x"), expected(t, r.sim, nil))
}

// TestNoPathLeadsOutOfTheMount: what looks like a way up is not one.
func TestNoPathLeadsOutOfTheMount(t *testing.T) {
	begin(t)
	r := newRig(t, options{account: hostile()})
	r.sh(`find "$MNT" -mindepth 1 | while IFS= read -r p; do
		case "$(realpath -e "$p")" in "$(realpath "$MNT")"/*) ;; *) echo "$p leads out"; exit 1;; esac; done
		[ -z "$(find "$MNT" ! -type d ! -type f)" ]`)
}
