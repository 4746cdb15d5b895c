package apisim

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const text = "0123456789abcdefghijklmnopqrstuvwxyz"

func oneDocument(d Document) *Account {
	return &Account{Contracts: []Contract{{ID: "A", Documents: []Document{d}}}}
}

func textDocument(name string) Document {
	return Document{
		ID: "1", Type: typeBills, Filename: name, Period: "202501",
		CreatedAt: "2025-02-03T04:05:06Z", Content: Bytes([]byte(text)),
	}
}

func TestFilePlain(t *testing.T) {
	r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf"))})
	a := r.get(filePath("1"), "A", "Range", "bytes=10-", "If-None-Match", "*", "If-Modified-Since", "Mon, 03 Feb 2031 04:05:06 GMT")
	if a.status != 200 || a.body != text || a.length != int64(len(text)) {
		t.Errorf("%d, %q, length %d", a.status, a.body, a.length)
	}
	for _, h := range []string{"ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition", "Content-Encoding"} {
		if v := a.header.Get(h); v != "" {
			t.Errorf("%s: %s", h, v)
		}
	}
	if ct := a.header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Errorf("Content-Type: %s", ct)
	}
}

func TestFileQuirks(t *testing.T) {
	validators := Quirks{ETag: true, LastModified: true}
	ranges := Quirks{Range: true, ETag: true, LastModified: true}
	tag := func(q Quirks) string {
		r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: q})
		return r.get(filePath("1"), "A").header.Get("ETag")
	}(validators)
	for _, c := range []struct {
		name   string
		quirks Quirks
		pairs  []string
		status int
		body   string
		length int64
		header string
		value  string
	}{
		{"range", ranges, []string{"Range", "bytes=30-"}, 206, text[30:], 6, "Content-Range", "bytes 30-35/36"},
		{"accept ranges", ranges, nil, 200, text, 36, "Accept-Ranges", "bytes"},
		{"range beyond", ranges, []string{"Range", "bytes=99-"}, 416, "invalid range: failed to overlap\n", 33, "Content-Range", "bytes */36"},
		{"if-range, same", ranges, []string{"Range", "bytes=30-", "If-Range", tag}, 206, text[30:], 6, "ETag", tag},
		{"if-range, other", ranges, []string{"Range", "bytes=30-", "If-Range", `"x"`}, 200, text, 36, "ETag", tag},
		{"chunked range", Quirks{Range: true, Chunked: true}, []string{"Range", "bytes=30-"}, 206, text[30:], 6, "Accept-Ranges", "bytes"},
		{"chunked", Quirks{Chunked: true}, nil, 200, text, -1, "Content-Length", ""},
		{"chunked with ranges", Quirks{Range: true, Chunked: true}, nil, 200, text, -1, "Content-Length", ""},
		{"same tag", validators, []string{"If-None-Match", `"x", ` + tag}, 304, "", 0, "ETag", tag},
		{"another tag", validators, []string{"If-None-Match", `"x"`, "If-Modified-Since", "Mon, 03 Feb 2031 04:05:06 GMT"}, 200, text, 36, "ETag", tag},
		{"same tag with ranges", ranges, []string{"If-None-Match", tag}, 304, "", 0, "ETag", tag},
		{"not since", validators, []string{"If-Modified-Since", "Mon, 03 Feb 2025 04:05:06 GMT"}, 304, "", 0, "Last-Modified", "Mon, 03 Feb 2025 04:05:06 GMT"},
		{"since", validators, []string{"If-Modified-Since", "Mon, 03 Feb 2025 04:05:05 GMT"}, 200, text, 36, "Last-Modified", "Mon, 03 Feb 2025 04:05:06 GMT"},
		{"content type", Quirks{ContentTypes: true}, nil, 200, text, 36, "Content-Type", "application/pdf"},
		{"disposition", Quirks{Disposition: true}, nil, 200, text, 36, "Content-Disposition", "attachment; filename=b.pdf"},
		{"gzip not accepted", Quirks{Gzip: true}, nil, 200, text, 36, "Content-Encoding", ""},
		{"gzip refused", Quirks{Gzip: true}, []string{"Accept-Encoding", "gzip; q=0"}, 200, text, 36, "Content-Encoding", ""},
		{"gzip off", Quirks{}, []string{"Accept-Encoding", "gzip"}, 200, text, 36, "Content-Encoding", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: c.quirks})
			a := r.get(filePath("1"), "A", c.pairs...)
			if a.status != c.status || a.body != c.body || a.length != c.length || a.err != nil {
				t.Errorf("%d, %q, length %d, %v; want %d, %q, %d", a.status, a.body, a.length, a.err, c.status, c.body, c.length)
			}
			if got := a.header.Get(c.header); got != c.value {
				t.Errorf("%s: %s, want %s", c.header, got, c.value)
			}
		})
	}
}

