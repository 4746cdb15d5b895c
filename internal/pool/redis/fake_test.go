package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen serves connections until the end of the test.
func listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	serveOn(t, l, serve)
	return l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, serve func(net.Conn)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// saying is a server that answers each command with a text; HELLO, which is asked first,
// as a server that does not know it, where greet is set.
func saying(greet bool, answer func(command []string) string) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			command, err := readCommand(r)
			if err != nil {
				return
			}
			text := answer(command)
			if greet && strings.EqualFold(command[0], "hello") {
				text = "-ERR unknown command 'HELLO'\r\n"
			}
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	number := func(kind string) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if !strings.HasPrefix(line, kind) {
			return 0, fmt.Errorf("%q is no command", line)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number("*")
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%d parts (%w)", n, err)
	}
	command := make([]string, n)
	for i := range command {
		length, err := number("$")
		if err != nil {
			return nil, err
		}
		part := make([]byte, length+2)
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		command[i] = string(part[:length])
	}
	return command, nil
}

// proxy passes everything on to a server, late.
func proxy(t testing.TB, to string, late time.Duration) (addr string) {
	return listen(t, func(conn net.Conn) {
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, server)
		}()
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			time.Sleep(late)
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	})
}
