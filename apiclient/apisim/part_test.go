package apisim

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
)

// TestPartOfTheRest: a 206 that ends too early, and those that should not be.
func TestPartOfTheRest(t *testing.T) {
	tag := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: Quirks{ETag: true}}).
		get(filePath("1"), "A").header.Get("ETag")
	for _, c := range []struct {
		name                string
		fault               Fault
		pairs               []string
		status              int
		body, rang, ifRange string
	}{
		{"with the total", Fault{Part: 5}, []string{"Range", "bytes=10-"}, 206, text[10:15], "bytes 10-14/36", ""},
		{"without", Fault{Part: 5, Total: "*"}, []string{"Range", "bytes=10-"}, 206, text[10:15], "bytes 10-14/*", ""},
		{"with a wrong one", Fault{Part: 5, Total: "15"}, []string{"Range", "bytes=10-"}, 206, text[10:15], "bytes 10-14/15", ""},
		{"more than there is", Fault{Part: 99}, []string{"Range", "bytes=30-"}, 206, text[30:], "bytes 30-35/36", ""},
		{"at the end", Fault{Part: 5}, []string{"Range", "bytes=36-"}, 416, "", "", ""},
		{"without being asked", Fault{Part: 5}, nil, 206, text[:5], "bytes 0-4/36", ""},
		{"all instead", Fault{IgnoreRange: true}, []string{"Range", "bytes=10-"}, 200, text, "", ""},
		{"of other content", Fault{IgnoreIfRange: true}, []string{"Range", "bytes=10-", "If-Range", `"other"`}, 206, text[10:], "bytes 10-35/36", ""},
		{"of the same content", Fault{}, []string{"Range", "bytes=10-", "If-Range", tag}, 206, text[10:], "bytes 10-35/36", ""},
		{"other content, as it should be", Fault{}, []string{"Range", "bytes=10-", "If-Range", `"other"`}, 200, text, "", ""},
	} {
		r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: Quirks{Range: true, ETag: true}})
		r.sim.Faults.Add(Match{Op: OpFile}, 1, c.fault)
		a := r.get(filePath("1"), "A", c.pairs...)
		if a.status != c.status || a.body != c.body || a.header.Get("Content-Range") != c.rang || a.err != nil || a.length != int64(len(c.body)) {
			t.Errorf("%s: %d %q of %d bytes, %q, %v", c.name, a.status, a.body, a.length, a.header.Get("Content-Range"), a.err)
		}
	}
}

// TestRangedMatch: a fault may wait for the call that goes on.
func TestRangedMatch(t *testing.T) {
	r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: Quirks{Range: true}})
	r.sim.Faults.Add(Match{Op: OpFile, Ranged: true}, 1, Fault{Part: 1})
	if a := r.get(filePath("1"), "A"); a.body != text {
		t.Errorf("without Range: %q", a.body)
	}
	if a := r.get(filePath("1"), "A", "Range", "bytes=4-"); a.body != "4" {
		t.Errorf("with Range: %q", a.body)
	}
}

// TestEmptyBodies: nothing, said and unsaid.
func TestEmptyBodies(t *testing.T) {
	empty := textDocument("b.csv")
	empty.Content = Bytes(nil)
	for _, c := range []struct {
		name   string
		quirks Quirks
		fault  Fault
		length int64
	}{
		{"an empty document", Quirks{}, Fault{}, 0},
		{"with Range", Quirks{Range: true}, Fault{}, 0},
		{"chunked", Quirks{Chunked: true}, Fault{}, -1},
		{"chunked by a fault", Quirks{}, Fault{Chunked: true}, -1},
		{"instead of a document", Quirks{}, Fault{Status: 200}, 0},
		{"chunked, instead of a document", Quirks{}, Fault{Status: 200, Chunked: true}, -1},
	} {
		r := newRig(t, &Server{Account: oneDocument(empty), Quirks: c.quirks})
		r.sim.Faults.Add(Match{Op: OpFile}, 1, c.fault)
		if a := r.get(filePath("1"), "A"); a.status != 200 || a.body != "" || a.length != c.length || a.err != nil {
			t.Errorf("%s: %d %q, length %d, %v", c.name, a.status, a.body, a.length, a.err)
		}
	}
}

// TestZipped: a ZIP with the document in it, where it is asked for or the quirk
// is on, and never where zipped is 0.
func TestZipped(t *testing.T) {
	for _, c := range []struct {
		quirk  bool
		query  string
		zipped bool
	}{{false, "", false}, {false, "?zipped=0", false}, {false, "?zipped=1", true}, {true, "", true}, {true, "?zipped=0", false}} {
		r := newRig(t, &Server{Account: oneDocument(textDocument("b.csv")), Quirks: Quirks{Zipped: c.quirk, ETag: true, Disposition: true, ContentTypes: true}})
		a := r.get(filePath("1")+c.query, "A")
		if a.status != 200 || a.length != int64(len(a.body)) {
			t.Errorf("%+v: %d, %d bytes of %d", c, a.status, len(a.body), a.length)
		}
		if again := r.get(filePath("1")+c.query, "A"); again.body != a.body || again.header.Get("ETag") != a.header.Get("ETag") {
			t.Errorf("%+v: other bytes at the second call", c)
		}
		name, kind := "b.csv", "text/csv; charset=utf-8"
		if c.zipped {
			name, kind = "b.csv.zip", "application/zip"
		}
		if a.header.Get("Content-Type") != kind || a.header.Get("Content-Disposition") != "attachment; filename="+name {
			t.Errorf("%+v: %v", c, a.header)
		}
		if got := unzipped(t, a.body); c.zipped != (got == text) || !c.zipped && a.body != text {
			t.Errorf("%+v: %.40q holds %q", c, a.body, got)
		}
	}
}

// unzipped is the only file of a ZIP, "" if it is none.
func unzipped(t *testing.T, body string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "b.csv" {
		return ""
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
