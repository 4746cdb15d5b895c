package apiclient

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// An error of the API's own (5xx with a code) may be about the very thing asked for, or
// about everything. Which it is, is told by a witness: something that was had before is
// asked for once more. Where that fails, too, it is an outage; where it is well, those
// that fail are broken by themselves, and their tries count.
//
// A witness is asked when four such errors came in a row, of more than one call, or
// before a call gives up, and nothing was well meanwhile.
const doubtsMost = circuitLimit / weightNetwork

// inquiryMost is how long calls are held back for what witnesses say.
const inquiryMost = time.Second

// doubts are errors of the API's own since a good answer.
type doubts struct {
	n       int
	since   time.Time
	first   *call
	several bool // of more than one call
}

func (d *doubts) add(cl *call) {
	if d.n++; d.n == 1 {
		d.since, d.first = cl.started, cl.self
	}
	d.several = d.several || d.first != cl.self
}

func (d *doubts) enough() bool { return d.n >= doubtsMost && d.several }

// witness is a request that went well. It is sent again for its status only.
type witness struct {
	req                    *http.Request
	op, contract, document string
}

func newWitness(cl *call, req *http.Request) *witness {
	req = req.Clone(context.Background())
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Range"} {
		req.Header.Del(name)
	}
	if cl.op == opFile {
		req.Header.Set("Range", "bytes=0-0")
	}
	if q := req.URL.Query(); q.Has("limit") {
		q.Set("limit", "1")
		req.URL.RawQuery = q.Encode()
	}
	return &witness{req: req, op: cl.op, contract: cl.contract, document: cl.document}
}

func (w *witness) call() *call {
	return &call{op: w.op, contract: w.contract, document: w.document, witness: true}
}

// witnessOps are the operations in the order in which they are asked for the API as a
// whole: what costs least comes first.
func witnessOps() []string { return []string{opContracts, opContract, opDocuments, opFile} }

// remember keeps what went well.
func (b *breaker) remember(cl *call, req *http.Request) {
	if cl.op == opToken {
		return
	}
	w := newWitness(cl, req)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.operation(cl).witness, b.api.witness, b.witnesses[cl.op] = w, w, w
}

// nearest is the witness for the circuit of an operation: of its contract, or else of
// another one, or else any. The mutex is held.
func (b *breaker) nearest(c *circuit) *witness {
	switch {
	case c.witness != nil:
		return c.witness
	case b.witnesses[c.op] != nil:
		return b.witnesses[c.op]
	}
	return b.farthest(c.op)
}

// farthest is the witness for the API as a whole, of another operation. The mutex is held.
func (b *breaker) farthest(op string) *witness {
	for _, other := range witnessOps() {
		if w := b.witnesses[other]; other != op && w != nil {
			return w
		}
	}
	return nil
}

// testimony is the witness that is the next probe of a circuit: the one before was of a
// call that may be about something broken by itself. The mutex is held.
func (b *breaker) testimony(cl *call) (*witness, *circuit) {
	for _, p := range b.of(cl) {
		c := p.circuit
		if !c.open || !c.testify {
			continue
		}
		c.testify = false
		if c.service {
			return b.farthest(""), c
		}
		return b.nearest(c), c
	}
	return nil, nil
}

// admitWitness lets a witness pass as a probe of a circuit, be it of that or another
// contract. The mutex is held.
func (b *breaker) admitWitness(w *witness, about *circuit, now time.Time) *call {
	cl := w.call()
	t := b.admit(cl, now)
	if !slices.ContainsFunc(t.passes, func(p pass) bool { return p.circuit == about }) {
		about.probe(now)
		t.passes = append([]pass{{circuit: about, epoch: about.epoch, probe: true}}, t.passes...)
	}
	t.probe, cl.ticket = true, t
	return cl
}

// doubt notes an error of the API's own. The mutex is held.
func (b *breaker) doubt(p *pass, cl *call) {
	c := p.circuit
	switch {
	case cl.witness || p.epoch != c.epoch:
	case !c.open:
		c.doubts.add(cl)
	case c.service || c.vouched:
		c.testify = true
	}
}

// inquiry is a question to witnesses on its way.
type inquiry struct {
	about *circuit // of an operation
	error *Error   // that raised it
	done  chan struct{}
	until time.Time // others are held back; zero: they are not
}

