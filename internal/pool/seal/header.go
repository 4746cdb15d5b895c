package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// An object is three lines and the bytes:
//
//	ccsfs-object 1
//	{"key":"…","account":"…","name":"…","size":…,"sha256":"…","meta":"…"}
//	HMAC-SHA256 of the above, in hexadecimal
//
// meta is base64. Encrypted, all of it is one file of age; see [Key.Encrypted].

// What is wrong with an object or a locked secret. Other errors are of whatever it is read from.
var (
	// ErrDamaged: it was not sealed by a member, or was changed or cut since, or belongs
	// elsewhere.
	ErrDamaged = errors.New("damaged")
	// ErrOtherKey: it was sealed with another key than this one.
	ErrOtherKey = errors.New("sealed with another pool key")
	// ErrVersion: it was sealed by a version of ccsfs that writes another form.
	ErrVersion = errors.New("sealed by another version of ccsfs")
)

const (
	magic     = "ccsfs-object "
	firstLine = magic + "1\n"
	// infoHeader begins what the MAC of a header is of.
	infoHeader = "ccsfs-object 1: header"

	// MetaMost bounds what is kept with an object besides its bytes, in bytes.
	MetaMost = 64 << 10
	// nameMost bounds a name and an account, in bytes.
	nameMost = 1 << 10
	// lineMost bounds the line of JSON, in bytes: meta in base64, and names in which each byte
	// is written as \u00xx.
	lineMost = MetaMost/3*4 + 2*6*nameMost + 1<<10
)

// header is the second line of an object.
type header struct {
	Key     string `json:"key"`
	Account string `json:"account"`
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Meta    []byte `json:"meta,omitempty"`
}

// Seal makes the header of an object: that an account has size bytes with this SHA-256, as 64
// lower-case hexadecimal digits, under a name, and meta, at most [MetaMost] bytes. The bytes
// follow it; [Key.Plain] and [Key.Encrypted] put the two together.
func (k *Key) Seal(account, name string, meta []byte, size int64, sha256hex string) ([]byte, error) {
	switch {
	case len(account) > nameMost || len(name) > nameMost:
		return nil, fmt.Errorf("a name of more than %d bytes cannot be sealed", nameMost)
	case len(meta) > MetaMost:
		return nil, fmt.Errorf("%d bytes about an object cannot be sealed; %d can", len(meta), MetaMost)
	case size < 0:
		return nil, fmt.Errorf("a size of %d bytes cannot be sealed", size)
	case !isSum(sha256hex):
		return nil, errors.New("what cannot be a SHA-256 cannot be sealed")
	}
	line, err := json.Marshal(header{k.secret.id, account, name, size, sha256hex, meta})
	if err != nil {
		return nil, fmt.Errorf("write the header of an object: %w", err)
	}
	var b bytes.Buffer
	b.Grow(len(firstLine) + len(line) + 1 + 2*sha256.Size + 1)
	b.WriteString(firstLine)
	b.Write(line)
	b.WriteByte('\n')
	b.WriteString(k.mac(account, name, line))
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// mac is what proves a header. The line is taken as it is written, so that there is one text
// of it alone; account and name are those that somebody asks for, whatever the line tells.
func (k *Key) mac(account, name string, line []byte) string {
	h := hmac.New(sha256.New, k.secret.mac)
	for _, part := range [][]byte{[]byte(infoHeader), []byte(account), []byte(name), line} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// isSum tells whether s is a SHA-256 as it is written here.
func isSum(s string) bool {
	p, err := hex.DecodeString(s)
	return err == nil && len(p) == sha256.Size && hex.EncodeToString(p) == s
}
