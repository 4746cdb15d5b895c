package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/osfile"
)

// Where a server listens, and what it is called there.

// place is where a server is.
type place struct {
	address  string // of the page: http://127.0.0.1:8427/
	loopback bool
	unix     bool
	tls      *tls.Config // nil: none
	names    func() []string
}

// drive is the address of the network drive, "" of a server that others reach by a proxy.
func (p place) drive() string {
	if p.unix {
		return ""
	}
	return p.address + strings.TrimPrefix(davPrefix, "/") + "/"
}

// hosts are the names that the server is called by, besides those of its certificate.
func (p place) hosts(named []string) []string {
	all := append([]string(nil), named...)
	if at, ok := strings.CutPrefix(p.address, "https://"); ok {
		if host, _, err := net.SplitHostPort(strings.TrimSuffix(at, "/")); err == nil {
			all = append(all, host)
		}
	}
	return all
}

// listen takes the socket. What others can reach has to have TLS.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	set := s.settings.Serve
	if (set.Certificate == "") != (set.Key == "") {
		return nil, exitcode.Errorf(exitcode.Settings, "--tls-cert and --tls-key go together")
	}
	if set.Certificate != "" {
		c, err := newCertificate(set.Certificate, set.Key, s.logger)
		if err != nil {
			return nil, exitcode.Errorf(exitcode.Settings, "the certificate cannot be used: %w", err)
		}
		s.place.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
		s.place.names = c.names
	}
	if path, ok := strings.CutPrefix(set.Listen, "unix:"); ok {
		return s.listenUnix(ctx, path)
	}
	host, _, err := net.SplitHostPort(set.Listen)
	if err != nil {
		return nil, exitcode.With(exitcode.Settings, err)
	}
	s.place.loopback = isLoopback(ctx, host)
	if !s.place.loopback && s.place.tls == nil {
		return nil, exitcode.Errorf(exitcode.Settings, "other machines can reach %s, and passwords and documents would be readable on the way\n"+
			"  Name a certificate with --tls-cert and --tls-key, or listen at 127.0.0.1 behind a proxy that has one.", set.Listen)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", set.Listen)
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Settings, "cannot serve at %s: %w\n  Choose another address with --listen, port 0 for any free one.", set.Listen, err)
	}
	scheme := "http://"
	if s.place.tls != nil {
		scheme = "https://"
	}
	s.place.address = scheme + l.Addr().String() + "/"
	hosts := s.place.hosts(set.Hosts)
	if s.place.names != nil {
		hosts = slices.Concat(set.Hosts, s.place.names(), hosts)
	}
	for _, name := range hosts {
		if s.place.tls == nil || strings.HasPrefix(name, "*.") {
			continue
		}
		_, port, _ := net.SplitHostPort(l.Addr().String()) // it has one
		s.place.address = scheme + net.JoinHostPort(name, port) + "/"
		break
	}
	return l, nil
}

func (s *Server) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	s.place.unix, s.place.address = true, "unix:"+path
	s.place.loopback = true
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			_ = c.Close()
			return nil, exitcode.Errorf(exitcode.Settings, "somebody serves at %s already", path)
		case !osfile.IsRefused(err): // somebody has too much to do to answer, or is not ours to ask
			return nil, exitcode.Errorf(exitcode.Settings, "somebody may serve at %s already: %w", path, err)
		}
		os.Remove(path) // a dead process left it
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err == nil {
		err = os.Chmod(path, 0o660)
	}
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Settings, "cannot serve at %s: %w", path, err)
	}
	return l, nil
}

// isLoopback reports whether only this machine can reach a host.
func isLoopback(ctx context.Context, host string) bool {
	if at, err := netip.ParseAddr(host); err == nil {
		return at.IsLoopback()
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(all) == 0 {
		return false
	}
	for _, at := range all {
		if !at.Unmap().IsLoopback() {
			return false
		}
	}
	return true
}