// holding is the inquiry that holds a call back, nil if none does. The mutex is held.
func (b *breaker) holding(cl *call, now time.Time) *inquiry {
	if q := b.inquiry; q != nil && !cl.witness && cl.op != opToken && now.Before(q.until) {
		return q
	}
	return nil
}

// inquire says what is known of the error of a call: nil if that is all. Else it is to
// wait for an inquiry, and to make it if it is its own.
func (b *breaker) inquire(cl *call, e *Error) (q *inquiry, own bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.operation(cl)
	switch {
	case b.api.open || c.open && c.vouched:
		e.outage, e.general = true, true
		return nil, false
	case c.goodAt.After(cl.started) || c.cleared.After(cl.started):
		return nil, false
	case !cl.last && !c.doubts.enough() && !b.api.doubts.enough():
		return nil, false
	case b.inquiry != nil:
		return b.inquiry, false
	case b.nearest(c) == nil:
		return nil, false
	}
	b.inquiry = &inquiry{about: c, error: e, done: make(chan struct{})}
	if b.api.doubts.enough() {
		b.inquiry.until = time.Now().Add(inquiryMost)
	}
	return b.inquiry, true
}

// learn takes over what an inquiry has found out.
func (b *breaker) learn(cl *call, e *Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.operation(cl); b.api.open || c.open && c.vouched {
		e.outage, e.general = true, true
	}
}

// conclude ends an inquiry: the near witness of an operation was well, or failed, and
// then the far one of the API.
func (b *breaker) conclude(q *inquiry, near, far bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, c := time.Now(), q.about
	b.inquiry = nil
	close(q.done)
	switch {
	case b.life.Err() != nil || b.api.open:
	case near:
		c.cleared, c.doubts, b.api.doubts = now, doubts{}, doubts{}
	case far:
		c.vouched = true
		b.openVouched(c, q.error, now)
	default:
		b.openVouched(b.api, q.error, now)
	}
}

// openVouched opens a circuit, since witnesses of it failed. The mutex is held.
func (b *breaker) openVouched(c *circuit, e *Error, now time.Time) {
	if c.open {
		return
	}
	since := c.doubts.since
	if c.doubts.n == 0 {
		since = now
	}
	c.opens(now, since, e)
	c.kind, c.doubts = ErrServer, doubts{}
	c.delay(now, e)
	b.warn(c)
}

// doubt finds out whether an error of the API's own is about more than what was asked
// for: then the call waits for the API like any other.
func (d *door) doubt(ctx context.Context, cl *call, e *Error) {
	timer := time.NewTimer(probeMoment)
	defer timer.Stop()
	for range maxTries {
		q, own := d.breaker.inquire(cl, e)
		if q == nil || own && !d.breaker.start(func() { d.ask(q) }) {
			return
		}
		select {
		case <-q.done:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
		if own {
			d.breaker.learn(cl, e)
			return
		}
	}
}

// ask makes an inquiry: of what is nearest, and if that fails and is of the same
// operation, of the API as a whole.
func (d *door) ask(q *inquiry) {
	b := d.breaker
	b.mu.Lock()
	near, far := b.nearest(q.about), b.farthest(q.about.op)
	b.mu.Unlock()
	well := d.well(near)
	d.breaker.conclude(q, well, !well && far != nil && near.op == q.about.op && d.well(far))
}

// well reports whether a witness is.
func (d *door) well(w *witness) bool {
	cl := w.call()
	d.breaker.mu.Lock()
	cl.ticket = d.breaker.admit(cl, time.Now())
	d.breaker.mu.Unlock()
	return d.hear(w, cl)
}

// hear sends a witness, and reports whether it is well: whatever is no failure of the
// API as a whole will do, since what was there before may have gone.
func (d *door) hear(w *witness, cl *call) bool {
	resp, err := d.next.RoundTrip(w.req.Clone(withCall(d.breaker.life, cl)))
	d.breaker.ended(cl.ticket)
	if err == nil {
		resp.Body.Close()
		return true
	}
	var e *Error
	return errors.As(err, &e) && e.Status != 0 && !e.is(ErrServer) && !e.is(ErrTimeout)
}

// warn tells that a circuit has opened.
func (b *breaker) warn(c *circuit) {
	b.log.Warn("API out of reach, it is asked rarely until it answers",
		c.attrs("since", c.since, "next_try_seconds", time.Until(c.next).Seconds(), "error", c.lastText)...)
}
