package seen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

func listing(docs ...billing.Document) *catalog.Listing {
	for i := range docs {
		docs[i].ContractID = "C"
	}
	return &catalog.Listing{ContractID: "C", Documents: docs}
}

// looks returns the news in short.
func looks(s *Seen, l *catalog.Listing, types ...string) string {
	return looksAt(s, l, choice.Choice{}, types...)
}

func looksAt(s *Seen, l *catalog.Listing, chosen choice.Choice, types ...string) string {
	var all []string
	for _, n := range s.look(l, types, chosen, func(f func(string, *billing.Document)) {
		for i := range l.Documents {
			f("C/"+l.Documents[i].Filename, &l.Documents[i])
		}
	}) {
		all = append(all, n.Kind+" "+n.Path)
	}
	return strings.Join(all, ", ")
}

func firstLook(t testing.TB, dir string) *Seen {
	t.Helper()
	s, err := read(filepath.Join(dir, "x.json"))
	if err != nil || !s.first {
		t.Fatalf("%v, %v", s, err)
	}
	return s
}

// TestWhatIsNotChosen: it is no news, is not taken for gone, and is news, or the same as
// before, once it is chosen.
func TestWhatIsNotChosen(t *testing.T) {
	a := billing.Document{ID: "1", Type: "invoices", Filename: "a.pdf", Amount: "5"}
	b := billing.Document{ID: "2", Type: "invoices", Filename: "b.pdf", Amount: "50"}
	c := billing.Document{ID: "3", Type: "invoices", Filename: "c.csv"}
	dearer := a
	dearer.Amount = "500"
	choose := func(f choice.Flags) choice.Choice {
		chosen, err := f.Parse(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return chosen
	}
	large, pdf := choose(choice.Flags{MinAmount: "10"}), choose(choice.Flags{Names: []string{"*.pdf"}})
	s := firstLook(t, t.TempDir())
	for i, step := range []struct {
		l      *catalog.Listing
		chosen choice.Choice
		want   string
	}{
		{listing(a), choice.Choice{}, "new C/a.pdf"},
		{listing(a, b, c), large, "new C/b.pdf, new C/c.csv"}, // of c no amount is known
		{listing(a, b, c), choice.Choice{}, ""},
		{listing(dearer, b, c), pdf, "changed C/a.pdf"},
		{listing(), pdf, "gone C/a.pdf, gone C/b.pdf"}, // c is no pdf
		{listing(), choice.Choice{}, "gone C/c.csv"},
		{listing(a, c), large, "new C/c.csv"},
		{listing(dearer, c), large, "new C/a.pdf"},
	} {
		if got := looksAt(s, step.l, step.chosen); got != step.want {
			t.Errorf("%d: %q, want %q", i, got, step.want)
		}
	}
}

func TestLook(t *testing.T) {
	a := billing.Document{ID: "1", Type: "invoices", Filename: "a", UpdatedAt: "2026-10-01T00:00:00Z"}
	b := billing.Document{ID: "2", Type: "bills", Filename: "b"}
	newer, renamed, other := a, a, b
	newer.UpdatedAt, renamed.Filename, other.Amount = "2026-10-02T00:00:00Z", "z", "3"
	for name, tt := range map[string]struct {
		l    *catalog.Listing
		want string
	}{
		"nothing":               {listing(a, b), ""},
		"a new version":         {listing(newer, b), "changed C/a"},
		"another amount":        {listing(a, other), "changed C/b"},
		"another name":          {listing(renamed, b), ""}, // the bytes are the same
		"one is gone":           {listing(b), "gone C/a"},
		"all are gone":          {listing(), "gone C/a, gone C/b"},
		"old":                   {&catalog.Listing{ContractID: "C", Stale: errors.New("x")}, ""},
		"may be cut short":      {&catalog.Listing{ContractID: "C", Suspect: "x"}, ""},
		"a type is refused":     {&catalog.Listing{ContractID: "C", Refused: []string{"bills"}}, "gone C/a"},
		"it says it is not all": {&catalog.Listing{ContractID: "C", Incomplete: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := firstLook(t, t.TempDir())
			if got := looks(s, listing(a, b)); got != "new C/a, new C/b" {
				t.Fatal(got)
			}
			if err := s.Record(time.Now()); err != nil {
				t.Fatal(err)
			}
			s, err := read(s.path)
			if err != nil || s.first {
				t.Fatal(err)
			}
			if got := looks(s, tt.l); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if got := looks(s, tt.l); got != "" {
				t.Errorf("once more: %q", got)
			}
		})
	}
}

// Each document, and each of its versions, is told once, whatever is hidden, old or away
// in between; and what is gone once, if it is.
func TestNewsAreToldOnce(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		s := firstLook(t, dir)
		types := []string{"bills", "invoices"}
		account := map[string]billing.Document{} // what the API lists
		known := map[string]string{}             // what was told, and not as gone: id and version
		for range 12 {
			id := fmt.Sprint(rapid.IntRange(1, 6).Draw(rt, "document"))
			if d, there := account[id]; there && rapid.Bool().Draw(rt, "it goes") {
				delete(account, id)
			} else {
				d.ID, d.Filename, d.Type = id, "f"+id, types[len(id+d.Type)%2]
				if there {
					d.Type = account[id].Type
				}
				d.UpdatedAt += "x"
				account[id] = d
			}
			only := rapid.SampledFrom([][]string{nil, {"bills"}, {"invoices"}}).Draw(rt, "types")
			old := rapid.Bool().Draw(rt, "old")
			var docs []billing.Document
			for _, d := range account {
				if len(only) == 0 || slices.Contains(only, d.Type) {
					docs = append(docs, d)
				}
			}
			l := listing(docs...)
			if old {
				l.Stale = errors.New("away")
			}
			var want []string
			for _, d := range docs {
				switch was, told := known[d.ID]; {
				case !told:
					want = append(want, "new C/f"+d.ID)
				case was != d.Type+d.UpdatedAt:
					want = append(want, "changed C/f"+d.ID)
				}
				known[d.ID] = d.Type + d.UpdatedAt
			}
			for id, was := range known {
				visible := len(only) == 0 || strings.HasPrefix(was, only[0])
				if _, there := account[id]; !there && visible && !old {
					want = append(want, "gone C/f"+id)
					delete(known, id)
				}
			}
			slices.SortFunc(want, func(a, b string) int {
				_, a, _ = strings.Cut(a, " ")
				_, b, _ = strings.Cut(b, " ")
				return strings.Compare(a, b)
			})
			if got := looks(s, l, only...); got != strings.Join(want, ", ") {
				rt.Fatalf("%q, want %q", got, want)
			}
			if rapid.Bool().Draw(rt, "kept") {
				if err := s.Record(time.Now()); err != nil {
					rt.Fatal(err)
				}
				again, err := read(s.path)
				if err != nil {
					rt.Fatal(err)
				}
				s = again
			}
		}
		os.Remove(s.path)
	})
}

func TestSeenThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	for _, text := range []string{"", "x", "{}", `{"format":2,"contracts":{}}`, `{"format":1}`, `[1]`, `{"format":1,"contracts":{"C":{"1":7}}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := read(path); err == nil {
			t.Errorf("%q: %+v", text, s)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzSeen(f *testing.F) {
	f.Add([]byte(`{"format":1,"contracts":{"C":{"1":{"version":"0","type":"bills","path":"C/a"}}}}`))
	f.Add([]byte(`{"format":1,"contracts":{"C":{"1":null}}}`))
	f.Add([]byte(`{"format":1,"contracts":{"C":null}}`))
	path := filepath.Join(f.TempDir(), "x.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := read(path); err == nil {
			looks(s, listing(billing.Document{ID: "2", Type: "bills", Filename: "b"}))
		}
	})
}
