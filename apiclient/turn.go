package apiclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// turnMoment is how long a turn is good for. With 20 a second, three at once, what is
// sent so late makes 24 requests in a second, of the 25 that the API allows.
const turnMoment = 50 * time.Millisecond

// turn is the right to send one request, now. A process can be stopped between the two,
// a machine can sleep, and a connection can take seconds to come about: then many
// would send at once, at a time of which the rate knows nothing. So who is late takes
// another one. The zero turn is none.
type turn struct {
	pacer *pacer
	taken time.Duration // when, by the pacer's clock
	good  bool          // it was given, and not used yet
}

// use uses the turn up, and reports whether it was one still.
func (t *turn) use() bool {
	good := t.good && t.pacer.clock()-t.taken <= turnMoment
	t.good = false
	return good
}

// renew waits for a turn that the call can use, and uses it, or returns the context's
// error, or that of a call that is turned back.
func (t *turn) renew(ctx context.Context, cl *call) error {
	for {
		stale := t.pacer.staleness(cl)
		next, err := t.pacer.wait(ctx, stale)
		if e := cl.refusedTurn(err); e != nil {
			return e
		}
		if err != nil {
			return err
		}
		if *t = next; t.use() {
			return nil
		}
		if stale != nil && stale() {
			return cl.turnBack()
		}
	}
}

// turnedBack reports that a request was not sent, since a circuit opened, or there was no
// turn to be had.
func turnedBack(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.again || e.away)
}

// deadline ends a context after a while during which nobody held it up.
type deadline struct {
	timer *time.Timer
	mu    sync.Mutex
	end   time.Time
}

func newDeadline(after time.Duration, expired func()) *deadline {
	return &deadline{timer: time.AfterFunc(after, expired), end: time.Now().Add(after)}
}

// without does what is no part of the time, and returns how long that took.
func (d *deadline) without(do func()) time.Duration {
	running := d.timer.Stop()
	before := time.Now()
	do()
	took := time.Since(before)
	d.mu.Lock()
	defer d.mu.Unlock()
	if running {
		d.end = d.end.Add(took)
		d.timer.Reset(time.Until(d.end))
	}
	return took
}

// again begins the time anew, unless it is over.
func (d *deadline) again(after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer.Stop() {
		d.end = time.Now().Add(after)
		d.timer.Reset(after)
	}
}

// patiently returns a context whose requests wait on while a gateway says that it is at work.
func patiently(ctx context.Context, cl *call, d *deadline, limit time.Duration) context.Context {
	if !cl.gateway {
		return ctx
	}
	signs := 0 // told one after the other
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error {
		if signs++; signs > gatewaySigns {
			return errors.New("a gateway says that it is at work, and answers nothing")
		}
		d.again(limit)
		return nil
	}})
}

// inTurn returns a context whose requests use the call's turn, or another one, when
// they have a connection: one that comes of a redirect, or is sent again by net/http,
// takes one of its own. What goes to another origin is none of the API's.
func inTurn(ctx context.Context, cancel context.CancelCauseFunc, cl *call, d *deadline) context.Context {
	if cl.turn.pacer == nil {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if cl.foreign || cl.turn.use() {
			return
		}
		var err error
		waited := d.without(func() { err = cl.turn.renew(ctx, cl) })
		cl.started = cl.started.Add(waited)
		if err != nil {
			cancel(err)
			abandon(info.Conn)
		}
	}})
}

// abandon keeps a request whose context has ended from being sent on the connection
// that it got: HTTP/1 looks at the context only after that. HTTP/2 looks before, and
// its connection is of others, too.
func abandon(conn net.Conn) {
	if c, ok := conn.(*tls.Conn); ok && c.ConnectionState().NegotiatedProtocol == "h2" {
		return
	}
	_ = conn.Close() // what comes of it is not of interest any more
}
