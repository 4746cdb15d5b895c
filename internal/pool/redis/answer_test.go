package redis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// served is a connection on which a text comes, in pieces.
type served struct {
	net.Conn
	text  io.Reader
	piece int // bytes
}

func (s served) Read(p []byte) (int, error)    { return s.text.Read(p[:min(len(p), s.piece)]) }
func (served) Write(p []byte) (int, error)     { return len(p), nil }
func (served) SetReadDeadline(time.Time) error { return nil }
func (served) Close() error                    { return nil }

// reply is what the library makes of a text.
func reply(text []byte, piece int) (any, error) {
	w := &wire{Conn: served{text: bytes.NewReader(text), piece: piece}}
	return redis.NewConn(w, 0, 0).Do("PING")
}

// What may be is read as it is, in whatever pieces it comes, and of what may not be nothing
// is made room for.
func TestAnswersAreBounded(t *testing.T) {
	for text, want := range map[string]string{
		"+OK\r\n":                                "OK",
		":-12\r\n":                               "-12",
		"$-1\r\n":                                "<nil>",
		"*-1\r\n":                                "<nil>",
		"$0\r\n\r\n":                             "[]",
		"$11\r\n*99999999\r\n\r\n":               fmt.Sprint([]byte("*99999999\r\n")),
		"*2\r\n$9\r\n$9999999\n\r\n*1\r\n:1\r\n": fmt.Sprint([]any{[]byte("$9999999\n"), []any{int64(1)}}),
		"*3\r\n:1\r\n*0\r\n-ERR $99999999999\r\n":         "[1 [] ERR $99999999999]",
		"+" + strings.Repeat("x", 5000) + "\r\n":          strings.Repeat("x", 5000),
		"$100000\r\n" + strings.Repeat("x", 1e5) + "\r\n": fmt.Sprint([]byte(strings.Repeat("x", 1e5))),
		strings.Repeat("*1\r\n", 1000) + ":1\r\n":         strings.Repeat("[", 1000) + "1" + strings.Repeat("]", 1000),
		"*1048576\r\n:1\r\n":                              "EOF",
		"$67000000\r\nx":                                  "unexpected EOF",
	} {
		for _, piece := range []int{1, 2, 3, 7, 4096, 1 << 20} {
			got, err := reply([]byte(text), piece)
			if shown := fmt.Sprint(got); shown != want && fmt.Sprint(err) != want {
				t.Errorf("%.40q in pieces of %d: %.40q (%v)", text, piece, shown, err)
			}
		}
	}
	for _, text := range []string{
		"*1048577\r\n",
		"*2147483647\r\n",
		"*9223372036854775807\r\n",
		"*99999999999999999999\r\n",
		"*18446744073709551617\r\n", // 1, where numbers have 64 bits
		"*" + strings.Repeat("9", 5000) + "\r\n",
		"*00000000000000000000000000000000000000000001\r\n",
		"$67108865\r\n",
		"$9223372036854775807\r\n",
		"$99999999999999999999\r\n",
		"*3\r\n*1000000\r\n*1000000\r\n",
		"*2\r\n$60000000\r\n" + strings.Repeat("x", 60_000_000) + "\r\n$60000000\r\n",
		strings.Repeat("*1\r\n", 3_000_000),
		"*2000\r\n" + strings.Repeat("*0\r\n", 2000),
		"+" + strings.Repeat("x", answerBytes),
	} {
		for _, piece := range []int{1, 4096, 1 << 20} {
			if piece == 1 && len(text) > 1e6 {
				continue // takes long
			}
			if _, err := reply([]byte(text), piece); !errors.Is(err, errLong) {
				t.Errorf("%.40q in pieces of %d: %v", text, piece, err)
			}
		}
	}
}

// Each answer is bounded by itself.
func TestManyAnswersOnOneConnection(t *testing.T) {
	const each = 1 << 20
	text := "$" + fmt.Sprint(each) + "\r\n" + strings.Repeat("x", each) + "\r\n"
	w := &wire{Conn: served{text: strings.NewReader(strings.Repeat(text, 2*answerBytes/each)), piece: 1 << 20}}
	conn := redis.NewConn(w, 0, 0)
	for i := range 2 * answerBytes / each {
		if got, err := redis.Bytes(conn.Do("PING")); err != nil || len(got) != each {
			t.Fatalf("answer %d: %d bytes (%v)", i, len(got), err)
		}
	}
}

// Whatever comes, nothing panics, and what is no answer is an error.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		"+OK\r\n", "$5\r\nhello\r\n", "*2\r\n:1\r\n$-1\r\n", "-ERR x\r\n", "*1\r\n*1\r\n*1\r\n:1\r\n", "$+1\r\nx\r\n",
		"*2147483647\r\n", "$99999999999999999999\r\n", "*-9\r\n", "$\r\n", "*3\n", "\r\n\r\n", "$1\r\n\n\r\n*9\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		f.Add([]byte(text), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		whole, wholeErr := reply(text, 1<<20)
		parts, partsErr := reply(text, max(piece, 1))
		if errors.Is(wholeErr, errLong) {
			return // it may be of what comes after the answer
		}
		if fmt.Sprint(whole, wholeErr) != fmt.Sprint(parts, partsErr) {
			t.Errorf("%v (%v), in pieces %v (%v)", whole, wholeErr, parts, partsErr)
		}
	})
}
