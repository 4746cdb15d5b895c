package page

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/serve/who"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// unzip reads an archive by its directory, as programs do, and checks it as a whole.
func unzip(t testing.TB, body []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		r.Close()
	}
	return files
}

// An archive holds each document as it is, compressed only where that helps, and dated.
func TestArchive(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	b.get("/archive?contract=OCB0001234&month=2026-09").wants(t, "This archive will hold 4 documents.", "Download 4 documents")
	a := b.get("/archive.zip?contract=OCB0001234&month=2026-09")
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/zip" || !strings.Contains(a.Header.Get("Content-Disposition"), `filename="documents_OCB0001234_2026-09.zip"`) {
		t.Fatalf("%s %v", a.Status, a.Header)
	}
	files := unzip(t, []byte(a.body))
	if len(files) != 4 {
		t.Fatalf("%d files", len(files))
	}
	for _, d := range r.sim.Snapshot().Contracts[0].Documents {
		if !strings.Contains(d.Filename, "_202609.") {
			continue
		}
		want, err := r.sim.Bytes("OCB0001234", d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(files["OCB0001234/"+d.Filename], want) {
			t.Errorf("%s differs", d.Filename)
		}
	}
	z, _ := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	for _, f := range z.File {
		if wanted := map[bool]uint16{true: zip.Deflate, false: zip.Store}[strings.HasSuffix(f.Name, ".csv")]; f.Method != wanted || f.Modified.Year() != 2026 || f.NonUTF8 {
			t.Errorf("%s: method %d, %s", f.Name, f.Method, f.Modified)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) != 4 {
		t.Errorf("the audit has %v", r.sent)
	}
}

// A thousand documents of ten contracts: every byte is right, each is asked for once, and
// memory does not grow with them.
func TestArchiveOfAThousand(t *testing.T) {
	const size = 100 << 10
	r := newRig(t, apisim.Synthetic(10, 100, size, ".bin"))
	b := r.browser("en")
	b.listed("/")
	res, err := http.Get(r.web.URL + "/archive.zip?name=_")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	body := forward{r: res.Body}
	var first, peak int64
	for i := range 1000 {
		name, content, err := body.next()
		if err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		contract, file, _ := strings.Cut(name, "/")
		want, err := r.sim.Bytes(contract, idOf(t, file, contract))
		if err != nil || !bytes.Equal(content, want) {
			t.Fatalf("%s differs: %v", name, err)
		}
		if i%100 == 50 {
			if now := heap(); first == 0 {
				first = now
			} else {
				peak = max(peak, now-first)
			}
		}
	}
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) < 1000*46 {
		t.Errorf("the directory has %d bytes: %v", len(rest), err)
	}
	if peak > 16<<20 { // of 100 MB
		t.Errorf("memory grew by %d bytes", peak)
	}
	if c := r.sim.Calls(); len(c.Files) != 1000 {
		t.Errorf("%d documents asked for", len(c.Files))
	} else {
		for id, n := range c.Files {
			if n != 1 {
				t.Errorf("%s was asked for %d times", id, n)
			}
		}
	}
}

// An archive takes as many connections as there are but the one of those who read: with
// fewer, and calls that take a while, it would not come to the rate that is allowed.
func TestArchiveKeepsConnectionsBusy(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 40, 1<<10, ".bin"))
	r.browser("en").listed("/")
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.Get(r.web.URL + "/archive.zip?name=_"); err == nil {
			res.Body.Close()
		}
	}()
	wait(t, func() bool { return len(r.sim.Calls().Files) == r.page.Settings.API.Connections-1 })
	r.sim.Faults.Clear()
	<-ended
}

// idOf is the id of a document of Synthetic, by its name.
func idOf(t testing.TB, file, contract string) string {
	t.Helper()
	var of, n int
	if _, err := fmt.Sscanf(file[strings.LastIndex(file, "_")+1:], "%06d", &n); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(contract, "OCB%07d", &of); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(1_000_000_000 + (of-5_000_000)*10_000_000 + n - 1)
}

// forward reads an archive as it comes, without its directory.
type forward struct{ r io.Reader }

func (f *forward) next() (string, []byte, error) {
	var h [30]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return "", nil, err
	}
	le := func(at, n int) (v int) {
		for i := n - 1; i >= 0; i-- {
			v = v<<8 | int(h[at+i])
		}
		return v
	}
	if string(h[:4]) != "PK\x03\x04" || le(8, 2) != 0 {
		return "", nil, fmt.Errorf("no stored file: %x", h)
	}
	name := make([]byte, le(26, 2)+le(28, 2))
	if _, err := io.ReadFull(f.r, name); err != nil {
		return "", nil, err
	}
	content := make([]byte, le(18, 4))
	_, err := io.ReadFull(f.r, content)
	return string(name[:le(26, 2)]), content, err
}

