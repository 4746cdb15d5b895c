package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/serve/gate"
	"ccsfs/cmd/ccsfs/internal/serve/page"
	"ccsfs/cmd/ccsfs/internal/serve/who"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/account"
	"ccsfs/internal/folder"
	"ccsfs/internal/gateway"
	"ccsfs/internal/httpfile"
	"ccsfs/internal/webdav"
)

// davPrefix is where the network drive is.
const davPrefix = "/dav"

// handler is all that the server answers. What it returns ends what runs behind it.
func (s *Server) handler() (h http.Handler, end func()) {
	mux, end := http.NewServeMux(), func() {}
	var top http.Handler = http.NotFoundHandler()
	if s.has(settings.FacePage) {
		shown := page.New(page.Config{
			Account: s.Account, Settings: s.settings, Drive: s.drive(), Version: s.env.Version, Now: s.env.Now,
			Sent: func(r *http.Request, n folder.Node, what httpfile.Served) {
				s.sent(settings.FacePage, userOf(r), r, n, what)
			},
		})
		top, end = shown, shown.Close
	}
	if s.has(settings.FaceDrive) {
		drives := &drives{server: s, told: webdav.OpenTold(account.ToldFile(session.AccountPath(s.settings)), s.logger), warming: s.Account.Folder.NewWarming(s.settings.API.Connections/2, s.env.Now)}
		mux.Handle(davPrefix, drives)
		mux.Handle(davPrefix+"/", drives)
		top = webdav.Top(davPrefix, top)
		closePage := end
		end = func() {
			drives.warming.Close()
			closePage()
		}
	}
	mux.Handle("/", top)
	open := http.NewServeMux()
	if s.has(settings.FaceAPI) { // its clients have tokens, and no passwords
		api := gateway.New(gateway.Config{
			Catalog: s.Account.Catalog, Types: s.settings.Listings.Types, Folder: s.Account.Folder, Clients: s.clients, Logger: s.logger, Now: s.env.Now,
			Name: s.name(), Above: s.Account.Client.Gateways,
			Sent: func(r *http.Request, client string, n folder.Node, what httpfile.Served) {
				s.sent(settings.FaceAPI, client, r, n, what)
			},
		})
		s.Account.Client.AsksFor(api.Askers)
		open.Handle(gateway.APIPath+"/", api)
		open.Handle(gateway.OAuthPath+"/", api)
	}
	open.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n") // whoever asked may have left
	})
	top = s.gate.Wrap(mux)
	if !s.has(settings.FacePage) && !s.has(settings.FaceDrive) { // a password is no use: what is wrong is the address
		top = gateway.Elsewhere()
	}
	open.Handle("/", top)
	return s.counts.count(s.survived(bodies(open, bodyTimeout))), end
}

// has reports whether a face is served.
func (s *Server) has(face string) bool { return slices.Contains(s.settings.Serve.Faces, face) }

// drive is the address of the drive, "" where there is none to tell.
func (s *Server) drive() string {
	if !s.has(settings.FaceDrive) {
		return ""
	}
	return s.place.drive()
}

func userOf(r *http.Request) string {
	u, _ := who.From(r.Context())
	return u.Name
}

// survived has a panic of next, which is a bug, in the log, whatever its level, and breaks the
// connection.
func (s *Server) survived(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				s.logger.Error("a request met a bug of ccsfs; please report it", "face", faceOf(r), "panic", v, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// The bounds of what comes with a request, in bytes, and the time that it may take.
const (
	maxBody     = 64 << 10
	bodyTimeout = 30 * time.Second
	answerTime  = time.Minute // for the answer, unless the handler moves it
)

// bodies reads what comes with a request before it is handled, all of it or nothing, within a
// time, and bounds that of the answer.
func bodies(next http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			_ = control.SetReadDeadline(time.Now().Add(timeout)) // a server of tests has none
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			if err != nil {
				// net/http waits for the rest before it answers, unless the connection is to end:
				// whoever sends a byte now and then would be waited for as long as they like.
				if r.ProtoMajor == 1 {
					w.Header().Set("Connection", "close")
				}
				var large *http.MaxBytesError
				status := http.StatusBadRequest
				if errors.As(err, &large) {
					status = http.StatusRequestEntityTooLarge
				}
				http.Error(w, "too much comes with the request, or too little", status)
				return
			}
			_ = control.SetReadDeadline(time.Time{})
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		_ = control.SetWriteDeadline(time.Now().Add(answerTime)) // those that send documents, or wait for the API, move it
		next.ServeHTTP(w, r)
	})
}

// drives are the network drives of users, by which contracts they see.
type drives struct {
	server  *Server
	told    *webdav.Told
	warming *folder.Warming // nil: nothing is fetched behind
	mu      sync.Mutex
	all     map[string]*webdav.Handler
}

// looked has fetched behind what is probably wanted next, of a contract that somebody looked
// at, or of those in the list that somebody has looked at before. That list is all that the user may see, of whom
// key tells which contracts that are.
func (d *drives) looked(key string, n folder.Node, children []folder.Node) {
	if !n.IsRoot() {
		d.warming.Looked(n.Contract.ID, func() []folder.Node { return []folder.Node{n} })
		return
	}
	if len(children) == 0 { // they were not asked for
		return
	}
	d.warming.Looked("/"+key, func() []folder.Node {
		for i, c := range children {
			children[i].Listing = d.server.Account.Catalog.Peek(c.Contract.ID) // nothing is listed for this
		}
		return children
	})
}

// ServeHTTP implements http.Handler.
func (d *drives) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u, _ := who.From(r.Context())
	// A list of sizes waits for as long as the API takes, and sends what it has meanwhile.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	d.of(u).ServeHTTP(w, r)
}

func (d *drives) of(u who.User) *webdav.Handler {
	key, seen := "", d.server.Account.Folder
	if u.Contracts != nil {
		key, seen = "\x00"+strings.Join(u.Contracts, "\x00"), seen.Only(u.Contracts)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.all[key]
	if h == nil {
		h = &webdav.Handler{
			Prefix: davPrefix, Folder: seen.Loose(), Ahead: d.server.settings.API.Connections, Logger: d.server.logger,
			Told: d.told, Looked: func(n folder.Node, children []folder.Node) { d.looked(key, n, children) },
			Sent: func(r *http.Request, n folder.Node, s httpfile.Served) {
				d.server.sent(settings.FaceDrive, userOf(r), r, n, s)
			},
		}
		if d.all == nil {
			d.all = map[string]*webdav.Handler{}
		}
		d.all[key] = h
	}
	return h
}

// sent logs a document that has left, or has not: who, when, which, how many bytes.
func (s *Server) sent(face, user string, r *http.Request, n folder.Node, what httpfile.Served) {
	if what.Err == nil && what.Bytes == 0 { // its size alone, or it is there already
		return
	}
	attrs := []any{"face", face, "user", user, "remote", gate.Remote(r), "path", n.Path, "status", what.Status, "bytes", what.Bytes}
	if n.Doc != nil {
		attrs = append(attrs, "contract", n.Doc.ContractID, "document", n.Doc.ID)
	}
	if what.Err != nil {
		s.logger.Warn("a document was not sent whole", append(attrs, "error", what.Err)...)
		return
	}
	s.logger.Info("a document was sent", attrs...)
}
