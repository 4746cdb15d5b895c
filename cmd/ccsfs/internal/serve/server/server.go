// Package server is what ccsfs serve and demo --serve share: an account, shown to browsers
// and network drives from a socket, behind a gate, for as long as nobody ends it.
//
// Not here: what the page and the drive show, who is let in.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ccsfs/cmd/ccsfs/internal/clients"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/serve/gate"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/gateway"
)

// Options of Run.
type Options struct {
	Open  bool // have the desktop show the page
	Quiet bool // say nothing of where it is
	// Serving is told of the server once it answers; nil: nobody is.
	Serving func(s *Server)
}

// Server shows an account.
type Server struct {
	Account *session.Account

	env      cmdutil.Environment
	settings *settings.Settings
	logger   *slog.Logger
	gate     *gate.Gate
	place    place
	user     string            // who is let in by a one-time address
	password string            // that was made up, "" if none was
	clients  *clients.Registry // of the gateway; nil: there is none
	counts   *counts

	refreshing atomic.Bool
}

// Address is where the page is.
func (s *Server) Address() string { return s.place.address }

// Enter is an address of the page that lets one browser in, once.
func (s *Server) Enter() string { return s.gate.Address(s.place.address, s.user) }

// Run shows the account of the settings until a signal ends it.
func Run(ctx context.Context, env cmdutil.Environment, s *settings.Settings, o Options) error {
	if err := s.CheckCredentials(); err != nil {
		return exitcode.With(exitcode.Settings, err)
	}
	logger, logs, err := cmdutil.NewLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	cmdutil.Warn(env, s)
	if s.Source("portable-names").Origin == settings.FromDefault {
		s.Listings.PortableNames = true // Windows and macOS look at them
	}
	srv := &Server{env: env, settings: s, logger: logger, counts: newCounts()}
	users, err := srv.users()
	if err == nil && srv.has(settings.FaceAPI) {
		srv.clients, err = clients.Open(clients.Path(s), logger)
		if err == nil {
			err = srv.notItself()
		}
	}
	if err != nil {
		return exitcode.With(exitcode.Settings, err)
	}
	listener, err := srv.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	if err := srv.open(users); err != nil {
		return err
	}
	defer func() {
		if err := srv.Account.Close(); err != nil {
			logger.Warn("cache not closed cleanly", "error", err)
		}
	}()
	signals, stop := env.Notify(syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	if err := srv.ready(ctx); err != nil {
		return err
	}
	return srv.serve(ctx, listener, signals, logs, o)
}

// notItself refuses a gateway that would ask as one of its own clients: itself, or one that
// has the same clients, and each would wait for the other without end.
func (s *Server) notItself() error {
	client, own := s.clients.Client(s.settings.API.ClientID.Reveal())
	if !own {
		return nil
	}
	return fmt.Errorf("the client id (%s) is that of %s, a client of this gateway, which would ask itself\n"+
		"  It needs the client id, the client secret and the API key that Orange gave you, and the addresses of the\n"+
		"  API, which are set where nothing else is: leave out CCSFS_API_URL and CCSFS_OAUTH_URL",
		session.SourceOf(s.settings, "client-id"), client.Name)
}

// open opens the account, and makes the gate.
func (s *Server) open(users *gate.Users) (err error) {
	proxies, byUnix, err := parseProxies(s.settings.Serve.Proxies)
	if err != nil {
		return cmdutil.SettingsError(s.settings.Reject("trusted-proxy", err))
	}
	header := ""
	if len(s.settings.Serve.Proxies) > 0 {
		header = s.settings.Serve.UserHeader
	}
	s.gate = gate.New(gate.Config{
		Users: users, Hosts: s.place.hosts(s.settings.Serve.Hosts), Names: s.place.names, Loopback: s.place.loopback, Secure: s.place.tls != nil,
		Proxies: proxies, UnixProxy: byUnix, UserHeader: header, Logger: s.logger,
	})
	s.Account, err = session.WireAccount(s.env, s.settings, s.logger, session.Lasting)
	if err == nil && s.clients != nil {
		s.Account.Client.StandsIn(s.name())
	}
	return err
}

// name is that of the gateway.
func (s *Server) name() string {
	host, _ := os.Hostname() // the address alone says enough, mostly
	return gateway.Name(s.clients, host+" "+s.place.address)
}

func parseProxies(texts []string) (all []netip.Prefix, byUnix bool, err error) {
	for _, text := range texts {
		if text == "unix" {
			byUnix = true
			continue
		}
		if !strings.Contains(text, "/") {
			at, err := netip.ParseAddr(text)
			if err != nil {
				return nil, false, errors.New("is no address, no CIDR and not unix")
			}
			all = append(all, netip.PrefixFrom(at, at.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, false, errors.New("is no address, no CIDR and not unix")
		}
		all = append(all, p.Masked())
	}
	return all, byUnix, nil
}

// users are those who may come in; where nobody was named, one with a password that is
// made up.
func (s *Server) users() (*gate.Users, error) {
	set := s.settings.Serve
	if !s.has(settings.FacePage) && !s.has(settings.FaceDrive) {
		return &gate.Users{}, nil // nobody comes with a password
	}
	s.user = set.User
	if set.PasswordFile == "" && set.UsersFile == "" {
		users, password := gate.Generated(set.User)
		switch journal := s.env.Vars["JOURNAL_STREAM"] != "" && !term.IsTerminal(s.env.Stderr); {
		case !journal:
			s.password = password
		case len(set.Proxies) == 0:
			return nil, errors.New("no password: one that is made up would stand in the journal; name a file with --password-file or --users-file")
		} // else the proxy knows its users, and nobody the password
		return users, nil
	}
	if set.PasswordFile == "" && s.settings.Source("user").Origin != settings.FromDefault {
		return nil, errors.New("--user names whose password --password-file has, and there is none")
	}
	return gate.ReadUsers(set.User, set.PasswordFile, set.UsersFile)
}

// ready asks for the contracts, so that wrong credentials are told at once. An API that is
// away is no reason not to serve: the page says so.
func (s *Server) ready(ctx context.Context) error {
	ctx, done := s.env.Interruptible(ctx)
	defer done()
	_, err := s.Account.Ready(ctx, s.settings)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	case exitcode.Of(err) != exitcode.Unreachable:
		return err
	}
	s.logger.Warn("the API cannot be reached; it is asked for again", "error", err)
	return nil
}

// The bounds of one connection.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10 // bytes
	shutdownGrace = 5 * time.Second
)

// serve answers until a signal ends it.
func (s *Server) serve(ctx context.Context, listener net.Listener, signals <-chan os.Signal, logs interface{ Close() error }, o Options) error {
	handler, end := s.handler()
	defer end()
	limited := newCrowd(listener, s.gate.Proxy, s.logger)
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: limited.state,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	attendants, err := s.attend(ctx)
	if err != nil {
		return err
	}
	defer attendants.Close()
	ended := make(chan error, 1)
	go func() {
		if s.place.tls != nil {
			server.TLSConfig = s.place.tls
			ended <- server.ServeTLS(limited, "", "")
			return
		}
		ended <- server.Serve(limited)
	}()
	if !o.Quiet {
		defer s.announce(o)()
	}
	attendants.Service.Ready("%s", s.place.address)
	if o.Serving != nil {
		o.Serving(s)
	}
	for {
		select {
		case err := <-ended:
			return exitcode.Errorf(exitcode.Failed, "cannot serve any more: %w", err)
		case <-ctx.Done():
			return shutDown(server, attendants, ended)
		case sig := <-signals:
			switch sig {
			case syscall.SIGPIPE: // whoever read our log has left
			case syscall.SIGHUP:
				s.reload(ctx, logs)
			default:
				return shutDown(server, attendants, ended)
			}
		}
	}
}

// shutDown lets what is under way end, for a moment.
func shutDown(server *http.Server, attendants *daemon.Attendants, ended <-chan error) error {
	attendants.Stopping()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // it cuts what is left
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return exitcode.With(exitcode.Failed, err)
	}
	return nil
}

