// Package seal makes what leaves a machine for a shared store known again when it comes back:
// objects with a header that only members can write, bound to the account and the name that
// they are kept under, encrypted if that is wanted; and small secrets. It knows neither stores
// nor what the bytes are.
//
// The key of a pool is an X25519 identity of age (age-encryption.org/v1), in the form of a file
// that age-keygen writes. All members have the same one. Everything else is derived from it
// with HKDF-SHA256 (RFC 5869), whose input is the text of the identity, AGE-SECRET-KEY-1 and so
// on, without salt. Who has the key can read and write everything in the pool.
package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"filippo.io/age"
)

// Key is the key of a pool. Nothing that prints or logs shows more of it than its ID. Its
// methods may be called concurrently.
type Key struct {
	// A pointer, for fmt prints what lies in unexported fields without asking methods.
	secret *secret
}

type secret struct {
	identity *age.X25519Identity
	id       string
	mac      []byte // HMAC-SHA256, of headers
	lock     []byte // XChaCha20-Poly1305, of small secrets
}

// What is derived from the identity, and how much, in bytes.
const (
	infoID   = "ccsfs pool 1: key id"
	infoMAC  = "ccsfs pool 1: object header"
	infoLock = "ccsfs pool 1: lock"

	sizeID  = 4
	sizeKey = 32
)

// prefix begins an X25519 identity.
const prefix = "AGE-SECRET-KEY-1"

// textMost bounds a key file in bytes: one line of 74, and comments.
const textMost = 64 << 10

// Generate makes a new key, and the text of its file, which holds the secret: as age-keygen
// writes it, and a comment with the ID.
func Generate() (*Key, string, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", fmt.Errorf("make a pool key: %w", err)
	}
	k, err := derive(identity)
	if err != nil {
		return nil, "", err
	}
	text := fmt.Sprintf("# pool key %s of ccsfs: the same file on every machine, secret from everybody else\n"+
		"# public key: %s\n%s\n", k.ID(), identity.Recipient(), identity)
	return k, text, nil
}

// Parse reads the text of a key file: lines that are empty or begin with # are comments, and
// there is exactly one identity. No error shows any of the text.
func Parse(text string) (*Key, error) {
	if len(text) > textMost {
		return nil, fmt.Errorf("this is no pool key: it has more than %d bytes", textMost)
	}
	var identity *age.X25519Identity
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if identity != nil {
			return nil, fmt.Errorf("line %d: a second key; a pool has one", number)
		}
		var err error
		if identity, err = parseLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if identity == nil {
		return nil, fmt.Errorf("no pool key in it: a line that begins with %s is missing", prefix)
	}
	return derive(identity)
}

// parseLine reads an identity. The errors of age tell parts of what it read; these do not.
func parseLine(line string) (*age.X25519Identity, error) {
	switch {
	case strings.HasPrefix(line, "age-encryption.org/"), strings.HasPrefix(line, "-----BEGIN AGE"):
		return nil, errors.New("the pool key is encrypted; decrypt it first, with age -d")
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"), strings.HasPrefix(line, "AGE-PLUGIN-"):
		return nil, fmt.Errorf("a key of another kind; a pool key begins with %s", prefix)
	case strings.HasPrefix(line, "age1"):
		return nil, fmt.Errorf("a public key; the secret one, which begins with %s, is needed", prefix)
	case !strings.HasPrefix(line, prefix):
		return nil, fmt.Errorf("no pool key; one begins with %s", prefix)
	}
	identity, err := age.ParseX25519Identity(line)
	if err != nil {
		return nil, errors.New("a pool key with a mistake in it, or cut off: copy the file again")
	}
	return identity, nil
}

func derive(identity *age.X25519Identity) (*Key, error) {
	s := &secret{identity: identity}
	from := []byte(identity.String())
	id, err := hkdf.Key(sha256.New, from, nil, infoID, sizeID)
	if err == nil {
		s.mac, err = hkdf.Key(sha256.New, from, nil, infoMAC, sizeKey)
	}
	if err == nil {
		s.lock, err = hkdf.Key(sha256.New, from, nil, infoLock, sizeKey)
	}
	if err != nil {
		return nil, fmt.Errorf("derive from the pool key: %w", err)
	}
	s.id = hex.EncodeToString(id)
	return &Key{s}, nil
}

// ID tells keys apart, as 8 hexadecimal digits. It may be shown to anybody.
func (k Key) ID() string {
	if k.secret == nil {
		return "none"
	}
	return k.secret.id
}

// String implements fmt.Stringer: the ID alone.
func (k Key) String() string { return "pool key " + k.ID() }

// GoString implements fmt.GoStringer: the ID alone.
func (k Key) GoString() string { return k.String() }

// Format implements fmt.Formatter, for the verbs that pass String by: the ID alone.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue implements slog.LogValuer: the ID alone.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON: the ID alone.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
