package seal

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"filippo.io/age"
)

// Opened is an object whose header was verified.
type Opened struct {
	Meta   []byte
	Size   int64  // of Body, in bytes
	SHA256 string // of Body, as 64 lower-case hexadecimal digits
	// Encrypted tells how it lay in the store.
	Encrypted bool
	// Body is the bytes. Its end is io.EOF only if they are all there, and are those that were
	// sealed: else, and where more follow, it is an error that Is [ErrDamaged]. Whatever is
	// read before the end is not proven yet.
	Body io.Reader
}

const (
	ageMagic     = "age-encryption.org/"
	ageFirstLine = ageMagic + "v1\n"
	// ageHeaderMost bounds what age reads before it knows whether a file is for this key, in
	// bytes, with what it reads ahead. The header of one recipient has 168.
	ageHeaderMost = 16 << 10
)

// Open reads the header of an object of size bytes that somebody asked for by account and name,
// encrypted or not. Nothing is given out that a member did not seal for just these. The error
// Is [ErrDamaged], [ErrOtherKey] or [ErrVersion], or one of r.
func (k *Key) Open(account, name string, r io.Reader, size int64) (*Opened, error) {
	src := &source{r: r}
	from := bufio.NewReader(src)
	first, err := from.Peek(len(ageMagic))
	if err != nil && len(first) < len(magic) {
		return nil, src.because("it is too short")
	}
	if string(first) != ageMagic {
		return k.open(account, name, from, src, size)
	}
	if line, err := from.Peek(len(ageFirstLine)); err == nil && string(line) != ageFirstLine {
		return nil, fmt.Errorf("%w: another version of age", ErrVersion)
	}
	bound := &bounded{r: from, left: ageHeaderMost}
	plain, err := age.Decrypt(bound, k.secret.identity)
	if err != nil {
		var none *age.NoIdentityMatchError
		if src.err == nil && errors.As(err, &none) {
			return nil, fmt.Errorf("%w: it is encrypted, and not for key %s", ErrOtherKey, k.secret.id)
		}
		return nil, src.because("it cannot be decrypted")
	}
	bound.left = -1
	o, err := k.open(account, name, bufio.NewReader(plain), src, -1)
	if err != nil {
		return nil, err
	}
	o.Encrypted = true
	return o, nil
}

// open reads the lines of a header. A size below 0 is not known.
func (k *Key) open(account, name string, r *bufio.Reader, src *source, size int64) (*Opened, error) {
	first, err := readLine(r, len(firstLine)+8)
	switch {
	case err != nil || !strings.HasPrefix(string(first), magic):
		return nil, src.because("it does not begin as an object of a pool does")
	case string(first)+"\n" != firstLine:
		return nil, fmt.Errorf("%w: a newer one, probably; update this machine", ErrVersion)
	}
	line, err := readLine(r, lineMost)
	if err != nil {
		return nil, src.because("its header is cut off or too long")
	}
	mac, err := readLine(r, 2*sha256.Size)
	if err != nil {
		return nil, src.because("its header is cut off or too long")
	}
	var h header
	parsed := json.Unmarshal(line, &h)
	if !hmac.Equal(mac, []byte(k.mac(account, name, line))) {
		return nil, k.unproven(h, account, name)
	}
	begin := int64(len(first) + len(line) + len(mac) + 3)
	switch {
	case parsed != nil || h.Size < 0 || !isSum(h.SHA256) || len(h.Meta) > MetaMost:
		return nil, fmt.Errorf("%w: its header says nothing that can be", ErrDamaged)
	case size >= 0 && size-begin != h.Size:
		return nil, fmt.Errorf("%w: it has %d bytes and should have %d", ErrDamaged, size-begin, h.Size)
	}
	return &Opened{Meta: h.Meta, Size: h.Size, SHA256: h.SHA256,
		Body: &body{r: r, src: src, left: h.Size, sum: sha256.New(), want: h.SHA256}}, nil
}

// unproven is why a header does not fit, as far as it tells itself.
func (k *Key) unproven(h header, account, name string) error {
	switch raw, err := hex.DecodeString(h.Key); {
	case err == nil && len(raw) == sizeID && h.Key != k.secret.id:
		return fmt.Errorf("%w: with %s, and this machine has %s", ErrOtherKey, h.Key, k.secret.id)
	case h.Account != account:
		return fmt.Errorf("%w: it is of another account", ErrDamaged)
	case h.Name != name:
		return fmt.Errorf("%w: it belongs under another name", ErrDamaged)
	}
	return fmt.Errorf("%w: its header was changed, or was not written by a member of the pool", ErrDamaged)
}

// readLine reads a line of at most n bytes, without its end.
func readLine(r *bufio.Reader, n int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil && len(line)-1 <= n:
			return line[:len(line)-1], nil
		case err == nil || len(line) > n:
			return nil, bufio.ErrTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// source remembers how its reader failed, for age and bufio tell that as their own error, or
// take it for an end.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// because is ErrDamaged with a reason, unless it is the source that failed.
func (s *source) because(reason string) error {
	if s.err != nil {
		return fmt.Errorf("read an object: %w", s.err)
	}
	return fmt.Errorf("%w: %s", ErrDamaged, reason)
}

// bounded reads at most left bytes; below 0 all.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return b.r.Read(p)
	}
	if b.left == 0 {
		return 0, bufio.ErrTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// body is the bytes of an object, which its end proves.
type body struct {
	r    io.Reader
	src  *source
	left int64
	sum  hash.Hash
	want string
	err  error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		b.err = b.finish()
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.sum.Write(p[:n])
	b.left -= int64(n)
	switch {
	case err == nil || b.left == 0: // finish tells what came instead of an end
	case b.src.err != nil:
		b.err = b.src.because("")
	case errors.Is(err, io.EOF):
		b.err = fmt.Errorf("%w: %d bytes are missing at its end", ErrDamaged, b.left)
	default: // of age: a chunk that does not fit
		b.err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if b.err == nil && b.left == 0 {
		b.err = b.finish()
	}
	return n, b.err
}

// finish is io.EOF if the bytes are those that were sealed, and no more follow.
func (b *body) finish() error {
	var more [1]byte
	n, err := io.ReadFull(b.r, more[:])
	switch {
	case n > 0:
		return fmt.Errorf("%w: more follows after its end", ErrDamaged)
	case b.src.err != nil:
		return b.src.because("")
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case hex.EncodeToString(b.sum.Sum(nil)) != b.want:
		return fmt.Errorf("%w: its bytes are not those that were put there", ErrDamaged)
	}
	return io.EOF
}
