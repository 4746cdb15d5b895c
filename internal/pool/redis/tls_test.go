package redis_test

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/pooltest"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/redis/redistest"
)

// A server with TLS asks for a certificate of its clients, as Redis does if nobody says
// otherwise: by version 1.3 that is told after the connection is there, or it is reset.
func TestAServerThatAsksForACertificate(t *testing.T) {
	t.Parallel()
	cert, trusted := certificate(t, "127.0.0.1")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
			Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: version,
		})
		check(t, err)
		serveOn(t, l, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }) // agrees on TLS
		address, err := redis.ParseAddress("rediss://" + l.Addr().String())
		check(t, err)
		for call, err := range pooltest.EveryCall(t.Context(), openConfig(t, redis.Config{Address: address, Account: "a", RootCAs: trusted})) {
			if err == nil || !strings.Contains(err.Error(), "a certificate of ours; none is served: set there tls-auth-clients no") {
				t.Errorf("%s: %s: %v", tls.VersionName(version), call, err)
			}
		}
	}
}

// A server that speaks TLS that is too old says so.
func TestTLSThatIsTooOld(t *testing.T) {
	t.Parallel()
	cert, trusted := certificate(t, "127.0.0.1")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	check(t, err)
	serveOn(t, l, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })
	address, err := redis.ParseAddress("rediss://" + l.Addr().String())
	check(t, err)
	wantAll(t, openConfig(t, redis.Config{Address: address, Account: "a", RootCAs: trusted}), pool.ErrRefused, "refuses TLS as we speak it")
}

// Where one of both speaks TLS it is told which may be meant.
func TestTLSOfOneSideAlone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	cert, _ := certificate(t, "127.0.0.1")
	wantAll(t, openHasty(t, "rediss://"+server.Addr()), pool.ErrAway, "a server without TLS is silent")
	wantAll(t, openHasty(t, "redis://"+encrypted(t, server.Addr(), cert)), pool.ErrAway, "")
	hangsUp := listen(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<10)) })
	wantAll(t, open(t, "redis://"+hangsUp, "a"), pool.ErrAway, "wants TLS does so (rediss://)")
}

// Who signed the certificate of a server may be in a file of its own, whoever is trusted else.
func TestCAFile(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	cert, _ := certificate(t, "127.0.0.1")
	_, others := certificate(t, "elsewhere.invalid")
	dir := t.TempDir()
	right, none := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "none.pem")
	check(t, os.WriteFile(right, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600))
	check(t, os.WriteFile(none, []byte("nothing\n"), 0o600))
	url := "rediss://" + encrypted(t, server.Addr(), cert) + "?ca_file="
	address, err := redis.ParseAddress(url + right)
	check(t, err)
	for _, cfg := range []redis.Config{{Address: address, Account: "a"}, {Address: address, Account: "a", RootCAs: others}} {
		check(t, openConfig(t, cfg).Set(t.Context(), "k", []byte("v"), time.Minute))
	}
	for path, holds := range map[string]string{none: "no certificate", filepath.Join(dir, "missing"): "no such file"} {
		address, err := redis.ParseAddress(url + path)
		check(t, err)
		if _, err := redis.Open(redis.Config{Address: address, Account: "a"}); err == nil || !strings.Contains(err.Error(), holds) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := redis.ParseAddress("redis://host?ca_file=" + right); err == nil {
		t.Error("it is taken without TLS")
	}
}

// What is not served says what it is, and not what it does not let us do.
func TestCheckOfWhatIsNotServed(t *testing.T) {
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", "1")
	r, err := open(t, replica.URL(), "a").Check(t.Context())
	if err != nil || r.Role != "slave" {
		t.Errorf("a replica: %+v (%v)", r, err)
	}
	node := redistest.Start(t, "--cluster-enabled", "yes") // its cluster is down
	r, err = open(t, node.URL(), "a").Check(t.Context())
	if err != nil || !r.Cluster {
		t.Errorf("a node of a cluster: %+v (%v)", r, err)
	}
	sentinel := listen(t, saying(false, func(command []string) string {
		if strings.EqualFold(command[0], "info") {
			text := "redis_version:7.0.15\r\nredis_mode:sentinel\r\n"
			return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		}
		return "-ERR unknown command '" + command[0] + "', with args beginning with: \r\n"
	}))
	r, err = open(t, "redis://"+sentinel, "a").Check(t.Context())
	if err != nil || !r.Sentinel || len(r.Denied) > 0 {
		t.Errorf("a sentinel: %+v (%v)", r, err)
	}
}
