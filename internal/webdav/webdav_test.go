package webdav

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/billing"
	"ccsfs/internal/folder"
)

// reply is an answer, read to its end; err is how its body broke off.
type reply struct {
	*http.Response
	body string
	err  error
}

// ask sends a request with headers, which come in pairs.
func (r *rig) ask(method, at, body string, headers ...string) reply {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.web.URL+at, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{&http.Response{Header: http.Header{}}, "", err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp, string(b), err}
}

// entry is what a client makes of a response, as one that goes by the standard does.
type entry struct {
	Href      string `xml:"DAV: href"`
	PropStats []struct {
		Status string `xml:"DAV: status"`
		Prop   struct {
			Collection *struct{} `xml:"DAV: resourcetype>collection"`
			Name       string    `xml:"DAV: displayname"`
			Length     string    `xml:"DAV: getcontentlength"`
			Modified   string    `xml:"DAV: getlastmodified"`
			Tag        string    `xml:"DAV: getetag"`
			Inner      string    `xml:",innerxml"`
		} `xml:"DAV: prop"`
	} `xml:"DAV: propstat"`
}

func (r *rig) list(at string, headers ...string) []entry {
	r.Helper()
	got := r.ask("PROPFIND", at, "", append([]string{"Depth", "1"}, headers...)...)
	if got.StatusCode != http.StatusMultiStatus || got.err != nil {
		r.Fatalf("%s: %d, %v: %s", at, got.StatusCode, got.err, got.body)
	}
	return parse(r, got.body)
}

func parse(t interface{ Fatalf(string, ...any) }, body string) []entry {
	var m struct {
		XMLName xml.Name `xml:"DAV: multistatus"`
		All     []entry  `xml:"DAV: response"`
	}
	if err := xml.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return m.All
}

const contract, first = "OCB5000000", "/dav/OCB5000000/bills_OCB5000000_000001.pdf"

func TestDirectories(t *testing.T) {
	r := newRig(t, apisim.Synthetic(2, 40, 3000, ".pdf"))
	r.sim.Latency = 300 * time.Millisecond
	root := r.list("/dav/")
	if len(root) != 3 || root[0].Href != "/dav/" || root[1].Href != "/dav/OCB5000000/" || root[1].PropStats[0].Prop.Collection == nil {
		t.Errorf("%+v", root)
	}
	if n := r.sim.Calls().Documents; n != 0 {
		t.Errorf("%d listings for the names of contracts", n)
	}
	for range 2 { // cold, and warm
		all := r.list("/dav/" + contract)
		if len(all) != 41 {
			t.Fatalf("%d entries", len(all))
		}
		var names []string
		for _, e := range all[1:] {
			p := e.PropStats[0].Prop
			if p.Length != "3000" || p.Modified == "" || p.Collection != nil {
				t.Errorf("%+v", e)
			}
			names = append(names, e.Href)
		}
		if !slices.IsSorted(names) {
			t.Error("not in the order of names")
		}
		if calls := r.sim.Calls(); calls.File != 40 || calls.Documents != 7 {
			t.Errorf("%d documents asked for, %d listings", calls.File, calls.Documents)
		}
	}
	if r.sim.Calls().MaxInFlight < 3 {
		t.Error("sizes are asked for one by one")
	}
	if n := len(r.list("/dav/"+contract, "Depth", "0")); n != 1 {
		t.Errorf("%d entries at depth 0", n)
	}
}

