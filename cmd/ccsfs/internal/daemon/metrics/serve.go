package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers scrapes.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// Server answers scrapes and probes on a TCP address, and nothing else.
type Server struct {
	state    atomic.Pointer[state]
	http     *http.Server
	listener net.Listener
	ended    chan error
	once     sync.Once
	err      error // of Close
}

// Serve answers on l, which it takes over, until Close: probes at once, scrapes once
// there is a mount.
func Serve(l net.Listener, logger *slog.Logger) *Server {
	mux := http.NewServeMux()
	s := &Server{
		http: &http.Server{
			// ReadTimeout, too: net/http waits for a body that was announced, which nobody reads.
			Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute,
			MaxHeaderBytes: 16 << 10,
			ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
		listener: l, ended: make(chan error, 1),
	}
	s.state.Store(&state{unready: "not mounted yet"})
	mux.HandleFunc("GET /metrics", s.scrape)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	go func() { s.ended <- s.http.Serve(l) }()
	return s
}

// shutdownGrace is how long Close waits for scrapes under way.
const shutdownGrace = time.Second

// Close returns when nothing is answered any more.
func (s *Server) Close() error {
	s.once.Do(func() { s.err = s.close() })
	return s.err
}

func (s *Server) close() error {
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
