package redis

import (
	"bytes"
	"errors"
	"strconv"
)

// Bounds of what is answered to one write, far above what is asked for: ten thousand members
// are twenty thousand parts.
const (
	answerBytes  = 64 << 20
	answerParts  = 1 << 20 // of all arrays together
	answerArrays = 1 << 10 // which may be one in another
	headMost     = 32      // bytes of a line that tells a length
)

// errLong is of an answer that is longer than any that is asked for.
var errLong = errors.New("redis: the answer is longer than may be")

// answer follows what a server answers (RESP 2,
// https://redis.io/docs/latest/develop/reference/protocol-spec): lines, and strings whose
// length a line told. What is no such thing the library finds itself.
type answer struct {
	bytes, parts, arrays int64
	skip                 int64  // bytes of a string that are still to come, with what ends it
	head                 []byte // the line that has begun, as much of it as tells a length
}

// follow takes the next bytes.
func (a *answer) follow(p []byte) error {
	if a.bytes += int64(len(p)); a.bytes > answerBytes {
		return errLong
	}
	for len(p) > 0 {
		if n := min(a.skip, int64(len(p))); n > 0 {
			a.skip -= n
			p = p[n:]
			continue
		}
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		a.head = append(a.head, line[:min(len(line), headMost-len(a.head))]...)
		if p = rest; !ended {
			return nil
		}
		if err := a.line(); err != nil {
			return err
		}
		a.head = a.head[:0]
	}
	return nil
}

// line takes the head of a line that is whole.
func (a *answer) line() error {
	if len(a.head) == 0 || (a.head[0] != '$' && a.head[0] != '*') {
		return nil
	}
	n, err := strconv.ParseInt(string(bytes.TrimSuffix(a.head[1:], []byte{'\r'})), 10, 64)
	if errors.Is(err, strconv.ErrRange) || len(a.head) == headMost {
		return errLong
	}
	if err != nil || n < 0 {
		return nil // of nothing, or no length at all
	}
	if a.head[0] == '$' {
		if n > answerBytes-a.bytes {
			return errLong
		}
		a.skip = n + int64(len("\r\n"))
		return nil
	}
	a.arrays++
	if n > answerParts-a.parts || a.arrays > answerArrays {
		return errLong
	}
	a.parts += n
	return nil
}