// What clients ask for is what they get, whatever its form.
func TestProperties(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 3, 3000, ".pdf"))
	for _, tt := range []struct {
		name, body, want string
		status, sizes    int // sizes: documents asked for by it
	}{
		{"names alone", `<propfind xmlns="DAV:"><propname/></propfind>`, "<D:getcontentlength/>", 207, 0},
		{"no sizes", `<a:propfind xmlns:a="DAV:"><a:prop><a:displayname/><a:resourcetype/></a:prop></a:propfind>`, "<D:displayname>bills", 207, 0},
		{"what there is not", `<propfind xmlns="DAV:"><prop><displayname/><q:x xmlns:q="urn:y&amp;z"/></prop></propfind>`, `<x:x xmlns:x="urn:y&amp;z"/></D:prop><D:status>HTTP/1.1 404 Not Found`, 207, 0},
		{"of no namespace", `<D:propfind xmlns:D="DAV:"><D:prop><y/></D:prop></D:propfind>`, `<y xmlns=""/>`, 207, 0},
		{"nothing", `<propfind xmlns="DAV:"><prop/></propfind>`, "<D:propstat><D:prop></D:prop>", 207, 0},
		{"hostile", `<propfind xmlns="DAV:"><prop><a:b:c xmlns:a="x"/></prop></propfind>`, "", 400, 0},
		{"an empty namespace", `<propfind xmlns="DAV:"><prop><a:b xmlns:a=""/></prop></propfind>`, "", 400, 0},
		{"quotes in a namespace", `<propfind xmlns="DAV:"><prop><a:b xmlns:a='x"y'/></prop></propfind>`, `<x:b xmlns:x="x&quot;y"/>`, 207, 0},
		{"no XML", `propfind`, "", 400, 0},
		{"half of it", `<propfind xmlns="DAV:"><prop>`, "", 400, 0},
		{"something else", `<lockinfo xmlns="DAV:"/>`, "", 400, 0},
		{"neither", `<propfind xmlns="DAV:"/>`, "", 400, 0},
		{"entities", `<!DOCTYPE p [<!ENTITY a "b">]><propfind xmlns="DAV:"><prop>&a;</prop></propfind>`, "", 400, 0},
		{"many", `<propfind xmlns="DAV:"><prop>` + strings.Repeat("<x/>", 101) + `</prop></propfind>`, "", 400, 0},
		{"large", `<propfind xmlns="DAV:"><prop>` + strings.Repeat(" ", 64<<10) + `</prop></propfind>`, "", 413, 0},
		{"lengths", `<propfind xmlns="DAV:"><prop><getcontentlength/></prop></propfind>`, "<D:getcontentlength>3000</D:getcontentlength>", 207, 3},
		{"all", `<propfind xmlns="DAV:"><allprop/><include><quota/></include></propfind>`, "<D:getcontentlength>3000</D:getcontentlength>", 207, 0},
	} {
		before := r.sim.Calls().File
		got := r.ask("PROPFIND", "/dav/"+contract+"/", tt.body, "Depth", "1")
		if got.StatusCode != tt.status || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
		if tt.status == 207 {
			parse(t, got.body)
		}
		if n := r.sim.Calls().File - before; n != tt.sizes {
			t.Errorf("%s: %d documents asked for", tt.name, n)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 3, 3000, ".pdf"))
	for _, tt := range []struct {
		method, at, depth string
		status            int
		contains          string
	}{
		{"PROPFIND", "/dav/", "infinity", 403, "<D:propfind-finite-depth/>"},
		{"PROPFIND", "/dav/", "", 403, "<D:propfind-finite-depth/>"},
		{"PROPFIND", "/dav/", "2", 400, ""},
		{"PROPFIND", "/dav/nope", "1", 404, "nope"},
		{"PROPFIND", "/davnope", "1", 404, ""},
		{"PROPFIND", "/dav/../etc", "1", 404, ""},
		{"PROPFIND", "/dav/%2e%2e/etc", "1", 404, ""},
		{"PROPFIND", "/dav/" + contract + "/x/y", "0", 404, ""},
		{"PUT", first, "", 403, "read-only"},
		{"DELETE", first, "", 403, "read-only"},
		{"MKCOL", "/dav/new", "", 403, "read-only"},
		{"MOVE", first, "", 403, "read-only"},
		{"COPY", first, "", 403, "read-only"},
		{"PROPPATCH", first, "", 403, "read-only"},
		{"LOCK", first, "", 403, "read-only"},
		{"UNLOCK", first, "", 403, "read-only"},
		{"POST", first, "", 403, "read-only"},
		{"GET", "/dav/" + contract + "/Nope.pdf", "", 404, "does not exist"},
	} {
		got := r.ask(tt.method, tt.at, "", "Depth", tt.depth)
		if tt.depth == "" && tt.method == "PROPFIND" {
			req, _ := http.NewRequestWithContext(t.Context(), tt.method, r.web.URL+tt.at, nil)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			got = reply{resp, string(b), nil}
		}
		if got.StatusCode != tt.status || !strings.Contains(got.body, tt.contains) {
			t.Errorf("%s %s: %d %s", tt.method, tt.at, got.StatusCode, got.body)
		}
	}
	if n := r.sim.Calls().File; n != 0 {
		t.Errorf("%d documents asked for", n)
	}
	options := r.ask(http.MethodOptions, "/dav/", "")
	if options.Header.Get("DAV") != "1" || options.Header.Get("MS-Author-Via") != "DAV" || !strings.Contains(options.Header.Get("Allow"), "PROPFIND") {
		t.Errorf("%v", options.Header)
	}
}

