// Package page is the folder of an account for people with a browser: what there is, what is
// missing, what is new, what it cost, whether all is well, and the documents themselves.
//
// A page comes at once: it shows what is known, and what is not is asked for behind (package
// view). All texts of the account are hostile. Nothing changes by a GET; all works without
// scripts.
//
// Not here: who may ask (package who), listening, limits, the bytes of documents (package
// httpfile), what is said in which language (package words).
package page

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/serve/archive"
	"ccsfs/cmd/ccsfs/internal/serve/page/cookies"
	"ccsfs/cmd/ccsfs/internal/serve/page/words"
	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/cmd/ccsfs/internal/serve/who"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

//go:embed assets
var assets embed.FS

// Config of a Page.
type Config struct {
	Account  *session.Account
	Settings *settings.Settings
	Drive    string // the address of the WebDAV root to explain, "" if there is none
	Version  string
	Now      func() time.Time // nil: time.Now
	// Sent hears of each document that was asked for, and what came of it; nil: nobody.
	Sent func(*http.Request, folder.Node, httpfile.Served)
}

// Page serves /, /document/…, /archive, /archive.zip, /static/…, /drive, /refresh and /read. It
// serves those alone whom package who names.
type Page struct {
	Config
	view      *view.View
	languages []*words.Language
	templates map[string]*template.Template // by the code of the language
	static    map[string]static             // by path
	turns     archive.Turns
	making    *view.Few
}

// static is a file that never changes under its path.
type static struct {
	contentType string
	bytes       []byte
}

// New makes a page. Close it.
func New(c Config) *Page {
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Page{Config: c, templates: map[string]*template.Template{}, static: map[string]static{}, making: view.NewFew(max(2, runtime.GOMAXPROCS(0)))}
	p.view = view.New(view.Config{Account: c.Account, Settings: c.Settings, Version: c.Version, Now: c.Now})
	links := map[string]string{}
	for name, contentType := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"} {
		b := asset(name)
		sum := sha256.Sum256(b)
		at := "/static/" + hex.EncodeToString(sum[:8]) + "-" + name
		links[name], p.static[at] = at, static{contentType, b}
	}
	var err error
	if p.languages, err = words.Languages(); err != nil {
		panic(err) // they are embedded
	}
	for _, l := range p.languages {
		t := template.New("").Funcs(functions(l, links))
		for _, name := range []string{"frame.html", "overview.html", "costs.html", "matrix.html", "results.html", "others.html"} {
			template.Must(t.Parse(string(asset(name))))
		}
		p.templates[l.Code] = t
	}
	return p
}

func asset(name string) []byte {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // they are embedded
	}
	return b
}

// functions are what templates call, in a language.
func functions(l *words.Language, links map[string]string) template.FuncMap {
	return template.FuncMap{
		"lang": func() string { return l.Code }, "say": l.Say, "count": l.Count, "number": l.Number, "decimal": l.Decimal, "plain": term.Plain,
		"type": l.Type, "month": l.Month, "short": l.Short, "date": l.Date, "time": l.Time, "amount": l.Amount, "bytes": l.Bytes,
		"standing": func(text string) string {
			if l.Has("standing." + text) {
				return l.Say("standing." + text)
			}
			return text
		},
		"static": func(name string) string { return links[name] },
	}
}

// Close ends what runs behind.
func (p *Page) Close() { p.view.Close() }

// request is a request of somebody.
type request struct {
	*http.Request
	w    http.ResponseWriter
	user who.User
	lang *words.Language
	made func() // see begin; may be called again
}

// begin waits until a page may be made that takes its time and memory: few are at once, for a
// search in a large account holds all that is found. Once it is made, and not sent yet,
// whoever makes it calls q.made. If it is not to be made, it has answered.
func (p *Page) begin(q *request) (ok bool) {
	if q.made, ok = p.making.Begin(q.Context()); !ok {
		p.fail(q, http.StatusServiceUnavailable, q.Context().Err())
	}
	return ok
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, ok := who.From(r.Context())
	if !ok { // whoever serves this has let nobody in
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return
	}
	q := &request{Request: r, w: w, user: user, lang: words.Choose(p.languages, r), made: func() {}}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	if at := r.URL.Path; r.Method == http.MethodPost && (at == "/refresh" || at == "/read") {
		p.refresh(q)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		p.fail(q, http.StatusMethodNotAllowed, nil)
		return
	}
	switch at := r.URL.Path; {
	case at == "/":
		p.overview(q)
	case at == "/archive":
		p.archivePage(q)
	case at == "/archive.zip":
		p.archiveFile(q)
	case at == "/drive":
		p.render(q, http.StatusOK, "drive", &frame{Title: q.lang.Say("drive")}, map[string]any{"Address": p.Drive})
	case strings.HasPrefix(at, "/document/"):
		p.document(q, strings.TrimPrefix(at, "/document/"))
	case strings.HasPrefix(at, "/static/"):
		p.serveStatic(q)
	default:
		p.fail(q, http.StatusNotFound, nil)
	}
}

