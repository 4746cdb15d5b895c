package server

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is that of the server, as its files hold it now: it is renewed while the
// server goes on. One that cannot be read is not taken, and the one before stays; that is
// told, for it ends one day.
type certificate struct {
	cert, key string
	logger    *slog.Logger

	mu     sync.Mutex
	looked time.Time
	at     [2]time.Time // the files were written
	failed [2]time.Time // the files were written that cannot be used, and it was told
	now    *tls.Certificate
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = 10 * time.Second

func newCertificate(cert, key string, logger *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, logger: logger}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.read()
}

// read reads the files. c.mu is held.
func (c *certificate) read() error {
	at := c.written()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.now, c.at, c.looked = &pair, at, time.Now()
	return nil
}

func (c *certificate) written() (at [2]time.Time) {
	for i, path := range [...]string{c.cert, c.key} {
		if info, err := os.Stat(path); err == nil {
			at[i] = info.ModTime()
		}
	}
	return at
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renew()
	return c.now, nil
}

// renew reads the files again if it is time, and they have changed. c.mu is held.
func (c *certificate) renew() {
	if time.Since(c.looked) <= lookEvery {
		return
	}
	c.looked = time.Now()
	at := c.written()
	if at == c.at {
		return
	}
	err := c.read()
	switch {
	case err == nil:
		c.logger.Info("the certificate was renewed", "ends", c.leaf().NotAfter)
	case at != c.failed:
		c.failed = at
		c.logger.Warn("the certificate was changed, and cannot be used; the one before stays", "ends", c.leaf().NotAfter, "error", err)
	}
}

// leaf is the certificate of the server itself. c.mu is held.
func (c *certificate) leaf() *x509.Certificate {
	if c.now.Leaf != nil {
		return c.now.Leaf
	}
	leaf, err := x509.ParseCertificate(c.now.Certificate[0])
	if err != nil {
		return &x509.Certificate{} // it was parsed before
	}
	return leaf
}

// names are those that the certificate is for.
func (c *certificate) names() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renew()
	leaf := c.leaf()
	names = append(names, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
