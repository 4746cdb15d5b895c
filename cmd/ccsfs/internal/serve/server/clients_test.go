package server

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// What the clients of desktops send, one request after the other, as their sources and the
// logs of other servers have it, for those that cannot run here: each gets the answers that
// it needs, and what it only looks for costs the API nothing.
//
// macOS is by Apple's webdavfs (webdav_network.c, webdav_parse.c), GNOME by gvfs
// (daemon/gvfsbackenddav.c), KDE by kio (src/kioworkers/http/http.cpp), LibreOffice was
// listened to; Windows, Office and Android are by what others logged.

// Requests and properties of clients.
const (
	windows = "Microsoft-WebDAV-MiniRedir/10.0.19045"
	finder  = "WebDAVLib/1.3"
	macOS   = "WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)"
	gvfs    = "gvfs/1.50.3"
	kde     = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) dolphin/22.12.3"
	libre   = "LibreOffice 7.4.7.2 denylistedbackend/7.88.1 GnuTLS/3.7.9"
	office  = "Microsoft Office Excel/16.0"
	android = "okhttp/4.12.0"

	statOfMac  = `<?xml version="1.0" encoding="utf-8"?>` + "\n" + `<D:propfind xmlns:D="DAV:"><D:prop><D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/></D:prop></D:propfind>`
	listOfMac  = `<?xml version="1.0" encoding="utf-8"?>` + "\n" + `<D:propfind xmlns:D="DAV:"><D:prop xmlns:A="http://www.apple.com/webdav_fs/props/"><D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/><A:appledoubleheader/></D:prop></D:propfind>`
	quotaOfMac = `<?xml version="1.0" encoding="utf-8"?>` + "\n" + `<D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/></D:prop></D:propfind>`
	typeOfGvfs = `<?xml version="1.0" encoding="utf-8" ?>` + "\n" + ` <D:propfind xmlns:D="DAV:"> <D:prop><D:resourcetype/></D:prop></D:propfind>`
	listOfGvfs = `<?xml version="1.0" encoding="utf-8" ?>` + "\n" + ` <D:propfind xmlns:D="DAV:"> <D:prop><D:creationdate/><D:displayname/><D:getcontentlength/><D:getcontenttype/><D:getetag/><D:getlastmodified/><D:resourcetype/></D:prop></D:propfind>`
	listOfKDE  = `<?xml version="1.0" encoding="utf-8" ?><D:propfind xmlns:D="DAV:"><D:prop><D:creationdate/><D:getcontentlength/><D:displayname/><D:source/><D:getcontentlanguage/><D:getcontenttype/><D:getlastmodified/><D:getetag/><D:supportedlock/><D:lockdiscovery/><D:resourcetype/><D:quota-available-bytes/><D:quota-used-bytes/></D:prop></D:propfind>`
	lock       = `<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>WORKGROUP\anna</D:href></D:owner></D:lockinfo>`
	win32Times = `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32CreationTime>Mon, 30 Nov 2026 08:00:00 GMT</Z:Win32CreationTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>`
)

// Documents of the contract R&D, by how they are called, and how clients encode that.
const (
	oddName    = "Facture R&D n°12 (été) + annexe 100% #3;a=b.pdf"
	oddWindows = "Facture%20R&D%20n%C2%B012%20(%C3%A9t%C3%A9)%20+%20annexe%20100%25%20%233;a=b.pdf"
	oddMac     = "Facture%20R&D%20n%C2%B012%20(%C3%A9t%C3%A9)%20+%20annexe%20100%25%20%233%3Ba=b.pdf"
	oddLibre   = "Facture%20R%26D%20n%c2%b012%20%28%c3%a9t%c3%a9%29%20%2b%20annexe%20100%25%20%233%3ba%3db.pdf"
	sizeOfDocs = 5000
)

func accountOfClients() *apisim.Account {
	a := apisim.Synthetic(2, 20, sizeOfDocs, ".pdf")
	var docs []apisim.Document
	for i, name := range []string{oddName, "Rechnung Ä Ö ß.pdf", "Consumption.xlsx", "plain.csv"} {
		docs = append(docs, apisim.Document{ID: fmt.Sprint("odd", i), Type: "bills", Filename: name, Period: "202610", Content: apisim.Pseudo(uint64(i), sizeOfDocs, name)})
	}
	a.Contracts = append(a.Contracts, apisim.Contract{ID: "R&D", Documents: docs})
	return a
}

