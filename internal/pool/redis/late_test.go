package redis

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"ccsfs/internal/pool"
)

// A lease that is given to somebody who has gone is given back: else all would wait until it
// runs out.
func TestWhatComesTooLate(t *testing.T) {
	server := miniredis.RunT(t)
	address, err := ParseAddress("redis://" + server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(Config{Address: address, Account: "a"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	goOn, handed := make(chan struct{}), make(chan string, 1)
	_, err = call(ctx, c, func(ctx context.Context) (string, error) {
		leave()
		<-goOn
		return "value", ctx.Err()
	}, func(value string) { handed <- value })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(goOn)
	if got := <-handed; got != "value" {
		t.Errorf("%q", got)
	}
	ctx, leave = context.WithCancel(t.Context())
	leave()
	c.giveBack(ctx, "n", "h", "other", 100) // nothing was given
	by, err := c.Acquire(t.Context(), "n", "h", keep)
	if err != nil || by != "h" {
		t.Fatalf("%q (%v)", by, err)
	}
	c.giveBack(ctx, "n", "h", by, 100)
	if server.Exists("ccsfs:{a}:lease") {
		t.Error("it is not given back")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Who was not answered in time asks again, as the same holder: what comes of the first call then,
// be it done before the second or after it, takes nothing from it.
func TestALateAnswerTakesNothingBack(t *testing.T) {
	for _, first := range []bool{true, false} {
		server := miniredis.RunT(t)
		w := wayTo(t, server.Addr())
		hasty := opened(t, w.at, patience{call: 50 * time.Millisecond, dial: time.Minute, io: time.Minute})
		again := opened(t, server.Addr(), patience{call: time.Minute, dial: time.Minute, io: time.Minute})
		for _, err := hasty.Acquire(t.Context(), "other", "h", keep); err != nil; { // it knows the script, and has a connection
			_, err = hasty.Acquire(t.Context(), "other", "h", keep)
		}
		goOn := w.hold(first)
		t.Cleanup(goOn)
		if _, err := hasty.Acquire(t.Context(), "n", "h", keep); !errors.Is(err, pool.ErrAway) {
			t.Fatal(err)
		}
		if first {
			<-w.back
		}
		again.marks.Store(hasty.marks.Load()) // as if it were the same
		if by, err := again.Acquire(t.Context(), "n", "h", keep); err != nil || by != "h" {
			t.Fatal(by, err)
		}
		goOn()
		if err := hasty.room.Acquire(t.Context(), poolSize); err != nil { // what it asked for has come to its end
			t.Fatal(err)
		}
		hasty.room.Release(poolSize)
		if all, err := again.Leases(t.Context()); err != nil || all["n"] != "h" {
			t.Errorf("done first %t: %v, %v", first, all, err)
		}
		if held, err := again.Renew(t.Context(), "n", "h", keep); err != nil || !held {
			t.Errorf("done first %t: it is lost: %v", first, err)
		}
		if err := again.Release(t.Context(), "n", "h"); err != nil {
			t.Error(err)
		}
		if by, err := again.Acquire(t.Context(), "n", "other", keep); err != nil || by != "other" {
			t.Errorf("done first %t: it is not given back: %s, %v", first, by, err)
		}
	}
}

func opened(t *testing.T, at string, p patience) *Coordinator {
	t.Helper()
	address, err := ParseAddress("redis://" + at)
	if err != nil {
		t.Fatal(err)
	}
	c, err := open(Config{Address: address, Account: "a"}, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// way is a way to a server that may be held up.
type way struct {
	at   string
	back chan struct{} // something is held that the server said

	mu        sync.Mutex
	to, there chan struct{} // what goes to the server waits for, and what comes from there
}

// hold has what the server says wait until it goes on, and what it is told, too, unless it is to
// be done before.
func (w *way) hold(done bool) (goOn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gate := make(chan struct{})
	w.there = gate
	if !done {
		w.to = gate
	}
	return sync.OnceFunc(func() { close(gate) })
}

func wayTo(t *testing.T, server string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{at: l.Addr().String(), back: make(chan struct{}, 100)}
	pass := func(from, to net.Conn, gate *chan struct{}) {
		defer to.Close()
		p := make([]byte, 64<<10)
		for {
			n, err := from.Read(p)
			if err != nil {
				return
			}
			w.mu.Lock()
			until := *gate
			w.mu.Unlock()
			if until != nil {
				if gate == &w.there {
					w.back <- struct{}{}
				}
				<-until
			}
			if _, err := to.Write(p[:n]); err != nil {
				return
			}
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			all.Go(func() { pass(near, far, &w.to) })
			all.Go(func() { pass(far, near, &w.there) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait() // the coordinators were closed before
	})
	return w
}