// reload begins another log file, and asks for everything anew.
func (s *Server) reload(ctx context.Context, logs interface{ Close() error }) {
	if file, ok := logs.(*cmdutil.LogFile); ok {
		if err := file.Reopen(); err != nil {
			s.logger.Warn("the log file cannot be opened anew; lines go on to where they went", "error", err)
		}
	}
	s.Account.Content.Forgive()
	if !s.refreshing.CompareAndSwap(false, true) {
		return // one goes on
	}
	go func() {
		defer s.refreshing.Store(false)
		if err := s.Account.Catalog.Refresh(ctx, ""); err != nil && ctx.Err() == nil {
			s.logger.Warn("refresh failed", "error", err)
		}
	}()
}

// attend serves those who look after the server.
func (s *Server) attend(ctx context.Context) (*daemon.Attendants, error) {
	web, err := daemon.ServeMetrics(ctx, s.settings.MetricsListen, s.logger)
	if err != nil {
		return nil, err
	}
	set := s.settings
	return daemon.Attend(mounts.Places(s.env), control.Mount{
		Point: s.place.address, Served: true, Version: s.env.Version, APIURL: set.API.URL, Offline: set.API.Offline, Named: len(set.Listings.Types) > 0, Started: time.Now(),
		Account: filepath.Base(session.AccountPath(set)), AccountName: set.Account, Layout: set.Listings.Layout, ContractNames: set.Listings.ContractNames, PortableNames: set.Listings.PortableNames,
		Client: s.Account.Client, Catalog: s.Account.Catalog, Content: s.Account.Content, Pool: s.Account.Pool, Workers: set.API.Connections, Logger: s.logger, LogFile: set.Log.File,
		Collectors: s.counts.collectors(),
	}, web, s.alive), nil
}

// alive hangs if the locks of what answers do.
func (s *Server) alive() bool {
	s.Account.Catalog.Stats()
	s.Account.Content.Stats()
	return true
}

// announce says where the page and the drive are, and how to get in. What it returns
// removes what it left for a desktop to open.
func (s *Server) announce(o Options) (remove func()) {
	remove = func() {}
	s.logger.Info("serving", "address", s.place.address)
	say := func(format string, args ...any) { term.Say(s.env.Stderr, format, args...) }
	say("serving %s; Ctrl-C ends it", s.place.address)
	if s.place.unix {
		return remove
	}
	enter := "" // only the last one is good
	if s.has(settings.FacePage) && (s.password != "" || o.Open) {
		enter = s.Enter()
	}
	if s.password != "" && enter != "" {
		say("  in a browser, once:    %s", enter)
	}
	if s.has(settings.FaceDrive) {
		say("  as a network drive:    %s", s.place.drive())
	}
	if s.password != "" {
		say("  user and password:     %s  %s", s.user, s.password)
	}
	if s.has(settings.FaceAPI) {
		say("  in place of the API:   CCSFS_API_URL=%s", s.place.address+strings.TrimPrefix(gateway.APIPath, "/"))
		say("                         CCSFS_OAUTH_URL=%s", s.place.address+strings.TrimPrefix(gateway.OAuthPath, "/"))
	}
	if o.Open && enter != "" {
		file, err := desktop(s.env, enter)
		if err != nil {
			say("  the desktop does not show it: %v", err)
		}
		remove = func() {
			if file != "" {
				os.Remove(file)
			}
		}
	}
	return remove
}