// What cannot be had is said before, and inside; what remains is whole.
func TestArchiveLeavesOut(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	docs := r.sim.Snapshot().Contracts[0].Documents
	bad := docs[slices.IndexFunc(docs, func(d apisim.Document) bool { return d.Filename == "Bill_OCB0001234_202610.xlsx" })]
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.ID}, 0, apisim.Fault{Status: 404, Code: 60})
	a := b.get("/archive.zip?contract=OCB0001234&month=2026-10")
	files := unzip(t, []byte(a.body))
	if len(files) != 4 || files["OCB0001234/"+bad.Filename] != nil {
		t.Fatalf("%d files", len(files))
	}
	if text := string(files["INCOMPLETE.txt"]); !strings.Contains(text, "- OCB0001234/"+bad.Filename+": ") {
		t.Errorf("INCOMPLETE.txt says %q", text)
	}
	b.get("/archive?contract=OCB0001234&month=2026-10").wants(t, "Not all is in it", bad.Filename+" could not be had before")
	r.sim.Faults.Clear()
	r.account.Content.Forgive()
	again := b.get("/archive.zip?contract=OCB0001234&month=2026-10") // it is well by now
	if files := unzip(t, []byte(again.body)); files["OCB0001234/"+bad.Filename] == nil || files["INCOMPLETE.txt"] != nil {
		t.Errorf("what failed before and is there: %d files, and INCOMPLETE.txt says %q", len(files), files["INCOMPLETE.txt"])
	}
	if strings.Contains(again.Header.Get("Content-Disposition"), "INCOMPLETE") {
		t.Error(again.Header)
	}
	r.sim.Faults.Clear()
	r.sim.ForbidType("invoices", true)
	b.refresh()
	b.get("/archive?contract=OCB0001234&month=2026-10").wants(t, "OCB0001234: Invoices are refused by the API")
	a = b.get("/archive.zip?contract=OCB0001234&month=2026-09")
	if !strings.Contains(a.Header.Get("Content-Disposition"), "INCOMPLETE.zip") || !strings.Contains(string(unzip(t, []byte(a.body))["INCOMPLETE.txt"]), "Invoices are refused") {
		t.Error(a.Header.Get("Content-Disposition"))
	}
	if a := b.get("/archive.zip?name=nothing+is+called+so"); a.StatusCode != http.StatusNotFound {
		t.Error(a.Status)
	}
}

// Where the API goes away meanwhile, the connection breaks: no client takes a part for the
// whole. Before the first byte it is an error.
func TestArchiveBreaksOff(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 40, 300<<10, ".bin"), func(s *settings.Settings) { s.API.Timeout = time.Second })
	r.browser("en").listed("/")
	docs := r.sim.Snapshot().Contracts[0].Documents
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: docs[3].ID}, 0, apisim.Fault{Reset: true})
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: docs[7].ID}, 0, apisim.Fault{Reset: true})
	res, err := http.Get(r.web.URL + "/archive.zip?name=_")
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		_, err = io.Copy(io.Discard, res.Body)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("it ends with %v", err)
		}
	}
	res.Body.Close()
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Reset: true})
	// The last one in the order of paths, which was not ahead of what broke off.
	if a := r.browser("en").get("/archive.zip?name=000039"); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s\n%s", a.Status, a.text())
	}
}

// An archive of what cannot be listed is an error that says why, and not one of no documents:
// "not found" is by a listing that is fresh.
func TestArchiveOfWhatCannotBeListed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		match  apisim.Match
		fault  apisim.Fault
		status int
	}{
		{"contracts that are away", apisim.Match{Op: apisim.OpContracts}, apisim.Fault{Reset: true}, http.StatusServiceUnavailable},
		{"contracts that are slow", apisim.Match{Op: apisim.OpContracts}, apisim.Fault{Delay: time.Second}, http.StatusOK},
		{"a listing that is away", apisim.Match{Op: apisim.OpDocuments}, apisim.Fault{Reset: true}, http.StatusServiceUnavailable},
		{"a listing that is wrong", apisim.Match{Op: apisim.OpDocuments}, apisim.Fault{Body: "[1]"}, http.StatusBadGateway},
		{"a listing that is refused", apisim.Match{Op: apisim.OpDocuments}, apisim.Fault{Status: 403, Code: 50}, http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, apisim.Synthetic(1, 4, 1<<10, ".bin"), func(s *settings.Settings) {
				if tt.status != http.StatusOK {
					s.API.Timeout = time.Second
				}
			})
			r.sim.Faults.Add(tt.match, 0, tt.fault)
			a := r.browser("en").get("/archive.zip?name=_")
			if a.StatusCode != tt.status || (a.StatusCode == http.StatusServiceUnavailable) != (a.Header.Get("Retry-After") != "") {
				t.Errorf("%s %v\n%s", a.Status, a.Header, a.text())
			}
			if tt.status == http.StatusOK && len(unzip(t, []byte(a.body))) != 4 {
				t.Error("not all is in it")
			}
		})
	}
	t.Run("a name that an old listing does not have", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, apisim.Synthetic(1, 4, 1<<10, ".bin"), func(s *settings.Settings) { s.API.Timeout = time.Second })
		b := r.browser("en")
		b.listed("/")
		if a := b.get("/archive.zip?name=nothing"); a.StatusCode != http.StatusNotFound {
			t.Errorf("by a fresh one: %s", a.Status)
		}
		r.sim.Faults.Add(apisim.Match{}, 0, apisim.Fault{Reset: true})
		r.after(24 * time.Hour)
		if a := b.get("/archive.zip?name=nothing"); a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("by an old one: %s", a.Status)
		}
	})
}