// What clients look for in every directory costs nothing, also where nothing is known yet,
// and no document is called so.
func TestProbesCostNothing(t *testing.T) {
	r := newRig(t, &apisim.Account{Contracts: []apisim.Contract{{ID: "A", Documents: []apisim.Document{
		{ID: "1", Type: "bills", Filename: "Desktop.ini", Period: "202610", Content: apisim.Bytes([]byte("no probe"))},
		{ID: "2", Type: "bills", Filename: "a:b?.", Period: "202610", Content: apisim.Bytes([]byte("of a hostile name"))},
	}}}})
	for _, at := range []string{"/dav/desktop.ini", "/dav/.DS_Store", "/dav/A/._x.pdf", "/dav/A/Desktop.ini", "/dav/A/folder.jpg", "/dav/A/~$x.xlsx", "/dav/.Trashes/501", "/dav/A/Thumbs.db"} {
		for _, method := range []string{"PROPFIND", "GET", "HEAD"} {
			if got := r.ask(method, at, "", "Depth", "0"); got.StatusCode != 404 {
				t.Errorf("%s %s: %d", method, at, got.StatusCode)
			}
		}
	}
	if calls := r.sim.Calls(); calls.Contracts+calls.Documents+calls.Token != 0 {
		t.Errorf("%+v", calls)
	}
	for name, want := range map[string]string{"_Desktop.ini": "no probe", "a_b__": "of a hostile name"} {
		if got := r.ask("GET", "/dav/A/"+name, ""); got.body != want {
			t.Errorf("%s: %d %q", name, got.StatusCode, got.body)
		}
	}
}

func TestDocuments(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 3, 300_000, ".pdf"))
	whole := r.ask("GET", first, "")
	tag := whole.Header.Get("ETag")
	sum := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(whole.body)))
	if len(whole.body) != 300_000 || tag != sum || whole.Header.Get("Content-Type") != "application/pdf" || whole.Header.Get("Content-Length") != "300000" {
		t.Fatalf("%d bytes, %v", len(whole.body), whole.Header)
	}
	for name, value := range map[string]string{"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Accept-Ranges": "bytes"} {
		if whole.Header.Get(name) != value {
			t.Errorf("%s: %q", name, whole.Header.Get(name))
		}
	}
	for _, tt := range []struct {
		name    string
		method  string
		headers []string
		status  int
		body    string
	}{
		{"its size", "HEAD", nil, 200, ""},
		{"what is there", "GET", []string{"If-None-Match", `"x", W/` + tag}, 304, ""},
		{"another one", "GET", []string{"If-None-Match", `"x"`}, 200, whole.body},
		{"a range", "GET", []string{"Range", "bytes=10-19"}, 206, whole.body[10:20]},
		{"the end", "GET", []string{"Range", "bytes=-5"}, 206, whole.body[299_995:]},
		{"the rest", "GET", []string{"Range", "bytes=299990-", "If-Range", tag}, 206, whole.body[299_990:]},
		{"the rest of another", "GET", []string{"Range", "bytes=299990-", "If-Range", `"x"`}, 200, whole.body},
		{"beyond", "GET", []string{"Range", "bytes=300000-"}, 416, "invalid range: failed to overlap\n"},
		{"not changed", "GET", []string{"If-Modified-Since", whole.Header.Get("Last-Modified")}, 304, ""},
		{"only if", "GET", []string{"If-Match", `"x"`}, 412, ""},
	} {
		got := r.ask(tt.method, first, "", tt.headers...)
		if got.StatusCode != tt.status || got.body != tt.body || got.err != nil {
			t.Errorf("%s: %d, %d bytes, %v", tt.name, got.StatusCode, len(got.body), got.err)
		}
		if tt.method == "HEAD" && got.ContentLength != 300_000 {
			t.Errorf("%s: %d bytes", tt.name, got.ContentLength)
		}
	}
	if n := r.sim.Calls().File; n != 1 {
		t.Errorf("%d times asked for", n)
	}
	if e := r.list(first, "Depth", "0"); e[0].PropStats[0].Prop.Tag != tag {
		t.Errorf("%+v", e)
	}
}

