package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// simulated is the built-in API, served on a port of this machine.
type simulated struct {
	http     *http.Server
	listener net.Listener
	ended    chan error
}

// serveSimulated starts to serve api at addr.
func serveSimulated(ctx context.Context, api *apisim.Server, addr string) (*simulated, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &simulated{
		http:     &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second},
		listener: listener,
		ended:    make(chan error, 1),
	}
	go func() { s.ended <- s.http.Serve(listener) }()
	return s, nil
}

func (s *simulated) base() string { return "http://" + s.listener.Addr().String() }

// Close drops all connections, and waits until nothing is served any more.
func (s *simulated) Close() error {
	err := s.http.Close()
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// credentials points settings at the simulated API.
func (s *simulated) credentials(to *settings.Settings) {
	to.API.URL, to.API.OAuthURL = s.base()+apisim.APIPath, s.base()+apisim.OAuthPath
	to.API.ClientID = settings.NewSecret(apisim.ClientID)
	to.API.ClientSecret = settings.NewSecret(apisim.ClientSecret)
	to.API.APIKey = settings.NewSecret(apisim.APIKey)
}
