package server

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"time"
)

// certificate is that of the server, as its files hold it now: it is renewed while the
// server goes on. One that cannot be read is not taken, and the one before stays.
type certificate struct {
	cert, key string

	mu     sync.Mutex
	looked time.Time
	at     [2]time.Time // the files were written
	now    *tls.Certificate
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = 10 * time.Second

func newCertificate(cert, key string) (*certificate, error) {
	c := &certificate{cert: cert, key: key}
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
	if time.Since(c.looked) > lookEvery {
		c.looked = time.Now()
		if c.written() != c.at {
			_ = c.read() // the one before stays
		}
	}
	return c.now, nil
}

// names are those that the certificate is for.
func (c *certificate) names() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	leaf := c.now.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(c.now.Certificate[0]); err != nil {
			return nil
		}
	}
	names = append(names, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