// A body that cannot be had to its end breaks the connection, whatever was announced.
func TestWhatBreaksOff(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 1, 300_000, ".pdf"), func(cfg *account.Config) {
		cfg.Content.StreamAbove, cfg.Content.PrefetchLimit = 1000, 1000
	})
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{After: 100_000, Cut: true})
	got := r.ask("GET", first, "")
	if got.err == nil || len(got.body) >= 300_000 {
		t.Errorf("%d, %d bytes, %v", got.StatusCode, len(got.body), got.err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) != 1 || r.sent[0].Err == nil || r.sent[0].Bytes < int64(len(got.body)) {
		t.Errorf("%+v", r.sent)
	}
}

// What is announced and breaks off is gone on with only where it is the same: a content
// that the API has exchanged meanwhile, without a word in its list, comes from its beginning.
func TestWhatGoesOnIsTheSame(t *testing.T) {
	for _, tt := range []struct {
		name      string
		exchanged bool
	}{{"as it was", false}, {"another one of the same size", true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, apisim.Synthetic(1, 1, 3_000_000, ".pdf"), func(cfg *account.Config) {
				cfg.Content.StreamAbove, cfg.Content.PrefetchLimit = 1000, 1000
			})
			was, err := r.sim.Bytes(contract, "1000000000")
			if err != nil {
				t.Fatal(err)
			}
			stop := r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{After: 2_000_000, Cut: true})
			begun := r.ask("GET", first, "")
			tag, half := begun.Header.Get("ETag"), len(begun.body)
			if begun.err == nil || half == 0 || !bytes.Equal([]byte(begun.body), was[:half]) {
				t.Fatalf("%d, %d bytes, %v", begun.StatusCode, half, begun.err)
			}
			stop()
			if tt.exchanged {
				if err := r.sim.Bump(contract, "1000000000", ""); err != nil {
					t.Fatal(err)
				}
			}
			is, err := r.sim.Bytes(contract, "1000000000")
			if err != nil || bytes.Equal(is, was) == tt.exchanged || len(is) != len(was) {
				t.Fatal(err, len(is))
			}
			r.account.Content.Forgive()
			for try := 0; ; try++ { // one may meet what had begun before
				got := r.ask("GET", first, "", "Range", fmt.Sprintf("bytes=%d-", half), "If-Range", tag)
				if got.err != nil && try < 2 {
					continue
				}
				all := got.body
				if got.StatusCode == http.StatusPartialContent {
					all = begun.body + got.body
				}
				if all != string(is) {
					t.Errorf("tag %s: %d, %d bytes: a client has a mixture, %v", tag, got.StatusCode, len(got.body), got.err)
				}
				return
			}
		})
	}
}

