package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// What is below the library: how a connection comes about, and what of it is not believed.

// link is a connection as the library has it, and what it goes by.
type link struct {
	redis.ConnWithContext
	wire *wire
}

// newPool makes a pool of connections to a server. How many there are is bounded by who
// takes them.
func newPool(o options, roots *x509.CertPool, p patience) *redis.Pool {
	dial := dialer(o, roots, p.dial)
	return &redis.Pool{
		DialContext:     func(ctx context.Context) (redis.Conn, error) { return connect(ctx, o, dial, p) },
		TestOnBorrow:    stillThere,
		MaxIdle:         o.poolSize,
		IdleTimeout:     o.idle,
		MaxConnLifetime: o.lifetime,
	}
}

// dialing dials, and agrees on TLS.
type dialing func(ctx context.Context, network, address string) (*wire, error)

// dialer returns what dials until its context ends or the time is over.
func dialer(o options, roots *x509.CertPool, timeout time.Duration) dialing {
	plain := &net.Dialer{Timeout: timeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	return func(ctx context.Context, network, address string) (*wire, error) {
		w := &wire{}
		var err error
		if !o.tls {
			w.Conn, err = plain.DialContext(ctx, network, address)
			return w, err
		}
		config := &tls.Config{ServerName: o.host, MinVersion: tls.VersionTLS12, RootCAs: roots,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				w.asked = true
				return &tls.Certificate{}, nil // none
			}}
		w.Conn, err = (&tls.Dialer{NetDialer: plain, Config: config}).DialContext(ctx, network, address)
		return w, w.unheard(err)
	}
}

// connect makes a connection that is greeted: as whom, and which database.
func connect(ctx context.Context, o options, dial dialing, p patience) (redis.Conn, error) {
	var w *wire
	conn, err := redis.DialContext(ctx, o.network, o.where,
		redis.DialContextFunc(func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			if w, err = dial(ctx, network, address); err != nil {
				return nil, err
			}
			return w, nil
		}),
		redis.DialReadTimeout(p.io), redis.DialWriteTimeout(p.io),
		redis.DialUsername(o.user), redis.DialPassword(o.password),
		redis.DialClientName(o.clientName), redis.DialDatabase(o.database))
	if err != nil {
		return nil, err
	}
	withContext, ok := conn.(redis.ConnWithContext)
	if !ok {
		return nil, errors.Join(errors.New("redis: the connections of the library take no contexts"), conn.Close())
	}
	return &link{ConnWithContext: withContext, wire: w}, nil
}

// stillThere tells what is the matter with a connection that was not used for a while, so
// that a server that was started again is not away for those that have connections.
func stillThere(conn redis.Conn, _ time.Time) error {
	l, ok := conn.(*link)
	if !ok {
		return nil
	}
	return l.wire.quiet()
}

// wire is what a connection goes by. It fails where an answer is longer than any of ours:
// the library makes room for as much as a server says that is to come.
type wire struct {
	net.Conn
	answer answer
	asked  bool // for a certificate of ours
	heard  bool // it has answered something
}

// unheardError is of a connection that ended before anything was answered.
type unheardError struct {
	error
	asked bool // for a certificate of ours
}

func (e *unheardError) Unwrap() error { return e.error }

// unheard tells an error that may be of what kind of server it is from others.
func (w *wire) unheard(err error) error {
	var timeout net.Error
	if err == nil || w.heard || errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return &unheardError{err, w.asked}
}

// Write implements net.Conn. What is read after it is an answer of its own.
func (w *wire) Write(p []byte) (int, error) {
	w.answer = answer{head: w.answer.head[:0]}
	n, err := w.Conn.Write(p)
	return n, w.unheard(err)
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.heard = w.heard || n > 0
	if err := w.answer.follow(p[:n]); err != nil {
		return 0, err
	}
	return n, w.unheard(err)
}

// quiet tells whether the connection is open, and nothing came that was not asked for, as
// far as can be told without waiting.
func (w *wire) quiet() error {
	// A time-out that is over is of the last answer.
	if err := w.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	below := w.Conn
	if encrypted, ok := below.(*tls.Conn); ok {
		below = encrypted.NetConn()
	}
	socket, ok := below.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return quiet(raw)
}
