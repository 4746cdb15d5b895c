package apisim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Content opens the bytes of a document. The same version always gives the
// same bytes; [Server.Bump] asks for the next one.
type Content func(version int) (io.ReadSeeker, error)

// Bytes is a Content that is b whatever the version.
func Bytes(b []byte) Content {
	return func(int) (io.ReadSeeker, error) { return bytes.NewReader(b), nil }
}

// Pseudo is a Content of size pseudo-random bytes that are computed as they
// are read, so a document of any size costs no memory and can be read from
// any offset. Documents whose filename ends in .pdf, .xlsx or .csv begin and
// end as such a file does, and a .csv is of characters. Each seed and version gives other bytes.
func Pseudo(seed uint64, size int64, filename string) Content {
	head, tail := magic(filename)
	return func(version int) (io.ReadSeeker, error) {
		if size < 0 {
			return nil, fmt.Errorf("apisim: size of a document is %d", size)
		}
		return &pseudoReader{
			seed: mix(seed) + uint64(version)*0x632be59bd9b4e019,
			size: size, head: head, tail: tail, text: strings.EqualFold(path.Ext(filename), ".csv"),
		}, nil
	}
}

// magic returns how a file of that name begins and ends.
func magic(filename string) (head, tail string) {
	switch strings.ToLower(path.Ext(filename)) {
	case ".pdf":
		return "%PDF-1.4\n", "\n%%EOF\n"
	case ".xlsx":
		return "PK\x03\x04", "PK\x05\x06" + strings.Repeat("\x00", 18)
	case ".csv":
		return "Column;Value\n", "\n"
	}
	return "SIMULATED\x00", ""
}

// mix is the finaliser of splitmix64: a cheap hash of 64 bits, the same on
// every machine and in every Go version, which math/rand does not promise.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// pseudoReader computes word i of the content as mix(seed+i).
type pseudoReader struct {
	seed       uint64
	size, off  int64
	head, tail string
	text       bool // of letters, as below
}

// letters are what the bytes of a table are, 64 of them.
const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz;\n"

func (p *pseudoReader) Read(b []byte) (int, error) {
	if p.off >= p.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.size-p.off)]
	for n := 0; n < len(b); {
		at := p.off + int64(n)
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], mix(p.seed+uint64(at/8)))
		if at%8 == 0 && len(b)-n >= 8 {
			copy(b[n:], word[:])
			n += 8
			continue
		}
		n += copy(b[n:], word[at%8:])
	}
	if p.text {
		for i, c := range b {
			b[i] = letters[c%64]
		}
	}
	p.overlay(b)
	p.off += int64(len(b))
	return len(b), nil
}

// overlay puts the head and tail of the format over what lies in b.
func (p *pseudoReader) overlay(b []byte) {
	if p.off < int64(len(p.head)) {
		copy(b, p.head[p.off:])
	}
	start := p.size - int64(len(p.tail))
	if start < int64(len(p.head)) || p.off+int64(len(b)) <= start {
		return
	}
	if p.off <= start {
		copy(b[start-p.off:], p.tail)
		return
	}
	copy(b, p.tail[p.off-start:])
}

func (p *pseudoReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.off
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("apisim: seek before the first byte")
	}
	p.off = offset
	return offset, nil
}

// open gives the bytes and size of a document.
func (d *Document) open() (io.ReadSeeker, int64, error) {
	if d.Content == nil {
		return bytes.NewReader(nil), 0, nil
	}
	body, err := d.Content(d.Version)
	if err != nil {
		return nil, 0, fmt.Errorf("apisim: content of document %q: %w", d.ID, err)
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, fmt.Errorf("apisim: size of document %q: %w", d.ID, err)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, 0, fmt.Errorf("apisim: start of document %q: %w", d.ID, err)
	}
	return body, size, nil
}
