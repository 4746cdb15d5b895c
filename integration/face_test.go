//go:build linux

package integration

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/folder"
	"ccsfs/internal/webdav"
)

// face is how a rig shows the folder. What goes wrong behind it has to come to the same, so
// a fault is tried on each: by the same test, which looks through an agent.
type face int

const (
	mounted face = iota
	asDrive      // WebDAV, over HTTP
)

// surviveOnEach is survive, once for each face.
func surviveOnEach(t *testing.T, name string, test func(t *testing.T, f face)) {
	t.Helper()
	survive(t, name, func(t *testing.T) { test(t, mounted) })
	survive(t, name+", on the drive", func(t *testing.T) { test(t, asDrive) })
}

// onMounts is surviveOnEach where the drive has nothing of its own to do.
func onMounts(t *testing.T, name string, test func(t *testing.T, f face)) {
	t.Helper()
	survive(t, name, func(t *testing.T) { test(t, mounted) })
}

// impatient gives a client a time-out that tests can wait for, and on the drive little
// patience: how long it is waited is the same for all faces.
func impatient(on face) func(*apiclient.Config) {
	return func(c *apiclient.Config) {
		if c.Timeout = time.Second; on == asDrive {
			c.Patience = 1500 * time.Millisecond
		}
	}
}

// drivePrefix is where the drive of a rig is.
const drivePrefix = "/dav"

// showDrive serves the folder over HTTP.
func (r *rig) showDrive(f *folder.Folder) {
	r.dir = drivePrefix
	r.served = httptest.NewServer(&webdav.Handler{Prefix: drivePrefix, Folder: f, Ahead: inFlight, Logger: r.opt.logger, Now: r.clock.now, Told: webdav.OpenTold("", slog.New(slog.DiscardHandler))})
	r.address = r.served.URL
	r.clients = &http.Client{Transport: &http.Transport{}}
}

// endDrive ends it.
func (r *rig) endDrive() {
	if r.served == nil {
		return
	}
	r.served.CloseClientConnections() // who still waits has left
	r.served.Close()
	r.clients.CloseIdleConnections()
	r.served = nil
}

// agent looks at what the rig shows: system calls of another process, or requests of a
// client that goes on by the same address, whatever serves it.
func (r *rig) agent() *agent {
	r.t.Helper()
	if r.opt.face == asDrive {
		return &agent{t: r.t, drive: r, end: func() {}}
	}
	return newAgent(r.t)
}

// wrong says what is not as it should be if all is read; "" if all is.
func (r *rig) wrong(files []file) string {
	r.t.Helper()
	if r.opt.face == asDrive {
		return r.walk(files)
	}
	t, _ := r.t.(*testing.T)
	return difference(t, r.sh(`cp -r "$MNT/." "$OUT" || touch "$OUT/failed"`), files)
}

// errnoOf is the errno by which the mount says what a status says.
func errnoOf(status int) string {
	return map[int]string{
		http.StatusForbidden: "EACCES", http.StatusNotFound: "ENOENT", http.StatusBadGateway: "EIO",
		http.StatusServiceUnavailable: "EHOSTUNREACH", http.StatusGatewayTimeout: "ETIMEDOUT",
	}[status]
}

// brokenOff is the errno, so to speak, of an answer that breaks off.
const brokenOff = "EBROKENOFF"

// reply is an answer, whole.
type reply struct {
	*http.Response
	body []byte
}

