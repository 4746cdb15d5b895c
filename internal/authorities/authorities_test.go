package authorities

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestAuthorities(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	cert, dir := server.Certificate(), t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	trusts := func(roots *x509.CertPool) bool {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	}
	none := x509.NewCertPool()
	for name, read := range map[string]func(string) (*x509.CertPool, error){
		"in":            In,
		"beside system": func(path string) (*x509.CertPool, error) { return Beside(nil, path) },
		"beside others": func(path string) (*x509.CertPool, error) { return Beside(none, path) },
	} {
		roots, err := read(good)
		if err != nil || !trusts(roots) {
			t.Errorf("%s: %v", name, err)
		}
		marked := append([]byte("\xef\xbb\xbf"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
		if roots, err := read(file("of Windows", bytes.ReplaceAll(marked, []byte("\n"), []byte("\r\n")))); err != nil || !trusts(roots) {
			t.Errorf("%s, of a file of Windows: %v", name, err)
		}
		if roots, err := read(file("empty", []byte("-----BEGIN CERTIFICATE-----\n"))); !errors.Is(err, errNone) || roots != nil {
			t.Errorf("%s, of a file without any: %v", name, err)
		}
		if roots, err := read(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) || roots != nil {
			t.Errorf("%s, of no file: %v", name, err)
		}
	}
	if trusts(none) {
		t.Error("those that were known before have been changed")
	}
}
