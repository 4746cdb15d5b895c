package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// A locked secret is a byte for the version, the ID of the key in 4, a nonce of 24, and the
// secret with a tag of 16 (XChaCha20-Poly1305). What comes before the nonce, account and name
// are its associated data.
const (
	lockVersion = 1
	lockPrefix  = 1 + sizeID
	infoLocked  = "ccsfs-lock"
)

// Lock encrypts something small, such as a token, for members of the pool alone, under the
// account and the name that it is kept for.
func (k *Key) Lock(account, name string, plain []byte) ([]byte, error) {
	aead, prefix, err := k.aead()
	if err != nil {
		return nil, err
	}
	p := make([]byte, lockPrefix+chacha20poly1305.NonceSizeX, lockPrefix+chacha20poly1305.NonceSizeX+len(plain)+aead.Overhead())
	copy(p, prefix)
	nonce := p[lockPrefix:]
	rand.Read(nonce) // never fails
	return aead.Seal(p, nonce, plain, associated(prefix, account, name)), nil
}

// Unlock gives what Lock was given for the same account and name. The error Is [ErrDamaged],
// [ErrOtherKey] or [ErrVersion].
func (k *Key) Unlock(account, name string, locked []byte) ([]byte, error) {
	aead, prefix, err := k.aead()
	if err != nil {
		return nil, err
	}
	switch {
	case len(locked) < lockPrefix+aead.NonceSize()+aead.Overhead():
		return nil, fmt.Errorf("%w: a locked secret that is too short", ErrDamaged)
	case locked[0] != lockVersion:
		return nil, fmt.Errorf("%w: a locked secret of version %d", ErrVersion, locked[0])
	case string(locked[:lockPrefix]) != string(prefix):
		return nil, fmt.Errorf("%w: with %x, and this machine has %s", ErrOtherKey, locked[1:lockPrefix], k.secret.id)
	}
	nonce, rest := locked[lockPrefix:][:aead.NonceSize()], locked[lockPrefix+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, rest, associated(prefix, account, name))
	if err != nil {
		return nil, fmt.Errorf("%w: a locked secret that was changed, or is of something else", ErrDamaged)
	}
	return plain, nil
}

func (k *Key) aead() (cipher.AEAD, []byte, error) {
	id, err := hex.DecodeString(k.secret.id)
	if err != nil {
		return nil, nil, err
	}
	aead, err := chacha20poly1305.NewX(k.secret.lock)
	if err != nil {
		return nil, nil, err
	}
	return aead, append([]byte{lockVersion}, id...), nil
}

// associated is what a locked secret is bound to.
func associated(prefix []byte, account, name string) []byte {
	var p []byte
	for _, part := range []string{infoLocked, string(prefix), account, name} {
		p = binary.BigEndian.AppendUint64(p, uint64(len(part)))
		p = append(p, part...)
	}
	return p
}
