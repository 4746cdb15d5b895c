//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"
)

// TestServeTLS: it is known by the certificate in its file, and speaks HTTP/2 or not at all, so
// that nobody measures something else by mistake.
func TestServeTLS(t *testing.T) {
	b := &bench{options: options{dir: t.TempDir()}}
	defer b.close()
	a, err := b.serveTLS(account(1, 1, 10), 0)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := a.token(); err != nil || token == "" {
		t.Errorf("%q, %v", token, err)
	}
	pem, err := os.ReadFile(a.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(a.url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Error(res.Proto, res.Status)
	}
}
