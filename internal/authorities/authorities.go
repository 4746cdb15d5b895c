// Package authorities reads who may sign the certificates of servers, from PEM files. Which
// files, and what servers they are for, is none of its business.
package authorities

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
)

// byteOrderMark begins texts of some programs on Windows. A block of PEM begins a line: the first
// of several would be passed over without a word.
const byteOrderMark = "\xef\xbb\xbf"

var errNone = errors.New("holds no certificate in PEM form")

// In are those in a file, and nobody else.
func In(file string) (*x509.CertPool, error) { return add(x509.NewCertPool(), file) }

// Beside are those in a file, and those of known, which stays as it is; nil: those that the
// system trusts.
func Beside(known *x509.CertPool, file string) (*x509.CertPool, error) {
	if known != nil {
		return add(known.Clone(), file)
	}
	system, err := x509.SystemCertPool()
	if err != nil { // there are none here
		system = x509.NewCertPool()
	}
	return add(system, file)
}

func add(to *x509.CertPool, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !to.AppendCertsFromPEM(bytes.TrimPrefix(pem, []byte(byteOrderMark))) {
		return nil, errNone
	}
	return to, nil
}
