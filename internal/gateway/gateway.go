// Package gateway is the folder as the API that it comes from: it speaks the Cloud Customer
// Space API, so that any client of that works against it unchanged, and many machines share
// one cache, one token and one rate. It has clients of its own, each of which may be given
// contracts. What is sent is whole: where the API is away, or its list is old, the answer is
// an error of the API's own kind, never a part.
//
// Not here: sockets and certificates, where clients are kept, how anything is fetched.
package gateway

import (
	"context"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// The paths of the API, as the user guide's Postman environment has them.
const (
	APIPath   = "/cloud/b2b/v1"
	OAuthPath = "/oauth/v3"
)

// Catalog is what a gateway asks about what exists; *catalog.Catalog is one.
type Catalog interface {
	folder.Catalog
	Known(contractID string) (*catalog.Listing, error)
	Refresh(ctx context.Context, contractID string) error
	RefreshContracts(ctx context.Context) error
}

// Client is somebody who may ask.
type Client struct {
	Name      string // for people
	ID        string
	Secret    [32]byte // SHA-256: what is random needs no slower hash
	APIKey    [32]byte // same
	Contracts []string // ids of those that it may see; nil: all
}

// sees reports whether the client may see a contract.
func (c *Client) sees(contractID string) bool {
	return c.Contracts == nil || slices.Contains(c.Contracts, contractID)
}

// Clients are all who may ask. Who is taken out is out at once.
type Clients interface {
	// Client returns the client of an id, false if there is none by now.
	Client(id string) (Client, bool)
	// Key is the secret by which access tokens are made, the same for all gateways of the
	// same clients.
	Key() []byte
}

// Config of a Gateway. All but Types, Name, Above and Sent must be set.
type Config struct {
	Catalog Catalog
	Types   []string // of documents, that the catalog lists; empty: all
	Folder  *folder.Folder
	Clients Clients
	Logger  *slog.Logger
	Now     func() time.Time
	// Name tells it from other gateways, as the function Name makes it; "": it is not told.
	Name string
	// Above are the gateways that are asked for what is here, the nearest first; nil: none is.
	Above func() []string
	// Sent hears of each document that left for a client, or did not; nil: nobody does.
	Sent func(r *http.Request, client string, n folder.Node, what httpfile.Served)
}

// Gateway answers the calls of the API, at the paths of the API. Its methods may be called
// at once, by many.
type Gateway struct {
	Config
	mux    *http.ServeMux
	renew  renewals
	askers askers
	told   atomic.Int64 // Unix nanoseconds, when the log was last told of a refusal
	untold atomic.Int64 // refusals since
}

// New makes a gateway.
func New(c Config) *Gateway {
	g := &Gateway{Config: c, mux: http.NewServeMux()}
	g.mux.HandleFunc(OAuthPath+"/token", g.token)
	g.handle("/contracts", g.contracts)
	g.handle("/contract", g.contract)
	g.handle("/documents", g.documents)
	g.handle("/documents/{id}/file", g.file)
	g.mux.Handle("/", Elsewhere())
	return g
}

// Elsewhere answers requests to addresses at which the API has nothing, and says where it is.
func Elsewhere() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "private, no-store")
		fail(http.StatusNotFound, codeNotFound, "There is nothing at this address; the API is at "+APIPath+", its tokens are at "+OAuthPath).write(w)
	})
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // an answer may wait for the API; see httpfile for what is sent
	w, stop := beat(w, r)
	defer stop()
	h := w.Header()
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(requestIDHeader, newRequestID())
	g.mux.ServeHTTP(w, r)
}

// call is a request of a client that may ask.
type call struct {
	*http.Request
	w        http.ResponseWriter
	client   Client
	contract string // asked about, "" where none is named
}

// handle has calls at a path answered by f, after what all of them have in common.
func (g *Gateway) handle(path string, f func(c *call) *apiError) {
	g.mux.HandleFunc(APIPath+path, func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, w: w}
		err := g.admit(c, path)
		if err == nil {
			err = f(c)
		}
		if err != nil {
			g.Logger.Debug("an error was answered", "call", path, "client", c.client.Name, "contract", c.contract, "status", err.status, "code", err.code, "description", err.description)
			err.write(w)
		}
	})
}

// admit checks what the API checks before it answers: method, token, key, what the client
// takes, and, but for the list of them, that the contract is one of the client's.
func (g *Gateway) admit(c *call, path string) *apiError {
	if c.Method != http.MethodGet && (c.Method != http.MethodHead || !strings.HasSuffix(path, "/file")) {
		c.w.Header().Set("Allow", http.MethodGet)
		return fail(http.StatusMethodNotAllowed, codeMethod, c.Method+" is not allowed here")
	}
	var err *apiError
	if c.client, err = g.authorize(c.Request); err != nil {
		return err
	}
	if err := g.asked(c.Request); err != nil {
		return err
	}
	if !acceptsJSON(c.Request) {
		return fail(http.StatusNotAcceptable, codeNotAccepted, "The header Accept does not name application/json")
	}
	if path == "/contracts" {
		return nil
	}
	if c.contract = strings.TrimSpace(c.Header.Get(contractHeader)); c.contract == "" {
		return fail(http.StatusBadRequest, codeMissingHeader, "The header "+contractHeader+" is missing")
	}
	if !c.client.sees(c.contract) {
		return notYours()
	}
	return nil
}

// notYours is said of contracts that a client may not see, and of those that there are none
// of, in the same words.
func notYours() *apiError {
	return fail(http.StatusForbidden, codeDenied, "The contract is not one of yours")
}

// acceptsJSON wants application/json by name, as the API does.
func acceptsJSON(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			if t, _, err := mime.ParseMediaType(part); err == nil && t == "application/json" {
				return true
			}
		}
	}
	return false
}
