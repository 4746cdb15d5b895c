package apiclient

import (
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// Failures of a process that has never reached the API, and those of calls that
// were not sent, are no news to other processes; that a call was waited for in vain
// is.
func TestPersonal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		fails := func(when string, personal bool) {
			t.Helper()
			_, err := c.Contracts(t.Context())
			if !errors.Is(err, ErrUnreachable) || Personal(err) != personal {
				t.Errorf("%s: personal %v, want %v: %v", when, Personal(err), personal, err)
			}
		}
		f.net.fail.Store(&down)
		fails("never reached", true)
		fails("never reached, again", true)
		f.net.fail.Store(nil)
		time.Sleep(time.Minute)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.sender.http.CloseIdleConnections()
		f.net.fail.Store(&down)
		fails("waited for", false)
		fails("not sent", true)
	})
}

// So is what answers in the place of a token endpoint that gave this process no token
// yet: others may have one.
func TestPagesForATokenArePersonal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.onToken(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>Access blocked") })
		for _, when := range []string{"asked", "known"} {
			if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrProtocol) || !Personal(err) {
				t.Errorf("%s: %v", when, err)
			}
		}
	})
}