// One archive at a time for each user, and the right comes back when one ends.
func TestOneArchiveAtATime(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 8, 1<<10, ".bin"))
	b := r.browser("en")
	b.listed("/")
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.Get(r.web.URL + "/archive.zip?name=_"); err == nil {
			res.Body.Close()
		}
	}()
	wait(t, func() bool { return r.sim.Calls().Files != nil && len(r.sim.Calls().Files) > 0 })
	if a := b.get("/archive.zip?name=_"); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Error(a.Status)
	}
	r.sim.Faults.Clear()
	<-ended
	wait(t, func() bool { return b.get("/archive.zip?name=_").StatusCode == http.StatusOK })
}

// A document opens in the browser if it is PDF, else it is kept, under its name; and the
// audit hears of each.
func TestDocuments(t *testing.T) {
	account := &apisim.Account{Contracts: []apisim.Contract{{ID: "C1", Name: "One", Documents: []apisim.Document{
		{ID: "1", Type: "invoices", Filename: "Facture été.pdf", Period: "202601", Content: apisim.Bytes([]byte("%PDF-1.4\n1\n%%EOF\n"))},
		{ID: "2", Type: "reports", Filename: "a.csv", Period: "202601", Content: apisim.Bytes([]byte("a;b\r\n"))},
		{ID: "3", Type: "reports", Filename: "a.svg", Period: "202601", Content: apisim.Bytes([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))},
	}}}}
	r := newRig(t, account)
	b := r.browser("en")
	for at, want := range map[string]string{
		"/document/C1/Facture%20%C3%A9t%C3%A9.pdf": `inline; filename="Facture _t_.pdf"; filename*=UTF-8''Facture%20%C3%A9t%C3%A9.pdf`,
		"/document/C1/a.csv":                       `attachment; filename="a.csv"; filename*=UTF-8''a.csv`,
	} {
		a := b.get(at)
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Disposition") != want || a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s %v", at, a.Status, a.Header)
		}
	}
	if a := b.get("/document/C1/a.svg"); strings.HasPrefix(a.Header.Get("Content-Type"), "image/") || a.StatusCode == http.StatusOK && !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("an image that runs: %s %v", a.Status, a.Header)
	}
	q, _ := http.NewRequest(http.MethodGet, r.web.URL+"/document/C1/a.csv", nil)
	q.Header.Set("Range", "bytes=2-")
	if a := b.do(q); a.StatusCode != http.StatusPartialContent || a.body != "b\r\n" {
		t.Errorf("%s %q", a.Status, a.body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) != 4 || r.sent[3] != (httpfile.Served{Status: 206, Bytes: 3}) {
		t.Errorf("%+v", r.sent)
	}
}

// What was chosen one by one, and is not there any more, is said before, and inside: a
// document that vanished between the page and the download is not left out without a word.
func TestArchiveOfWhatVanished(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	chosen := url.Values{"d": {"OCB0001234/vanished", "OCB0009999/1", "OCB0001234/" + r.sim.Snapshot().Contracts[0].Documents[0].ID}}.Encode()
	b.get("/archive?"+chosen).wants(t, "This archive will hold 1 document", "OCB0001234/vanished was chosen, and is not listed", "OCB0009999/1 was chosen, and is not listed")
	a := b.get("/archive.zip?" + chosen)
	files := unzip(t, []byte(a.body))
	if text := string(files["INCOMPLETE.txt"]); len(files) != 2 || !strings.Contains(text, "OCB0001234/vanished") || !strings.Contains(text, "OCB0009999/1") {
		t.Errorf("%d files, and INCOMPLETE.txt says %q", len(files), text)
	}
	if !strings.Contains(a.Header.Get("Content-Disposition"), "INCOMPLETE") {
		t.Error(a.Header.Get("Content-Disposition"))
	}
}

// Who leaves is sent no end of the archive: who has closed but the half of a connection on
// which requests come still reads, and must not take a part for the whole.
func TestArchiveOfWhoLeaves(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	const at = "/archive.zip?contract=OCB0001234&type=invoices"
	b.get(at) // all is in the cache now, so that what is ahead is here at once
	ctx, leave := context.WithCancel(who.With(context.Background(), who.User{Name: "anna"}))
	defer leave()
	r.page.Sent = func(*http.Request, folder.Node, httpfile.Served) {
		time.Sleep(100 * time.Millisecond) // what is ahead comes
		leave()
	}
	w := httptest.NewRecorder()
	defer func() {
		if recover() == nil {
			t.Error("the connection does not break")
		}
		if _, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len())); err == nil {
			t.Error("a part of the archive looks whole")
		}
	}()
	r.page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, at, nil).WithContext(ctx))
}
