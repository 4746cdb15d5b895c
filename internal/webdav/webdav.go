// Package webdav is the folder as a network drive: WebDAV, class 1, read-only (RFC 4918).
//
// The size of each document in an answer is right, or the answer waits for it: clients that
// are told none, or a wrong one, copy empty or cut files and report success (rclone mount
// and davfs2 do). So a directory's sizes are asked for beside each other, in the order of
// its names, and the answer goes out as they come.
//
// Not here: who may ask, the bytes of documents (package httpfile), names.
package webdav

import (
	"context"
	"encoding/xml"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// Handler serves one folder. Its fields must not be changed once it serves.
type Handler struct {
	Prefix string // of all addresses, without a slash at its end: "/dav"
	Folder *folder.Folder
	// Ahead is how many sizes of a directory are asked for beside each other, at least 1.
	Ahead  int
	Logger *slog.Logger // nil: none
	// Told is what clients were told, by whichever handler of the folder. It must be set.
	Told *Told
	// Looked hears of each directory that somebody looked at, with what is in it, as far as that
	// was asked for, and may keep and change that; nil: nobody. The end of the answer waits for it.
	Looked func(n folder.Node, children []folder.Node)
	// Sent hears of each document that was asked for, and what came of it; nil: nobody.
	Sent func(r *http.Request, n folder.Node, s httpfile.Served)
	Now  func() time.Time // of what clients were told; nil: time.Now
}

// allowed are the methods that are served.
const allowed = "OPTIONS, GET, HEAD, PROPFIND"

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := h.path(r.URL)
	if !ok {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodOptions:
		options(w)
	case http.MethodGet, http.MethodHead:
		h.get(w, r, at)
	case "PROPFIND":
		h.propfind(w, r, at)
	default:
		refuse(w)
	}
}

// options says that here is a drive.
func options(w http.ResponseWriter) {
	w.Header().Set("Allow", allowed)
	w.Header().Set("DAV", "1")
	w.Header().Set("MS-Author-Via", "DAV")
}

// refuse answers what would write: 405 has some clients try other ways to write.
func refuse(w http.ResponseWriter) {
	w.Header().Set("Allow", allowed)
	http.Error(w, "this drive is read-only", http.StatusForbidden)
}

// path is what an address is about, from the root of the folder; false if it is none of
// the handler's.
func (h *Handler) path(u *url.URL) (at string, ok bool) {
	at, ok = strings.CutPrefix(u.Path, h.Prefix)
	if !ok || at != "" && at[0] != '/' || at != "" && path.Clean(at) != strings.TrimSuffix(at, "/") && at != "/" {
		return "", false
	}
	return strings.Trim(at, "/"), true
}

// href is the address of a node.
func (h *Handler) href(n folder.Node) string { return h.hrefBelow(n.Path, n, n) }

// hrefBelow is the address of a node that is another one, which was asked for at a path, or
// below that.
func (h *Handler) hrefBelow(at string, asked, n folder.Node) string {
	href := escapePath(h.Prefix + "/" + at + strings.TrimPrefix(n.Path, asked.Path))
	if n.IsDir() && !n.IsRoot() {
		href += "/"
	}
	return href
}

// escapePath is a path as part of an address, of nothing but unreserved characters (RFC
// 3986, section 2.3), slashes and %XX: no client has to resolve entities in it, which that of
// macOS does by hand (webdavfs, parser_opendir_add), and none takes "+" for a space.
func escapePath(at string) string {
	var b strings.Builder
	for _, c := range []byte(at) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// look is Folder.Look or Folder.Find, but for what clients look for in every directory: that
// costs nothing.
func (h *Handler) look(r *http.Request, at string, find func(context.Context, string) (folder.Node, error)) (folder.Node, error) {
	for _, name := range folder.Split(at) {
		if layout.IsProbe(name) {
			return folder.Node{}, &folder.NotFoundError{Path: at}
		}
	}
	return find(r.Context(), at)
}

// get answers GET and HEAD.
func (h *Handler) get(w http.ResponseWriter, r *http.Request, at string) {
	find := h.Folder.Look
	if strings.HasSuffix(r.URL.Path, "/") {
		find = h.Folder.Find // what is in it is wanted
	}
	n, err := h.look(r, at, find)
	switch {
	case err != nil:
		h.fail(w, r, err)
	case n.IsDir() && !strings.HasSuffix(r.URL.Path, "/"): // what is relative is below it
		w.Header().Set("Location", h.href(n))
		w.Header().Set("Cache-Control", "private, no-cache")
		w.WriteHeader(http.StatusMovedPermanently)
	case n.IsDir():
		h.index(w, r, n)
	case h.misleads(r, n):
		httpfile.Headers(w.Header(), http.StatusForbidden) // clients do not try that again at once
		http.Error(w, "this document has another length than clients were told when its directory was listed, or could not be had then; it can be read again six minutes after that", http.StatusForbidden)
	default:
		w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
		httpfile.Serve(w, r, h.Folder, n, httpfile.Options{Heard: heard(r), Done: func(s httpfile.Served) {
			if h.Sent != nil {
				h.Sent(r, n, s)
			}
		}})
	}
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := heard(r)(httpfile.Status(err))
	httpfile.Headers(w.Header(), status)
	http.Error(w, err.Error(), status)
}

// heard is which status tells a client of an error what another one tells others. That of
// macOS takes nearly every 5xx for "no such file" (webdavfs, translate_status_to_error), so
// that a directory would be gone there while the API is away, and whatever mirrors it would
// delete the copies: it is told 423, which is EBUSY.
func heard(r *http.Request) func(status int) int {
	mac := strings.HasPrefix(r.UserAgent(), "WebDAVFS/")
	return func(status int) int {
		if mac && status >= http.StatusInternalServerError {
			return http.StatusLocked
		}
		return status
	}
}

// index is a directory for who looks at it with a browser, wget and the like.
func (h *Handler) index(w http.ResponseWriter, r *http.Request, n folder.Node) {
	children, err := h.Folder.Children(r.Context(), n, false)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	type link struct{ Name, Href string }
	var links []link
	if !n.IsRoot() {
		links = append(links, link{"..", "../"})
	}
	for _, c := range children {
		name := c.Name()
		if c.IsDir() {
			name += "/"
		}
		links = append(links, link{name, h.href(c)})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "private, no-cache")
	if r.Method == http.MethodHead {
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))   // where there are none, the server's own holds
	_ = indexPage().Execute(w, map[string]any{"Title": "/" + n.Path, "Links": links}) // the client has left
	h.looked(n, children)
}

func (h *Handler) looked(n folder.Node, children []folder.Node) {
	if h.Looked != nil && n.IsDir() {
		h.Looked(n, children)
	}
}

func indexPage() *template.Template {
	return template.Must(template.New("index").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head><body>
<h1>{{.Title}}</h1>
<ul>
{{range .Links}}<li><a href="{{.Href}}">{{.Name}}</a></li>
{{end}}</ul>
</body></html>
`))
}

// precondition answers with a condition that RFC 4918, section 16, has a name for.
func precondition(w http.ResponseWriter, status int, name string) {
	w.Header().Set("Content-Type", `application/xml; charset=utf-8`)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `%s<D:error xmlns:D="DAV:"><D:%s/></D:error>`, xml.Header, name) // the client has left
}