func (p *Page) serveStatic(q *request) {
	f, ok := p.static[q.URL.Path]
	if !ok {
		p.fail(q, http.StatusNotFound, nil)
		return
	}
	h := q.w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	http.ServeContent(q.w, q.Request, "", time.Time{}, bytes.NewReader(f.bytes))
}

// refresh has all asked for again that the user sees, or documents fetched to read their
// amounts, and leads back to where they were.
func (p *Page) refresh(q *request) {
	q.Body = http.MaxBytesReader(q.w, q.Body, 16<<10)
	if q.URL.Path == "/read" {
		year, _ := strconv.Atoi(q.PostFormValue("year")) // 0 has no documents
		p.view.Fetch(p.look(q.Context(), q), q.PostFormValue("type"), year)
	} else {
		p.view.Refresh(q.user.Contracts)
	}
	back := url.URL{Path: "/"}
	if values, err := url.ParseQuery(q.PostFormValue("back")); err == nil {
		back.RawQuery = values.Encode()
	}
	http.Redirect(q.w, q.Request, back.String(), http.StatusSeeOther)
}

// frame is what all pages have around them.
type frame struct {
	Title     string
	Languages []languageLink
	Nonce     string
	Reload    int // seconds until the page comes again; 0: it does not
	Version   string
	Drive     bool
	Home      bool // it is the overview
	Back      string
	Running   bool // a refresh goes on
	Years     []yearLink
	Year      int
	Body      any
}

type languageLink struct {
	Code, Href string
	Chosen     bool
}

// render writes a page.
func (p *Page) render(q *request, status int, name string, f *frame, body any) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	f.Nonce, f.Version, f.Drive, f.Body = base64.RawURLEncoding.EncodeToString(random[:]), p.Version, p.Drive != "", body
	for _, l := range p.languages {
		f.Languages = append(f.Languages, languageLink{l.Code, with(q.URL, "lang", l.Code), l == q.lang})
	}
	var b bytes.Buffer
	if err := p.templates[q.lang.Code].ExecuteTemplate(&b, name, f); err != nil {
		p.Account.Logger.Error("the page cannot be made", "error", err)
		http.Error(q.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	q.made()
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", q.lang.Code)
	h.Set("Cache-Control", "private, no-store")
	h.Add("Vary", "Accept-Language, Cookie")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+f.Nonce+"'; script-src 'nonce-"+f.Nonce+
		"'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	if q.URL.Query().Get("lang") == q.lang.Code {
		cookies.Set(q.w, q.Request, words.Cookie, q.lang.Code)
	}
	_ = http.NewResponseController(q.w).SetWriteDeadline(time.Now().Add(time.Minute)) // a server of tests has none
	q.w.WriteHeader(status)
	if q.Method != http.MethodHead {
		_, _ = q.w.Write(b.Bytes()) // the client has left
	}
}

// fail answers that something cannot be shown.
func (p *Page) fail(q *request, status int, err error) {
	httpfile.Headers(q.w.Header(), status)
	body := map[string]string{"Key": "error." + strconv.Itoa(status)}
	if !q.lang.Has(body["Key"]) {
		body["Key"] = "error"
	}
	if err != nil {
		body["Why"] = err.Error()
	}
	p.render(q, status, "error", &frame{Title: q.lang.Say("error")}, body)
}

// with is the address with another value in its query.
func with(u *url.URL, key, value string) string {
	values := u.Query()
	values.Set(key, value)
	return (&url.URL{Path: u.Path, RawQuery: values.Encode()}).String()
}

// folder is the folder that a user sees.
func (p *Page) folder(q *request) *folder.Folder { return p.view.Folder(q.user.Contracts) }

// waits takes the time away that the answer has: the API may take longer. Who sends
// documents gives each piece of them its own.
func (q *request) waits() {
	_ = http.NewResponseController(q.w).SetWriteDeadline(time.Time{}) // a server of tests has none
}

// look is what a user sees now.
func (p *Page) look(ctx context.Context, q *request) *view.Look {
	return p.view.Look(ctx, q.user.Contracts)
}
