package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// Mount is what a Server tells of and acts on.
type Mount struct {
	Point   string // where it is mounted, resolved; of what is Served its address
	Served  bool   // it is no mount, but shown by a server
	Version string
	APIURL  string
	Offline bool

	Account       string // which one it is, without telling: the name of its directory in the cache
	AccountName   string // in the settings file, "" if it has none
	Layout        string // in the form of the setting
	ContractNames bool   // they are in the names of directories
	PortableNames bool   // names are such as Windows takes

	Named   bool // the types to show were named: one that is refused is missed
	Started time.Time
	LogFile string // "": standard error

	Client  *apiclient.Client
	Catalog *catalog.Catalog
	Content *content.Store
	Pool    *pool.Pool // nil: the account is this machine's alone
	Workers int        // documents fetched at once to warm the cache
	Metrics http.Handler
	Logger  *slog.Logger

	Collectors []prometheus.Collector // of more metrics
}

// Server answers on the socket of a mount.
type Server struct {
	http     *http.Server
	listener *Listener
	ended    chan error
	cancel   context.CancelFunc
	once     sync.Once
	err      error // of Close
}

// Serve makes the socket of a mount, and answers on it until Close.
func Serve(places Places, m *Mount) (*Server, error) {
	l, err := Listen(places, m.Point)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		http: &http.Server{
			Handler:           m.handler(ctx),
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(m.Logger.Handler(), slog.LevelDebug),
		},
		listener: l, ended: make(chan error, 1), cancel: cancel,
	}
	go func() { s.ended <- s.http.Serve(l) }()
	return s, nil
}

// Path is where the socket lies.
func (s *Server) Path() string { return s.listener.Path() }

// shutdownGrace is how long Close waits for answers under way: those that take
// long have been told to end.
const shutdownGrace = 2 * time.Second

// Close removes the socket, ends what was asked for, and returns when nothing
// is answered any more.
func (s *Server) Close() error {
	s.once.Do(func() { s.err = s.close() })
	return s.err
}

func (s *Server) close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// handler answers until ctx ends.
func (m *Mount) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", m.serveStatus)
	mux.HandleFunc("POST /refresh", whileOpen(ctx, m.serveRefresh))
	mux.HandleFunc("POST /warm", whileOpen(ctx, m.serveWarm))
	mux.Handle("GET /metrics", m.Metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// whileOpen ends the context of a request also when ctx ends.
func whileOpen(ctx context.Context, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		h(w, r.WithContext(asked))
	}
}

func (m *Mount) serveStatus(w http.ResponseWriter, _ *http.Request) {
	m.answer(w, http.StatusOK, m.Status())
}

func (m *Mount) serveRefresh(w http.ResponseWriter, r *http.Request) {
	m.Client.Renew()
	if err := m.refresh(r.Context(), r.FormValue("path")); err != nil {
		m.answer(w, http.StatusBadGateway, failureOf(err))
		return
	}
	m.answer(w, http.StatusOK, struct{}{})
}

func (m *Mount) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		m.Logger.Debug("control socket: answer not sent", "error", err)
	}
}