// A document that cannot be had takes nobody along, looks like no empty file, and cannot be
// read, also once it is well, for clients go by a wrong length.
func TestWhatCannotBeHad(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 3, 3000, ".pdf"))
	bad := &r.sim.Faults
	bad.Add(apisim.Match{Op: apisim.OpFile, Document: "1000000000"}, 0, apisim.Fault{Status: 404, Code: 60})
	if got := r.ask("GET", first, ""); got.StatusCode != 502 || got.Header.Get("ETag") != "" {
		t.Errorf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	all := r.list("/dav/" + contract)
	if len(all) != 4 || all[1].Href != first {
		t.Fatalf("%+v", all)
	}
	if p := all[1].PropStats; len(p) != 2 || p[0].Prop.Length != "1" || !strings.Contains(p[1].Status, "502") {
		t.Errorf("%+v", p)
	}
	for _, e := range all[2:] {
		if e.PropStats[0].Prop.Length != "3000" {
			t.Errorf("%+v", e)
		}
	}
	r.sim.Faults.Clear()
	if err := r.account.Catalog.Refresh(t.Context(), contract); err != nil {
		t.Fatal(err)
	}
	r.account.Content.Forgive()
	if got := r.ask("GET", first, ""); got.StatusCode != 403 {
		t.Errorf("%d bytes, %d", len(got.body), got.StatusCode)
	}
	if p := r.list("/dav/" + contract)[1].PropStats; p[0].Prop.Length != "3000" {
		t.Errorf("%+v", p)
	}
}

// A document that has another length than clients were told of late cannot be read: they
// would cut it, and report success. That holds for each length that somebody may go by.
func TestADocumentThatGrows(t *testing.T) {
	body := func(version int) []byte {
		return []byte("%PDF-1.4\n" + strings.Repeat("x", 1000*(version+1)) + "\n%%EOF\n")
	}
	r := newRig(t, &apisim.Account{Contracts: []apisim.Contract{{ID: "A", Documents: []apisim.Document{
		{ID: "1", Type: "partialBills", Filename: "running.pdf", Period: "202611", Content: func(v int) (io.ReadSeeker, error) { return bytes.NewReader(body(v)), nil }},
		{ID: "2", Type: "bills", Filename: "final.pdf", Period: "202610", Content: apisim.Bytes(body(0))},
	}}}}, func(cfg *account.Config) { cfg.Content.PartialTTL = time.Nanosecond })
	read := func(name string) int { return r.ask("GET", "/dav/A/"+name, "").StatusCode }
	if status := read("running.pdf"); status != 200 {
		t.Errorf("nothing was told, and yet %d", status)
	}
	r.list("/dav/A")
	if status := read("running.pdf"); status != 200 {
		t.Errorf("as it was told: %d", status)
	}
	if err := r.sim.Bump("A", "1", ""); err != nil {
		t.Fatal(err)
	}
	for _, after := range []string{"it has grown", "others were told how long it is now"} {
		if status := read("running.pdf"); status != 403 {
			t.Errorf("%s: %d", after, status)
		}
		if status := read("final.pdf"); status != 200 {
			t.Errorf("%s: the other one: %d", after, status)
		}
		r.list("/dav/A")
	}
}

// Of two servers on one cache, each keeps what the other has told: clients do not know which
// of them is started again.
func TestWhatTwoServersTold(t *testing.T) {
	file, now := filepath.Join(t.TempDir(), "told.json"), time.Now()
	open := func() *Told { return OpenTold(file, slog.New(slog.DiscardHandler)) }
	node := func(id string) folder.Node {
		return folder.Node{Doc: &billing.Document{ContractID: "A", ID: id, Type: billing.TypeBills}}
	}
	first, second := open(), open()
	first.note(node("1"), noLength, now)
	first.save()
	second.note(node("2"), noLength, now)
	second.save()
	third := open()
	for _, id := range []string{"1", "2"} {
		if !third.has(node(id), noLength, now) {
			t.Errorf("what was told of %s is forgotten", id)
		}
	}
	if later := now.Add(2 * toldFor); third.has(node("1"), noLength, later) {
		t.Error("it is held for ever")
	}
}

