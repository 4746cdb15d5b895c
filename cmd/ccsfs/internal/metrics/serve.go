package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers scrapes.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// Server answers scrapes on a TCP address, and nothing else.
type Server struct {
	http     *http.Server
	listener net.Listener
	ended    chan error
	once     sync.Once
	err      error // of Close
}

// Serve answers with h at /metrics on l, which it takes over, until Close.
func Serve(l net.Listener, h http.Handler, logger *slog.Logger) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	s := &Server{
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute,
			MaxHeaderBytes: 16 << 10,
			ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
		listener: l, ended: make(chan error, 1),
	}
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
