// Package simulated serves the simulated API on a port of this machine, for simulate and
// demo.
package simulated

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// Server is the built-in API, served on a port of this machine.
type Server struct {
	http     *http.Server
	listener net.Listener
	Ended    chan error
}

// Serve starts to serve api, a simulated one or its other origin, at addr.
func Serve(ctx context.Context, api http.Handler, addr string) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		http:     &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second},
		listener: listener,
		Ended:    make(chan error, 1),
	}
	go func() { s.Ended <- s.http.Serve(listener) }()
	return s, nil
}

// Base is the address at which it is served, without a path.
func (s *Server) Base() string { return "http://" + s.listener.Addr().String() }

// Close drops all connections, and waits until nothing is served any more.
func (s *Server) Close() error {
	err := s.http.Close()
	if served := <-s.Ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Credentials points settings at the simulated API.
func (s *Server) Credentials(to *settings.Settings) {
	to.API.URL, to.API.OAuthURL = s.Base()+apisim.APIPath, s.Base()+apisim.OAuthPath
	to.API.ClientID = redacted.New(apisim.ClientID)
	to.API.ClientSecret = redacted.New(apisim.ClientSecret)
	to.API.APIKey = redacted.New(apisim.APIKey)
}