// Clients outlive the server: what could not be had before a restart, or has another length
// since, cannot be read after it either; what nobody knew wrongly can.
func TestWhatWasToldSurvivesARestart(t *testing.T) {
	body := func(version int) []byte {
		return []byte("%PDF-1.4\n" + strings.Repeat("x", 1000*(version+1)) + "\n%%EOF\n")
	}
	r := newRig(t, &apisim.Account{Contracts: []apisim.Contract{{ID: "A", Documents: []apisim.Document{
		{ID: "1", Type: "partialBills", Filename: "running.pdf", Period: "202611", Content: func(v int) (io.ReadSeeker, error) { return bytes.NewReader(body(v)), nil }},
		{ID: "2", Type: "bills", Filename: "final.pdf", Period: "202610", Content: apisim.Bytes(body(0))},
		{ID: "3", Type: "bills", Filename: "bad.pdf", Period: "202609", Content: apisim.Bytes(body(0))},
	}}}}, func(cfg *account.Config) { cfg.Content.PartialTTL = time.Nanosecond })
	file := filepath.Join(t.TempDir(), "told.json")
	start := func() func(name string) int {
		h := &Handler{Prefix: "/dav", Folder: r.account.Folder, Ahead: 8, Told: OpenTold(file, slog.New(slog.DiscardHandler))}
		return func(name string) int {
			method := http.MethodGet
			if name == "" {
				method = "PROPFIND"
			}
			req := httptest.NewRequest(method, "/dav/A/"+name, nil)
			req.Header.Set("Depth", "1")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			return w.Code
		}
	}
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: "3"}, 0, apisim.Fault{Status: 404, Code: 60})
	if status := start()(""); status != http.StatusMultiStatus {
		t.Fatal(status)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("A")) {
		t.Errorf("%s, %v", text, err)
	}
	r.sim.Faults.Clear()
	if err := errors.Join(r.sim.Bump("A", "1", ""), r.account.Catalog.Refresh(t.Context(), "A")); err != nil {
		t.Fatal(err)
	}
	r.account.Content.Forgive()
	ask := start()
	for name, want := range map[string]int{"running.pdf": 403, "bad.pdf": 403, "final.pdf": 200} {
		if got := ask(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	for _, damaged := range []string{"null", "{", `{"x":[{"bytes":1,"at":"9999-01-01T00:00:00Z"}]}`} {
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		ask := start()
		if got := []int{ask(""), ask("bad.pdf")}; got[0] != 207 || got[1] != 200 {
			t.Errorf("%s: %d", damaged, got)
		}
	}
}

// While the API is away, no list is told of which a part would be wrong: it fails, or
// breaks off.
func TestTheAPIIsAway(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 20, 3000, ".pdf"), func(cfg *account.Config) { cfg.Client.Patience = time.Second })
	r.ask("GET", first, "")
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Reset: true})
	got := r.ask("PROPFIND", "/dav/"+contract+"/", "", "Depth", "1")
	if got.StatusCode == 207 && got.err == nil {
		t.Errorf("%s", got.body)
	}
	if got := r.ask("GET", "/dav/"+contract+"/bills_OCB5000000_000005.pdf", ""); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	if got := r.ask("GET", first, ""); len(got.body) != 3000 {
		t.Errorf("what is here: %d %s", got.StatusCode, got.body)
	}
}