func TestGzip(t *testing.T) {
	r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: Quirks{Gzip: true}})
	for path, want := range map[string]string{
		filePath("1"):              text,
		"/documents?documentType=": `{"documents": null}`,
	} {
		a := r.get(path, "A", "Accept-Encoding", "br, gzip;q=0.8")
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != want || a.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
}

func TestHead(t *testing.T) {
	for _, q := range []Quirks{{Head: true}, {Head: true, Range: true}} {
		r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: q})
		req := r.request(filePath("1"), "A")
		req.Method = http.MethodHead
		a := r.do(req)
		if a.status != 200 || a.body != "" || a.length != 36 {
			t.Errorf("%+v: %d, %q, length %d", q, a.status, a.body, a.length)
		}
		if c := r.sim.Calls(); c.Head != 1 || c.File != 0 || len(c.Files) != 0 {
			t.Errorf("%+v: %+v", q, c)
		}
	}
}

// TestRedirectGivesNothingAway follows a redirect as a careful client does,
// and as a careless one.
func TestRedirectGivesNothingAway(t *testing.T) {
	sim := &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: Quirks{Range: true}}
	other := httptest.NewServer(sim.Origin())
	defer other.Close()
	sim.Quirks.Redirect = other.URL
	r := newRig(t, sim)
	signed := func() string {
		a := r.get(filePath("1"), "A")
		location := a.header.Get("Location")
		if a.status != http.StatusFound || a.body != "" || !strings.HasPrefix(location, other.URL+"/signed/") {
			t.Fatalf("%d to %q, %q", a.status, location, a.body)
		}
		return location
	}
	get := func(address string, pairs ...string) answer {
		req := r.request("/", "", append([]string{"Authorization", "", "X-API-Key", ""}, pairs...)...)
		req.URL, _ = url.Parse(address)
		req.Host = ""
		return r.do(req)
	}
	first := signed()
	if a := get(first, "Range", "bytes=30-"); a.status != 206 || a.body != text[30:] {
		t.Errorf("at the other origin: %d %q", a.status, a.body)
	}
	if a := get(first); a.status != 403 {
		t.Errorf("the second time: %d", a.status)
	}
	if a := get(other.URL + "/elsewhere"); a.status != 404 {
		t.Errorf("elsewhere: %d", a.status)
	}
	sim.Faults.Add(Match{Op: OpOrigin, Document: "1"}, 1, Fault{Cut: true, After: 5})
	if a := get(signed(), "X-API-Key", "secret", "X-ECCS-Contract-Id", "A"); a.err == nil || a.body != text[:5] {
		t.Errorf("cut at the other origin: %q, %v", a.body, a.err)
	}
	var seen []Request
	for _, q := range sim.Requests() {
		if q.Op == OpOrigin {
			seen = append(seen, q)
		}
	}
	if len(seen) != 4 || sim.Calls().Origin != 4 || sim.Calls().File != 2 {
		t.Fatalf("%d requests at the other origin, %+v", len(seen), sim.Calls())
	}
	if seen[0].Header.Get("X-API-Key") != "" || seen[3].Header.Get("X-API-Key") != "(set)" || seen[3].Header.Get("X-ECCS-Contract-Id") != "A" {
		t.Errorf("headers %v and %v", seen[0].Header, seen[3].Header)
	}
}

// TestHostileIDs asks for documents whose ids need escaping.
func TestHostileIDs(t *testing.T) {
	hostile := []string{
		"a/b", "a?b", "a%b", "a%2Fb", "a b", "é", "..", ".", "", "a+b", "a;b", "a#b", "a\x00b", "\xff", "documents/1/file",
	}
	var docs []Document
	for _, id := range hostile {
		docs = append(docs, Document{ID: id, Type: typeBills, Filename: id, Content: Bytes([]byte("bytes of " + id))})
	}
	r := newRig(t, &Server{Account: &Account{Contracts: []Contract{{ID: "A", Documents: docs}}}})
	for _, id := range hostile {
		if a := r.get(filePath(id), "A"); a.status != 200 || a.body != "bytes of "+id {
			t.Errorf("%q: %d %q", id, a.status, a.body)
		}
		if n := r.sim.Calls().Files[id]; n != 1 {
			t.Errorf("%q: counted %d", id, n)
		}
	}
	if n := len(r.list("A", "?documentType=bills&limit=100")); n != len(hostile) {
		t.Errorf("%d documents listed", n)
	}
	a := r.get("/documents?documentType=bills&limit=100", "A")
	if !strings.Contains(a.body, "\"filename\":\"\xff\"") || !strings.Contains(a.body, `"filename":"a\u0000b"`) {
		t.Errorf("bytes that are not UTF-8 did not go over the wire: %q", a.body)
	}
}

