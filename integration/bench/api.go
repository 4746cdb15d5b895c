//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"ccsfs/apiclient/apisim"
)

// api is a simulated API of its own.
type api struct {
	*apisim.Server
	url    string
	ca     string // file with the certificate that it shows; "": it speaks plain HTTP/1.1
	client *http.Client
	delay  atomic.Int64 // nanoseconds before each answer, beside the latency
}

// ServeHTTP answers a call.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.ca != "" && r.ProtoMajor != 2 {
		http.Error(w, "HTTP/2 is what is measured, and not "+r.Proto, http.StatusHTTPVersionNotSupported)
		return
	}
	time.Sleep(time.Duration(a.delay.Load()))
	a.Server.ServeHTTP(w, r)
}

// serve begins one that speaks plain HTTP/1.1.
func (b *bench) serve(account *apisim.Account, latency time.Duration) (*api, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &api{Server: &apisim.Server{Account: account, Latency: latency}, url: "http://" + l.Addr().String(), client: http.DefaultClient}
	srv := &http.Server{Handler: a}
	go srv.Serve(l)
	b.undo = append(b.undo, func() { srv.Close() })
	return a, nil
}

// serveTLS begins one that speaks TLS and HTTP/2, and nothing else.
func (b *bench) serveTLS(account *apisim.Account, latency time.Duration) (*api, error) {
	cert, err := selfSigned()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &api{Server: &apisim.Server{Account: account, Latency: latency}, url: "https://" + l.Addr().String()}
	a.ca = filepath.Join(b.fresh("ca"), "ca.pem")
	if err := os.WriteFile(a.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	a.client = &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	srv := &http.Server{Handler: a, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	go srv.ServeTLS(l, "", "")
	b.undo = append(b.undo, func() { srv.Close() })
	return a, nil
}

// selfSigned is a certificate of 127.0.0.1 that vouches for itself, for a day.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "ccsfs bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// token gets an access token, for curl.
func (a *api) token() (string, error) {
	req, err := http.NewRequest(http.MethodPost, a.url+apisim.OAuthPath+"/token",
		strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(apisim.ClientID, apisim.ClientSecret)
	res, err := a.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var t struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&t); err != nil || t.AccessToken == "" {
		return "", errors.Join(errors.New("no token: "+res.Status), err)
	}
	return t.AccessToken, nil
}

// contract is the first one.
func (a *api) contract() apisim.Contract { return a.Snapshot().Contracts[0] }

// account is contracts with documents that are listed eagerly.
func account(contracts, documents int, size int64) *apisim.Account {
	acc := apisim.Synthetic(contracts, documents, size, ".bin")
	for i := range acc.Contracts {
		if c := &acc.Contracts[i]; c.Documents == nil && c.Generate != nil {
			c.Documents = c.Generate()
		}
	}
	return acc
}