// The client of macOS, which takes a 5xx for "no such file", is told something that is none:
// whoever mirrors a drive deletes what is gone. Others hear of the outage.
func TestAnOutageIsNoAbsenceOnMacOS(t *testing.T) {
	r := newRig(t, apisim.Synthetic(2, 3, 3000, ".pdf"), func(cfg *account.Config) { cfg.Client.Patience = time.Second })
	r.ask("GET", first, "") // it is listed
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Reset: true})
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, apisim.Fault{Reset: true})
	for _, ask := range []string{"PROPFIND /dav/OCB5000001/", "GET /dav/OCB5000001/", "GET /dav/OCB5000000/invoices_OCB5000000_000002.pdf", "HEAD /dav/OCB5000000/invoices_OCB5000000_000002.pdf"} {
		method, at, _ := strings.Cut(ask, " ")
		for agent, want := range map[string]int{"WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)": 423, "Microsoft-WebDAV-MiniRedir/10.0.19045": 503} {
			got := r.ask(method, at, "", "Depth", "1", "User-Agent", agent)
			if got.StatusCode != want || got.Header.Get("Cache-Control") != "no-store" || method != "HEAD" && got.body == "" {
				t.Errorf("%s: %s: %d %v %s", agent, ask, got.StatusCode, got.Header, got.body)
			}
		}
	}
	if got := r.ask("PROPFIND", "/dav/nope", "", "Depth", "0", "User-Agent", "WebDAVFS/3.0.0"); got.StatusCode != 404 {
		t.Errorf("what is not there: %d", got.StatusCode)
	}
}

// A contract that is refused is refused at each of its addresses.
func TestRefusedContracts(t *testing.T) {
	r := newRig(t, apisim.Synthetic(2, 3, 3000, ".pdf"))
	r.sim.ForbidContract(contract, true)
	for _, at := range []string{"/dav/" + contract, "/dav/" + contract + "/", first, "/dav/" + contract + "/.contract.json", "/dav/" + contract + "/.documents.json"} {
		for _, method := range []string{"PROPFIND", "GET", "HEAD"} {
			if got := r.ask(method, at, "", "Depth", "1"); got.StatusCode != 403 {
				t.Errorf("%s %s: %d", method, at, got.StatusCode)
			}
		}
	}
	if len(r.list("/dav/")) != 3 {
		t.Error("it takes the other along")
	}
	if len(r.list("/dav/OCB5000001")) != 4 {
		t.Error("the other is not shown")
	}
}

// Names are shown as they are, in XML, in addresses and in HTML.
func TestHostileNames(t *testing.T) {
	names := []string{"<script>alert(1)</script>.pdf", `"&'%00%2f.pdf`, "é ü%20+#;.pdf", strings.Repeat("ü", 120) + ".pdf", "../../x", "a\x00\x1bb\ufffe", " ", "-rf"}
	var docs []apisim.Document
	for i, n := range names {
		docs = append(docs, apisim.Document{ID: fmt.Sprint(i), Type: "bills", Filename: n, Period: "202610", Content: apisim.Bytes(fmt.Appendf(nil, "%%PDF-1.4\ndocument %d\n%%%%EOF\n", i))})
	}
	r := newRig(t, &apisim.Account{Contracts: []apisim.Contract{{ID: "A<b>&", Documents: docs}}})
	root := r.list("/dav/")
	all := r.list(root[1].Href)
	if len(all) != len(names)+1 {
		t.Fatalf("%d entries", len(all))
	}
	seen := map[string]bool{}
	for _, e := range all[1:] {
		got := r.ask("GET", e.Href, "")
		if got.StatusCode != 200 || !strings.HasPrefix(got.body, "%PDF-") || seen[got.body] {
			t.Errorf("%s: %d %q", e.Href, got.StatusCode, got.body)
		}
		seen[got.body] = true
	}
	page := r.ask("GET", root[1].Href, "")
	if page.StatusCode != 200 || strings.Contains(page.body, "<script") || strings.Count(page.body, "<li>") != len(names)+1 {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
}

// Who leaves is not waited for, and a client that takes nothing holds nobody up.
func TestWhoLeaves(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 20, 3000, ".pdf"))
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
	req, err := http.NewRequestWithContext(t.Context(), "PROPFIND", r.web.URL+"/dav/"+contract+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Depth", "1")
	client := &http.Client{Timeout: 300 * time.Millisecond}
	if resp, err := client.Do(req); err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Error("an answer came")
		}
	}
	client.CloseIdleConnections()
	if got := r.ask("PROPFIND", "/dav/", "", "Depth", "1"); got.StatusCode != 207 {
		t.Errorf("%d", got.StatusCode)
	}
}
