//go:build !windows

package main

import (
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
)

type supervisorKey struct{}

// supervisor is systemd's end of the notification socket.
type supervisor struct {
	mu   sync.Mutex
	told []string
}

// superviseCommand is `supervise`: programs find a notification socket as
// systemd gives them, with a watchdog of 300 ms.
func superviseCommand(ts *testscript.TestScript, neg bool, args []string) {
	path := filepath.Join(ts.Getenv("WORK"), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	s := ts.Value(supervisorKey{}).(*supervisor)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.told = append(s.told, string(buf[:n]))
			s.mu.Unlock()
		}
	}()
	ts.Defer(func() {
		_ = conn.Close()
		<-ended
	})
	ts.Setenv("NOTIFY_SOCKET", path)
	ts.Setenv("WATCHDOG_USEC", "300000")
}

// notifiedCommand is `notified REGEXP…`: waits until messages that match have
// come, in this order, and forgets what came up to the last of them.
func notifiedCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(supervisorKey{}).(*supervisor)
	for _, arg := range args {
		want := regexp.MustCompile(arg)
		for end := time.Now().Add(cmdtest.Patience); !s.found(want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				ts.Fatalf("not told %s, but %q", arg, s.told)
			}
		}
	}
}

func (s *supervisor) found(want *regexp.Regexp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.told, want.MatchString)
	s.told = s.told[i+1:]
	return i >= 0
}