func TestDisposition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		v := disposition(name)
		if strings.ContainsAny(v, "\r\n\x00") {
			t.Fatalf("%q is no header", v)
		}
		_, params, err := mime.ParseMediaType(v)
		if err != nil || params["filename"] != name {
			t.Fatalf("%q gives %q, %v", v, params["filename"], err)
		}
	})
}

// TestPseudo reads pieces of a document from anywhere; they must be those of
// the whole.
func TestPseudo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, 300).Draw(t, "size")
		name := rapid.SampledFrom([]string{"a.pdf", "a.bin", "a.csv", "a.xlsx"}).Draw(t, "name")
		content := Pseudo(rapid.Uint64().Draw(t, "seed"), size, name)
		whole := readVersion(t, content, 0)
		if int64(len(whole)) != size {
			t.Fatalf("%d bytes of %d", len(whole), size)
		}
		head, tail := magic(name)
		if size >= int64(len(head)+len(tail)) && !(bytes.HasPrefix(whole, []byte(head)) && bytes.HasSuffix(whole, []byte(tail))) {
			t.Fatalf("%q does not begin and end as %s", whole, name)
		}
		if size > 40 && bytes.Equal(whole, readVersion(t, content, 1)) {
			t.Fatal("version 1 is like version 0")
		}
		r, _ := content(0)
		for range 5 {
			off := rapid.Int64Range(0, size).Draw(t, "off")
			n := rapid.Int64Range(0, size-off).Draw(t, "n")
			if _, err := r.Seek(off, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			part := make([]byte, n)
			if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, whole[off:off+n]) {
				t.Fatalf("bytes %d+%d are %q, want %q; %v", off, n, part, whole[off:off+n], err)
			}
		}
	})
}

func readVersion(t *rapid.T, c Content, version int) []byte {
	r, err := c(version)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSynthetic(t *testing.T) {
	r := newRig(t, &Server{Account: Synthetic(1000, 1000, 1<<30, ".pdf"), Quirks: Quirks{Range: true}})
	docs := r.list("OCB5000999", "?documentType=&limit=2000")
	if len(docs) != 1000 {
		t.Fatalf("%d documents", len(docs))
	}
	a := r.get(filePath(docs[999].ID), "OCB5000999", "Range", "bytes=1073741817-")
	if a.status != 206 || a.body != "\n%%EOF\n" {
		t.Errorf("the end of 1 GiB: %d %q", a.status, a.body)
	}
	if err := r.sim.RemoveDocument("OCB5000999", docs[0].ID); err != nil {
		t.Fatal(err)
	}
	if n := len(r.list("OCB5000999", "?documentType=&limit=2000")); n != 999 {
		t.Errorf("%d documents after one was removed", n)
	}
}

func BenchmarkPseudo(b *testing.B) {
	r, err := Pseudo(1, 64<<20, "a.bin")(0)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 20)
	for b.Loop() {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFile is what the simulator itself costs a call.
func BenchmarkFile(b *testing.B) {
	sim := &Server{Account: Synthetic(1, 500, 100_000, ".pdf")}
	token := sim.tokenFor(b)
	var w discard
	for b.Loop() {
		req := httptest.NewRequest(http.MethodGet, APIPath+filePath("1000000007"), nil)
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("X-API-Key", APIKey)
		req.Header.Set("X-ECCS-Contract-Id", "OCB5000000")
		w = discard{header: http.Header{}}
		sim.ServeHTTP(&w, req)
		if w.n != 100_000 {
			b.Fatalf("%d bytes", w.n)
		}
	}
}

// tokenFor gives a token without a call.
func (s *Server) tokenFor(testing.TB) string {
	s.once.Do(s.start)
	return s.auth.issue(s.Now(), 1<<62)
}

type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
