package pull

import (
	"path"
	"strings"
	"testing"

	"ccsfs/internal/catalog"
)

// A document that is not listed any more keeps its copy when another one gets its name,
// and is told of; it gets its name back when it is back.
func TestWhatIsGoneIsNotReplaced(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	aside := asideName(entry{Path: "C/a.pdf", ID: "a"}, 0)

	got, all, news := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
	if len(got.Moved) != 1 || got.Moved[0] != (Move{"C/a.pdf", aside, true}) || got.Copied != 1 || len(news) != 1 || news[0] != aside {
		t.Errorf("%+v, left %q, news %q", got, all, news)
	}
	r.wantFiles(map[string]string{"C/a.pdf": "two", aside: "one"})
	got, all, news = r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
	if got.Moved != nil || got.UpToDate != 1 || len(all) != 1 || news != nil {
		t.Errorf("again: %+v, left %q, news %q", got, all, news)
	}
	got, all, _ = r.pullAccount(account{"C/a~1.pdf": "a", "C/a~2.pdf": "b"}, catalog.Listing{})
	if len(got.Moved) != 2 || got.Copied != 0 || all != nil {
		t.Errorf("it is back: %+v, left %q", got, all)
	}
	r.wantFiles(map[string]string{"C/a~1.pdf": "one", "C/a~2.pdf": "two"})
}

// What somebody put under the name for it stays as well, and no name is too long.
func TestNamesOfWhatIsSetAside(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	e := entry{Path: "C/a.pdf", ID: "a"}
	r.edit(strings.TrimSuffix(path.Base(asideName(e, 0)), ".pdf"), "mine")
	r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
	r.wantFiles(map[string]string{"C/a.pdf": "two", asideName(e, 0): "mine", asideName(e, 1): "one"})

	for _, base := range []string{strings.Repeat("ü", 125) + ".pdf", strings.Repeat("x", 255), "." + strings.Repeat("x", 254)} {
		name := path.Base(asideName(entry{Path: "C/" + base, ID: "a"}, 99))
		if len(name) > maxName || strings.ToValidUTF8(name, "") != name || name == base {
			t.Errorf("%d bytes: %q", len(name), name)
		}
	}
}