// request sends one; errno is what came of it if it is no answer of success.
func (r *rig) request(method, at, body string, headers ...string) (reply, string) {
	req, err := http.NewRequest(method, r.address+(&url.URL{Path: at}).EscapedPath(), strings.NewReader(body))
	if err != nil {
		return reply{}, err.Error()
	}
	at, req.URL.RawQuery, _ = strings.Cut(at, "?")
	req.URL.Path = at
	if r.user != "" {
		req.SetBasicAuth(r.user, drivePassword)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.clients.Do(req)
	if err != nil {
		return reply{}, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	x := reply{resp, data}
	switch h := resp.Header; {
	case err != nil:
		return x, brokenOff
	case resp.StatusCode == http.StatusNotModified:
		return x, resp.Status
	case resp.StatusCode < 300 || resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return x, ""
	case !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("ETag") != "" || len(data) == 0 && method != http.MethodHead:
		return x, fmt.Sprintf("an error that somebody may keep: %d %v", resp.StatusCode, h)
	case (resp.StatusCode == 503 || resp.StatusCode == 504) != (h.Get("Retry-After") != ""):
		return x, fmt.Sprintf("when to come again: %d %v", resp.StatusCode, h)
	case errnoOf(resp.StatusCode) == "":
		return x, resp.Status
	}
	return x, errnoOf(resp.StatusCode)
}

// shown is what a PROPFIND tells of one thing.
type shown struct {
	Href  string `xml:"DAV: href"`
	Stats []struct {
		Status string `xml:"DAV: status"`
		Prop   struct {
			Collection *struct{} `xml:"DAV: resourcetype>collection"`
			Length     string    `xml:"DAV: getcontentlength"`
			Modified   string    `xml:"DAV: getlastmodified"`
		} `xml:"DAV: prop"`
	} `xml:"DAV: propstat"`
}

// isDir reports whether it is a directory.
func (s shown) isDir() bool { return len(s.Stats) > 0 && s.Stats[0].Prop.Collection != nil }

// withheld reports whether it says of itself that it cannot be had.
func (s shown) withheld() bool { return len(s.Stats) > 1 }

// namesAlone asks for no sizes.
const namesAlone = `<propfind xmlns="DAV:"><prop><resourcetype/><displayname/></prop></propfind>`

// propfind looks at something, and at what is in it if depth is 1.
func (r *rig) propfind(at, depth, body string) ([]shown, string) {
	x, errno := r.request("PROPFIND", at, body, "Depth", depth)
	if errno != "" {
		return nil, errno
	}
	var m struct {
		XMLName xml.Name `xml:"DAV: multistatus"`
		All     []shown  `xml:"DAV: response"`
	}
	if err := xml.Unmarshal(x.body, &m); err != nil || x.StatusCode != http.StatusMultiStatus || len(m.All) == 0 {
		return nil, fmt.Sprintf("%d %v: %q", x.StatusCode, err, x.body)
	}
	if body != "" {
		return m.All, ""
	}
	for _, s := range m.All {
		// The one promise of promises: none has no length, or that of an empty file.
		if n, err := strconv.ParseInt(s.Stats[0].Prop.Length, 10, 64); !s.isDir() && (err != nil || n < 1) {
			return nil, fmt.Sprintf("%s has the length %q", s.Href, s.Stats[0].Prop.Length)
		} else if s.withheld() && n != 1 {
			return nil, fmt.Sprintf("%s cannot be had, and has the length %d", s.Href, n)
		}
	}
	return m.All, ""
}

// name is the last part of an address.
func (s shown) name() string {
	at, err := url.PathUnescape(s.Href)
	if err != nil {
		return s.Href
	}
	return path.Base(at)
}

// do is what a question comes to over HTTP.
func (r *rig) do(q question) answer {
	switch q.Op {
	case "stat":
		all, errno := r.propfind(q.Path, "0", "")
		if errno != "" {
			return answer{Errno: errno}
		}
		n, _ := strconv.ParseInt(all[0].Stats[0].Prop.Length, 10, 64) // none of a directory
		return answer{Size: n}
	case "list", "sizes":
		body := namesAlone
		if q.Op == "sizes" {
			body = ""
		}
		all, errno := r.propfind(q.Path, "1", body)
		if errno != "" {
			return answer{Errno: errno}
		}
		var x answer
		for _, s := range all[1:] {
			n, _ := strconv.ParseInt(s.Stats[0].Prop.Length, 10, 64)
			x.Names, x.Sizes = append(x.Names, s.name()), append(x.Sizes, n)
		}
		return x
	}
	var headers []string
	if q.Op == "sum" {
		q.Len = -1
	}
	if q.Off > 0 || q.Len >= 0 {
		to := ""
		if q.Len >= 0 {
			to = strconv.FormatInt(q.Off+int64(q.Len)-1, 10)
		}
		headers = []string{"Range", fmt.Sprintf("bytes=%d-%s", q.Off, to)}
	}
	got, errno := r.request("GET", q.Path, "", headers...)
	switch {
	case errno == brokenOff:
		return answer{Errno: errno, Data: got.body}
	case errno != "":
		return answer{Errno: errno}
	case headers != nil && got.StatusCode != http.StatusPartialContent:
		return answer{Errno: got.Status}
	case headers == nil && (got.StatusCode != http.StatusOK || got.ContentLength != int64(len(got.body))):
		return answer{Errno: fmt.Sprintf("%s, %d bytes of %d", got.Status, len(got.body), got.ContentLength)}
	}
	x := answer{Size: int64(len(got.body))}
	if q.Op == "sum" {
		h := sha256.Sum256(got.body)
		x.Sum = hex.EncodeToString(h[:])
	} else {
		x.Data = got.body
	}
	return x
}

// sizes fails unless a list of a directory has all of its documents, with the lengths that
// they have; those that are bad cannot be had, and say so.
func (r *rig) sizes(contract string, bad ...file) {
	r.t.Helper()
	all, errno := r.propfind(r.path(contract), "1", "")
	if errno != "" {
		r.t.Errorf("sizes of %s: %s", contract, errno)
		return
	}
	want := map[string]file{}
	for _, f := range append(expected(r.t, r.sim, nil), bad...) {
		if f.contract == contract {
			want[path.Base(f.path)] = f
		}
	}
	for _, s := range all[1:] {
		f, ok := want[s.name()]
		cannot := slices.ContainsFunc(bad, func(b file) bool { return b.id == f.id })
		if !ok || s.withheld() != cannot || !cannot && s.Stats[0].Prop.Length != strconv.Itoa(len(f.data)) {
			r.t.Errorf("%s: %+v; it has %d bytes", s.Href, s.Stats, len(f.data))
		}
		delete(want, s.name())
	}
	if len(want) > 0 {
		r.t.Errorf("not in the list of %s: %v", contract, slices.Collect(maps.Keys(want)))
	}
}

// noSizes fails if a list of a directory of which sizes cannot be found out has an end.
func (r *rig) noSizes(contract string) {
	r.t.Helper()
	if all, errno := r.propfind(r.path(contract), "1", ""); errno == "" {
		r.t.Errorf("a list of %d in %s, while the API is away", len(all), contract)
	}
}

// lasting looks at lists of sizes while documents cannot be had, by answers that are about
// the documents, or by none. What was read before is read in parts, too.
func (r *rig) lasting(seen, unseen file, about bool) {
	r.t.Helper()
	all, errno := r.propfind(r.path(seen.contract), "1", "")
	if errno == "" && !about {
		r.t.Errorf("a list of %d, while the API is away", len(all))
	}
	for _, s := range all {
		if !s.isDir() && s.withheld() == (s.name() == path.Base(seen.path)) {
			r.t.Errorf("%s: %+v", s.Href, s.Stats)
		}
	}
	if x, errno := r.request("HEAD", r.path(unseen.path), ""); errno == "" {
		r.t.Errorf("HEAD tells %d bytes", x.ContentLength)
	}
	if err := r.document(r.path(seen.path), strconv.Itoa(len(seen.data)), seen.data); err != nil {
		r.t.Errorf("what was read before: %v", err)
	}
}

// walk reads all of the drive, as a client does that goes by the lengths it is told, and
// says what is not as it should be.
func (r *rig) walk(files []file) string {
	want := make(map[string][]byte, len(files))
	for _, f := range files {
		want[f.path] = f.data
	}
	wrong := ""
	note := func(format string, args ...any) {
		if wrong == "" {
			wrong = fmt.Sprintf(format, args...)
		}
	}
	var dir func(at string)
	dir = func(at string) {
		all, errno := r.propfind(at, "1", "")
		if errno != "" {
			note("%s: %s", at, errno)
			return
		}
		for _, s := range all[1:] {
			below := at + "/" + s.name()
			if s.isDir() {
				dir(below)
				for _, made := range folder.Generated() {
					if x, errno := r.request("GET", below+"/"+made, ""); at == drivePrefix && (errno != "" || !json.Valid(x.body)) {
						note("%s/%s: %s %q", below, made, errno, x.body)
					}
				}
				continue
			}
			name := strings.TrimPrefix(below, drivePrefix+"/")
			data, ok := want[name]
			delete(want, name)
			if !ok {
				note("%s: no such document", name)
				continue
			}
			if err := r.document(below, s.Stats[0].Prop.Length, data); err != nil {
				note("%s: %v", name, err)
			}
		}
	}
	dir(drivePrefix)
	for name := range want {
		note("%s: missing", name)
	}
	return wrong
}

// document reads one in the ways in which clients do, and compares it.
func (r *rig) document(at, length string, data []byte) error {
	if length != strconv.Itoa(len(data)) {
		return fmt.Errorf("its length is said to be %s, and is %d", length, len(data))
	}
	whole, errno := r.request("GET", at, "")
	if errno != "" || !bytes.Equal(whole.body, data) {
		return fmt.Errorf("%d bytes of %d, or others, %s", len(whole.body), len(data), errno)
	}
	tag := whole.Header.Get("ETag")
	half := len(data) / 2
	rest, errno := r.request("GET", at, "", "Range", fmt.Sprintf("bytes=%d-", half), "If-Range", tag)
	want := data[half:]
	if rest.Response != nil && rest.StatusCode == http.StatusOK && (tag == "" || rest.Header.Get("ETag") != tag) {
		want = data // what is not kept cannot be known for the same: all of it
	}
	if errno != "" || !bytes.Equal(rest.body, want) {
		return fmt.Errorf("the second half: %d bytes of %d, or others, %s", len(rest.body), len(want), errno)
	}
	head, errno := r.request("HEAD", at, "")
	if errno != "" || head.ContentLength != int64(len(data)) {
		return fmt.Errorf("HEAD says %d bytes of %d, %s", head.ContentLength, len(data), errno)
	}
	if tag != "" {
		switch same, errno := r.request("GET", at, "", "If-None-Match", tag); {
		case errno == "" && same.StatusCode == http.StatusOK && bytes.Equal(same.body, data) && same.Header.Get("ETag") != tag:
		case errno != "304 Not Modified":
			return fmt.Errorf("what a client has is not known for the same: %d bytes, %s", len(same.body), errno)
		}
	}
	return nil
}

// over is what is at an address of a server.
func over(address string) *rig {
	return &rig{address: address, user: "ccsfs", clients: &http.Client{}, dir: drivePrefix, opt: options{face: asDrive}}
}

// copyDrive is the helper "drive": it copies a drive, as a client does that asks for each
// thing once, and goes by the lengths it is told.
func copyDrive(args []string) error {
	r, to := over(args[0]), args[1]
	var dir func(at string) error
	dir = func(at string) error {
		all, errno := r.propfind(at, "1", "")
		if errno != "" {
			return fmt.Errorf("%s: %s", at, errno)
		}
		for _, s := range all[1:] {
			below := at + "/" + s.name()
			if s.isDir() {
				if err := dir(below); err != nil {
					return err
				}
				continue
			}
			x, errno := r.request("GET", below, "")
			if errno != "" || strconv.Itoa(len(x.body)) != s.Stats[0].Prop.Length {
				return fmt.Errorf("%s: %d bytes of %s, %s", below, len(x.body), s.Stats[0].Prop.Length, errno)
			}
			if err := put(to, strings.TrimPrefix(below, drivePrefix+"/"), x.body); err != nil {
				return err
			}
		}
		return nil
	}
	return dir(drivePrefix)
}

// copyArchive is the helper "archive": it gets all documents as one ZIP, and unpacks it.
func copyArchive(args []string) error {
	x, errno := over(args[0]).request("GET", "/archive.zip?name=_", "")
	if errno != "" {
		return fmt.Errorf("%s %.500q", errno, x.body)
	}
	z, err := zip.NewReader(bytes.NewReader(x.body), int64(len(x.body)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := put(args[1], f.Name, data); err != nil {
			return err
		}
	}
	return nil
}

func put(dir, name string, data []byte) error {
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return os.WriteFile(at, data, 0o600)
}