// step is one request of a client, and what must come of it.
type step struct {
	ask     string            // method, address, and the Depth of a PROPFIND
	body    string            // with the request
	with    map[string]string // headers besides
	nobody  bool              // it comes without a password
	agent   string            // where it is not that of the client
	status  int
	header  map[string]string // of the answer; "*" is any
	has     []string          // in the answer's body
	entries int               // of a list, if not 0
	calls   string            // that the API gets by it: contracts, listings, documents; "" is "0 0 0"
}

func steps(agent string, before step, asks ...string) (all []step) {
	for _, a := range asks {
		s := before
		s.ask, s.agent = a, agent
		all = append(all, s)
	}
	return all
}

func TestDesktopClients(t *testing.T) {
	notThere := step{status: 404}
	// It says that here is a drive, and that it cannot be written.
	isDrive := map[string]string{"DAV": "1", "MS-Author-Via": "DAV", "Allow": "OPTIONS, GET, HEAD, PROPFIND", "Content-Length": "0"}
	for name, all := range map[string][]step{
		"Windows, Explorer": slices.Concat(
			steps("DavClnt", step{status: 401, nobody: true}, "OPTIONS /"), // before its service runs
			[]step{
				{ask: "OPTIONS /", nobody: true, status: 401, header: map[string]string{"WWW-Authenticate": `Basic realm="ccsfs", charset="UTF-8"`}},
				{ask: "OPTIONS /", status: 200, header: isDrive},
				{ask: "PROPFIND /dav 0", status: 207, entries: 1, has: []string{"<D:href>/dav/</D:href>", "<D:collection/>"}},
				{ask: "PROPFIND / 0", status: 207, entries: 1, has: []string{"<D:href>/</D:href>", "<D:collection/>"}},
				{ask: "PROPFIND / 1", status: 207, entries: 2, has: []string{"<D:href>/dav/</D:href>"}}, // \\host\DavWWWRoot
				{ask: "PROPFIND /dav 1", status: 207, entries: 4, has: []string{"<D:href>/dav/R%26D/</D:href>"}},
			},
			steps(windows, notThere, "PROPFIND /dav/desktop.ini 0", "PROPFIND /dav/AutoRun.inf 0", "PROPFIND /dav/folder.jpg 0", "PROPFIND /dav/folder.gif 0", "PROPFIND /dav/Thumbs.db 0", "PROPFIND /dav/System%20Volume%20Information 0", "PROPFIND /desktop.ini 0"),
			[]step{
				{ask: "PROPFIND /dav/R&D 0", status: 207, entries: 1, has: []string{"<D:href>/dav/R%26D/</D:href>"}}, // what it is takes no listing
			},
			steps(windows, notThere, "PROPFIND /dav/R&D/desktop.ini 0", "PROPFIND /dav/OCB5000000/desktop.ini 0", "PROPFIND /dav/OCB5000001/folder.jpg 0"),
			[]step{
				{ask: "PROPFIND /dav/R&D 1", status: 207, entries: 5, calls: "0 7 4", has: []string{"<D:getcontentlength>5000</D:getcontentlength>", "<D:getlastmodified>Sat, 31 Oct 2026 "}},
				{ask: "PROPFIND /dav/R&D/" + oddWindows + " 0", status: 207, entries: 1, has: []string{"<D:getcontentlength>5000<"}},
				{ask: "PROPFIND /dav/R&D/Rechnung%20%C3%84%20%C3%96%20%C3%9F.pdf 0", status: 207, entries: 1},
				{ask: "GET /dav/R&D/" + oddWindows, with: map[string]string{"Cache-Control": "no-cache"}, status: 200, header: map[string]string{"Content-Length": "5000", "Content-Type": "application/pdf", "Last-Modified": "*", "ETag": "*", "Accept-Ranges": "bytes"}, has: []string{"%PDF-"}},
				{ask: "GET /dav/R&D/Consumption.xlsx", with: map[string]string{"Range": "bytes=4096-8191"}, status: 206, header: map[string]string{"Content-Length": "904", "Content-Range": "bytes 4096-4999/5000"}},
				{ask: "PROPFIND /dav/r&d 0", status: 207, entries: 1, has: []string{"<D:href>/dav/r%26d/</D:href>"}}, // as somebody types it
				{ask: "PROPFIND /dav/r&d 1", status: 207, entries: 5, has: []string{"<D:href>/dav/r%26d/plain.csv</D:href>"}},
				{ask: "GET /dav/R&D/PLAIN.CSV", status: 200, header: map[string]string{"Content-Length": "5000"}},
				{ask: "PROPFIND /dav/R&D/New%20folder 0", status: 404},
				{ask: "MKCOL /dav/R&D/New%20folder", status: 403},
				{ask: "PUT /dav/R&D/New%20Text%20Document.txt", status: 403},
				{ask: "LOCK /dav/R&D/Consumption.xlsx", body: lock, with: map[string]string{"Timeout": "Second-3600"}, status: 403},
				{ask: "PROPPATCH /dav/R&D/Consumption.xlsx", body: win32Times, status: 403},
				{ask: "MOVE /dav/R&D/plain.csv", with: map[string]string{"Destination": "http://127.0.0.1/dav/R&D/x.csv", "Overwrite": "F"}, status: 403},
				{ask: "DELETE /dav/R&D/plain.csv", status: 403},
				{ask: "MKCOL /New%20folder", status: 403},
				{ask: "PROPFIND /wrong 0", status: 404},
			}),
		"Windows, Office": slices.Concat(
			steps("Microsoft Office Protocol Discovery", step{status: 200, header: isDrive}, "OPTIONS /dav/R&D/", "OPTIONS /dav/", "OPTIONS /"),
			steps("Microsoft Office Existence Discovery", step{status: 200, calls: "0 7 1", header: map[string]string{"Content-Length": "5000", "Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}}, "HEAD /dav/R&D/Consumption.xlsx"),
			[]step{{ask: "PROPFIND /dav/R&D/~$Consumption.xlsx 0", status: 404}, {ask: "GET /dav/R&D/~$Consumption.xlsx", status: 404}},
			steps(office, step{status: 404}, "GET /_vti_inf.html"),
			[]step{
				{ask: "LOCK /dav/R&D/Consumption.xlsx", agent: office, body: lock, status: 403, header: map[string]string{"Allow": "*"}},
				{ask: "GET /dav/R&D/Consumption.xlsx", agent: office, status: 200, header: map[string]string{"Content-Length": "5000"}},
			}),
		"macOS, Finder": slices.Concat(
			steps(finder, step{status: 401, nobody: true}, "OPTIONS /dav/"),
			steps(finder, step{status: 200, header: isDrive}, "OPTIONS /dav/"),
			[]step{
				{ask: "OPTIONS /dav/", status: 200, header: isDrive}, // of class 1, and so mounted read-only
				{ask: "PROPFIND /dav/ 0", body: statOfMac, status: 207, entries: 1, has: []string{"<D:collection/>"}},
				{ask: "PROPFIND /dav/ 0", body: quotaOfMac, status: 207, entries: 1, has: []string{`<x:quota-available-bytes xmlns:x="DAV:"/>`, "404 Not Found"}}, // it makes zeros of those: no quota
			},
			steps(macOS, step{status: 404, body: statOfMac}, "PROPFIND /dav/._. 0", "PROPFIND /dav/.DS_Store 0", "PROPFIND /dav/.hidden 0", "PROPFIND /dav/.metadata_never_index 0", "PROPFIND /dav/.metadata_never_index_unless_rootfs 0",
				"PROPFIND /dav/.metadata_direct_scope_only 0", "PROPFIND /dav/.Spotlight-V100 0", "PROPFIND /dav/.Trashes 0", "PROPFIND /dav/.TemporaryItems 0", "PROPFIND /dav/.fseventsd 0", "PROPFIND /dav/.localized 0",
				"PROPFIND /dav/.VolumeIcon.icns 0", "PROPFIND /dav/.ql_disablethumbnails 0", "PROPFIND /dav/mach_kernel 0", "PROPFIND /dav/Backups.backupdb 0", "PROPFIND /dav/.com.apple.timemachine.supported 0"),
			[]step{
				{ask: "PROPFIND /dav/ 1", body: listOfMac, status: 207, entries: 4},
				{ask: "PROPFIND /dav/R&D/ 0", body: statOfMac, status: 207, entries: 1},
			},
			steps(macOS, step{status: 404, body: statOfMac}, "PROPFIND /dav/._R&D 0", "PROPFIND /dav/R&D/._. 0", "PROPFIND /dav/R&D/.DS_Store 0", "PROPFIND /dav/R&D/.hidden 0"),
			[]step{
				{ask: "PROPFIND /dav/R&D/ 1", body: listOfMac, status: 207, entries: 5, calls: "0 7 4", has: []string{"<D:getcontentlength>5000<", `<x:appledoubleheader xmlns:x="http://www.apple.com/webdav_fs/props/"/>`}},
				{ask: "PROPFIND /dav/R&D/._" + oddMac + " 0", body: statOfMac, status: 404},
				{ask: "PROPFIND /dav/R&D/" + oddMac + " 0", body: statOfMac, status: 207, entries: 1},
				{ask: "GET /dav/R&D/" + oddMac, status: 200, header: map[string]string{"Content-Length": "5000", "Last-Modified": "*", "ETag": "*"}},
				{ask: "GET /dav/R&D/" + oddMac, with: map[string]string{"If-Modified-Since": "(Last-Modified)"}, status: 304},
				{ask: "GET /dav/R&D/" + oddMac, with: map[string]string{"If-Range": "(Last-Modified)", "Range": "bytes=1000-"}, status: 206, header: map[string]string{"Content-Length": "4000"}},
				{ask: "GET /dav/R&D/" + oddMac, with: map[string]string{"Range": "bytes=0-4095"}, status: 206, header: map[string]string{"Content-Length": "4096"}},
				{ask: "PROPFIND /dav/R&D/Rechnung%20A%CC%88%20O%CC%88%20%C3%9F.pdf 0", body: statOfMac, status: 207, entries: 1}, // as Cocoa spells a path
				{ask: "GET /dav/R&D/Rechnung%20A%CC%88%20O%CC%88%20%C3%9F.pdf", status: 200, header: map[string]string{"Content-Length": "5000"}},
				{ask: "PUT /dav/R&D/.DS_Store", status: 403},
				{ask: "LOCK /dav/R&D/plain.csv", body: lock, status: 403},
			}),
		"GNOME": slices.Concat(
			[]step{
				{ask: "OPTIONS /dav", nobody: true, status: 401},
				{ask: "OPTIONS /dav", status: 200, header: isDrive},
				{ask: "PROPFIND /dav 0", body: typeOfGvfs, status: 207, entries: 1, has: []string{"<D:collection/>"}},
				{ask: "OPTIONS /", status: 200, header: isDrive}, // how far up does the drive go?
				{ask: "PROPFIND / 0", body: typeOfGvfs, status: 207, entries: 1, has: []string{"<D:collection/>"}},
				{ask: "PROPFIND / 0", body: quotaOfMac, status: 207, entries: 1, has: []string{"404 Not Found"}},
				{ask: "PROPFIND / 1", body: listOfGvfs, status: 207, entries: 2, has: []string{"<D:displayname>dav<"}},
			},
			steps(gvfs, step{status: 404, body: listOfGvfs}, "PROPFIND /.hidden 0", "PROPFIND /dav/.hidden 0", "PROPFIND /dav/.Trash 0", "PROPFIND /dav/.Trash-1000 0", "PROPFIND /dav/.xdg-volume-info 0", "PROPFIND /dav/autorun.sh 0", "PROPFIND /dav/.autorun 0"),
			[]step{
				{ask: "PROPFIND /dav/ 1", body: listOfGvfs, with: map[string]string{"Apply-To-Redirect-Ref": "T"}, status: 207, entries: 4, has: []string{"<D:displayname>R&amp;D<"}},
				{ask: "PROPFIND /dav/R%26D/ 0", body: listOfGvfs, status: 207, entries: 1},
				{ask: "PROPFIND /dav/R%26D/ 1", body: listOfGvfs, status: 207, entries: 5, calls: "0 7 4", has: []string{"<D:displayname>Facture R&amp;D n°12 (été) + annexe 100% #3;a=b.pdf<", "<D:getcontenttype>text/csv<"}},
				{ask: "GET /dav/R%26D/plain.csv", status: 200},
			}),
		"KDE": slices.Concat(
			[]step{
				{ask: "PROPFIND /dav/ 0", body: listOfKDE, status: 207, entries: 1},
				{ask: "PROPFIND /dav/ 1", body: listOfKDE, status: 207, entries: 4, has: []string{"<D:lockdiscovery></D:lockdiscovery>"}},
			},
			steps(kde, step{status: 404, body: listOfKDE}, "PROPFIND /dav/.directory 0", "PROPFIND /dav/.hidden 0"),
			[]step{
				{ask: "PROPFIND /dav/R&D/ 1", body: listOfKDE, status: 207, entries: 5, calls: "0 7 4"},
				{ask: "PROPFIND /dav/R&D/plain.csv 0", body: listOfKDE, status: 207, entries: 1},
				{ask: "GET /dav/R&D/plain.csv", status: 200, header: map[string]string{"Content-Type": "text/csv"}},
			}),
		"LibreOffice": {
			{ask: "OPTIONS /dav/R%26D/" + oddLibre, status: 200, header: isDrive},
			{ask: "PROPFIND /dav/R%26D/" + oddLibre + " 0", body: `<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype xmlns="DAV:"/><IsReadOnly xmlns="http://ucb.openoffice.org/dav/props/"/><getlastmodified xmlns="DAV:"/></prop></propfind>`, status: 207, entries: 1, calls: "0 7 0", has: []string{`<x:IsReadOnly xmlns:x="http://ucb.openoffice.org/dav/props/"/>`}},
			{ask: "PROPFIND /dav/R%26D/" + oddLibre + " 0", body: `<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><propname/></propfind>`, status: 207, entries: 1},
			{ask: "HEAD /dav/R%26D/" + oddLibre, status: 200, calls: "0 0 1", header: map[string]string{"Content-Length": "5000"}},
			{ask: "LOCK /dav/R%26D/" + oddLibre, body: lock, status: 403},
			{ask: "PROPFIND /dav/R%26D/.~lock.plain.csv%23 0", status: 404},
			{ask: "PUT /dav/R%26D/.~lock.plain.csv%23", status: 403},
			{ask: "GET /dav/R%26D/" + oddLibre, status: 200, header: map[string]string{"Content-Length": "5000"}},
		},
		"Android": {
			{ask: "PROPFIND /dav 1", body: `<?xml version="1.0" encoding="utf-8" standalone="yes"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, status: 207, entries: 4},
			{ask: "PROPFIND /dav/.nomedia 0", status: 404},
			{ask: "HEAD /dav/R%26D", status: 301, header: map[string]string{"Location": "/dav/R%26D/"}},
			{ask: "PROPFIND /dav/R%26D 1", body: `<?xml version="1.0" encoding="utf-8" standalone="yes"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, status: 207, entries: 5, calls: "0 7 4"},
			{ask: "GET /dav/R%26D/plain.csv", with: map[string]string{"Range": "bytes=0-"}, status: 206},
		},
	} {
		t.Run(name, func(t *testing.T) {
			agent := map[string]string{"Windows, Explorer": windows, "Windows, Office": windows, "macOS, Finder": macOS, "GNOME": gvfs, "KDE": kde, "LibreOffice": libre, "Android": android}[name]
			c := newVisitor(t, agent)
			for _, s := range all {
				c.do(s)
			}
		})
	}
}

// visitor is a client of a server that nobody has asked anything yet.
type visitor struct {
	*rig
	agent    string
	client   *http.Client
	modified string // Last-Modified of the last answer that had it
}

func newVisitor(t *testing.T, agent string) *visitor {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("a good password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &visitor{agent: agent, rig: serve(t, map[string]string{"password-file": password}, func(sim *apisim.Server) { sim.Account = accountOfClients() })}
	d.client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return d
}

// calls are those that the API has had: for contracts, listings and documents.
func (d *visitor) calls() [3]int {
	c := d.sim.Calls()
	return [3]int{c.Contracts + c.Contract, c.Documents, c.File + c.Head}
}

// send sends a request.
func (d *visitor) send(s step) (*http.Response, string) {
	d.Helper()
	method, at, _ := strings.Cut(s.ask, " ")
	at, depth, _ := strings.Cut(at, " ")
	req, err := http.NewRequestWithContext(d.Context(), method, strings.TrimSuffix(d.place.address, "/")+at, strings.NewReader(s.body))
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("User-Agent", d.agent)
	if s.agent != "" {
		req.Header.Set("User-Agent", s.agent)
	}
	if d.agent == windows {
		req.Header.Set("Translate", "f")
	}
	if depth != "" {
		req.Header.Set("Depth", depth)
	}
	if s.body != "" {
		req.Header.Set("Content-Type", "text/xml")
	}
	for name, value := range s.with {
		req.Header.Set(name, strings.ReplaceAll(value, "(Last-Modified)", d.modified))
	}
	if !s.nobody {
		req.SetBasicAuth("ccsfs", "a good password")
	}
	resp, err := d.client.Do(req)
	if err != nil {
		d.Fatalf("%s: %v", s.ask, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatalf("%s: %v", s.ask, err)
	}
	if m := resp.Header.Get("Last-Modified"); m != "" {
		d.modified = m
	}
	return resp, string(body)
}

// do sends a request, and looks at what comes of it.
func (d *visitor) do(s step) {
	d.Helper()
	before := d.calls()
	resp, body := d.send(s)
	if resp.StatusCode != s.status {
		d.Errorf("%s: %d %.200s", s.ask, resp.StatusCode, body)
		return
	}
	if s.status == http.StatusMultiStatus {
		if n := d.list(s.ask, body); s.entries != 0 && n != s.entries {
			d.Errorf("%s: %d entries in %s", s.ask, n, body)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.header)) {
		if got := resp.Header.Get(name); got != s.header[name] && (s.header[name] != "*" || got == "") {
			d.Errorf("%s: %s is %q", s.ask, name, got)
		}
	}
	for _, text := range s.has {
		if !strings.Contains(body, text) {
			d.Errorf("%s: no %q in %s", s.ask, text, body)
		}
	}
	after, want := d.calls(), s.calls
	if want == "" {
		want = "0 0 0"
	}
	if got := fmt.Sprint(after[0]-before[0], after[1]-before[1], after[2]-before[2]); got != want {
		d.Errorf("%s: contracts, listings and documents are asked for %s times", s.ask, got)
	}
}

// plainPath are addresses that every client takes apart in the same way.
var plainPath = regexp.MustCompile(`^/([A-Za-z0-9._~/-]|%[0-9A-F]{2})*$`)

// list looks at a list as a whole, and says how many entries it has.
func (d *visitor) list(ask, body string) int {
	d.Helper()
	asked, err := url.PathUnescape(strings.Fields(ask)[1])
	if err != nil {
		d.Fatal(err)
	}
	asked = strings.TrimSuffix(asked, "/")
	var m struct {
		XMLName xml.Name `xml:"DAV: multistatus"`
		All     []struct {
			Href  []string `xml:"DAV: href"`
			Stats []struct {
				Status string `xml:"DAV: status"`
				Prop   struct {
					Collection *struct{} `xml:"DAV: resourcetype>collection"`
					Length     string    `xml:"DAV: getcontentlength"`
					Modified   string    `xml:"DAV: getlastmodified"`
					Created    string    `xml:"DAV: creationdate"`
				} `xml:"DAV: prop"`
			} `xml:"DAV: propstat"`
		} `xml:"DAV: response"`
	}
	if err := xml.Unmarshal([]byte(body), &m); err != nil {
		d.Fatalf("%s: %v in %s", ask, err, body)
	}
	if strings.Contains(body, "&#") {
		d.Errorf("%s: an entity by number, which not every client resolves: %s", ask, body)
	}
	for i, r := range m.All {
		if at, err := url.PathUnescape(r.Href[0]); err != nil || !strings.HasPrefix(at, asked) || (strings.TrimSuffix(at, "/") == asked) != (i == 0) {
			d.Errorf("%s: %s, which is not what was asked for, or below it", ask, r.Href)
		}
		if len(r.Href) != 1 || !plainPath.MatchString(r.Href[0]) || len(r.Stats) == 0 {
			d.Errorf("%s: %+v", ask, r)
			continue
		}
		for _, s := range r.Stats {
			if s.Status != "HTTP/1.1 200 OK" && s.Status != "HTTP/1.1 404 Not Found" {
				d.Errorf("%s: %+v", ask, r)
			}
			if s.Prop.Collection != nil && !strings.HasSuffix(r.Href[0], "/") {
				d.Errorf("%s: a directory without a slash: %+v", ask, r)
			}
			if _, err := time.Parse(http.TimeFormat, s.Prop.Modified); s.Prop.Modified != "" && err != nil {
				d.Errorf("%s: %+v", ask, r)
			}
			if _, err := time.Parse("2006-01-02T15:04:05Z", s.Prop.Created); s.Prop.Created != "" && err != nil {
				d.Errorf("%s: %+v", ask, r)
			}
		}
	}
	return len(m.All)
}

// Windows takes a megabyte of a directory (FileAttributesLimitInBytes), which the manual says
// is about two thousand documents.
func TestDirectoriesOfWindows(t *testing.T) {
	c := newVisitor(t, windows)
	_, body := c.send(step{ask: "PROPFIND /dav/OCB5000000 1"})
	if each := len(body) / 21; each > 500 {
		t.Errorf("%d bytes a document: %s", each, body)
	}
}
