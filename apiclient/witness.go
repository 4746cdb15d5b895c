package apiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// An error of the API's own (5xx with a code, or what is no answer to what was asked,
// with a good status) may be about the very thing asked for, or
// about everything. Which it is, is told by a witness: something that was had before is
// asked for once more. Where that fails, too, it is an outage; where it is well, those
// that fail are broken by themselves, and their tries count.
//
// Where it fails, one of another contract tells whether the operation is out of order
// for all of them. An operation of which nothing was had yet has no witness of its own:
// there it is enough that four documents, or listings of two contracts, were asked for
// in vain, and nothing else, while another operation is well.
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

// witness is a request that went well. It is sent again for its
// status, and how it begins, only.
type witness struct {
	req                    *http.Request
	op, contract, document string
	judge                  func(Beginning) error // of a document; nil: the status is enough
	before                 *witness              // of another document, had earlier; nil: none
}

// is reports whether a call asks for the very document that the witness is of. (Calls of
// other operations do not say enough of what they ask for.)
func (w *witness) is(cl *call) bool {
	return w != nil && cl.op == opFile && w.op == opFile && w.contract == cl.contract && w.document == cl.document
}

func newWitness(cl *call, req *http.Request) *witness {
	req = req.Clone(context.Background())
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Range"} {
		req.Header.Del(name)
	}
	if cl.op == opFile {
		req.Header.Set("Range", "bytes=0-0")
		if cl.judge != nil {
			req.Header.Set("Range", fmt.Sprintf("bytes=0-%d", HeadLen-1))
		}
	}
	if q := req.URL.Query(); q.Has("limit") {
		q.Set("limit", "1")
		req.URL.RawQuery = q.Encode()
	}
	return &witness{req: req, op: cl.op, contract: cl.contract, document: cl.document, judge: cl.judge}
}

func (w *witness) call() *call {
	return &call{op: w.op, contract: w.contract, document: w.document, judge: w.judge, witness: true}
}

// witnessOps are the operations in the order in which they are asked for the API as a
// whole: what costs least comes first.
func witnessOps() []string { return []string{opContracts, opContract, opDocuments, opFile} }

// remember keeps what went well.
func (b *breaker) remember(cl *call, req *http.Request) {
	if cl.op == opToken || cl.empty { // an empty document tells of nothing
		return
	}
	w := newWitness(cl, req)
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.operation(cl)
	for _, last := range []*witness{c.witness, b.witnesses[cl.op]} {
		if last.is(cl) {
			last = last.before
		}
		if last != nil && w.before == nil {
			earlier := *last
			earlier.before, w.before = nil, &earlier
		}
	}
	c.witness, b.api.witness, b.witnesses[cl.op] = w, w, w
	delete(b.vain, cl.op)
}

// dismiss takes care that what a call asks for in vain is no witness in its own matter:
// it may have been had, and be broken by now. The mutex is held.
func (b *breaker) dismiss(cl *call) {
	c := b.operation(cl)
	if c.witness.is(cl) {
		if c.witness = c.witness.before; c.witness != nil && c.witness.contract != cl.contract {
			c.witness = nil
		}
	}
	if b.witnesses[cl.op].is(cl) {
		if b.witnesses[cl.op] = b.witnesses[cl.op].before; b.witnesses[cl.op] == nil {
			delete(b.witnesses, cl.op)
		}
	}
}

// vainListings is of how many contracts listings must have been asked for in vain: each
// is of several calls.
const vainListings = 2

// vain are the things that one operation was asked for in vain, up to doubtsMost.
type vain map[circuitKey]struct{}

// note notes that a call failed, if nothing of its operation was had yet. The detail of
// a contract is not worth waiting for. The mutex is held.
func (b *breaker) note(cl *call) {
	if b.witnesses[cl.op] != nil || cl.op != opDocuments && cl.op != opFile {
		return
	}
	v := b.vain[cl.op]
	if v == nil {
		v = vain{}
		b.vain[cl.op] = v
	}
	if len(v) < doubtsMost {
		v[circuitKey{cl.contract, cl.document}] = struct{}{}
	}
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

// neighbour is the witness of an operation on another contract: the latest that was
// well. The mutex is held.
func (b *breaker) neighbour(c *circuit) *witness {
	var best *circuit
	for _, other := range b.circuits {
		if other.op == c.op && other.contract != c.contract && other.witness != nil && (best == nil || other.goodAt.After(best.goodAt)) {
			best = other
		}
	}
	if best == nil {
		return nil
	}
	return best.witness
}

// general reports that an error of a call's operation is known to be about more than
// what it asks for. The mutex is held.
func (b *breaker) general(cl *call) bool {
	c, wide := b.operation(cl), b.wide(cl)
	return b.api.open || c.open && c.vouched || wide != nil && wide.open
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
		switch {
		case c.service:
			return b.farthest(""), c
		case c.wide && b.witnesses[c.op] == nil:
			return b.anyPeer(), c
		case c.wide:
			return b.witnesses[c.op], c
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
	case c.service || c.vouched || c.wide:
		c.testify = true
	}
}

// inquiry is a question to witnesses on its way.
type inquiry struct {
	about *circuit // of an operation
	error *Error   // that raised it
	peers func() []peer
	last  bool // its call gives up otherwise
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
	b.dismiss(cl)
	if !e.page || cl.op != opFile { // a kind of document may be a page for good
		b.note(cl)
	}
	switch {
	case cl.op == opToken: // which the witnesses need themselves
		return nil, false
	case b.general(cl):
		e.outage, e.general = true, true
		return nil, false
	case c.goodAt.After(cl.started) || c.cleared.After(cl.started):
		return nil, false
	case !cl.last && !e.once && !c.doubts.enough() && !b.api.doubts.enough():
		return nil, false
	case b.inquiry != nil:
		return b.inquiry, false
	case b.nearest(c) == nil && cl.peers == nil:
		return nil, false
	}
	b.inquiry = &inquiry{about: c, error: e, peers: cl.peers, last: cl.last && c.caution.losses(time.Now()) < lostEnough, done: make(chan struct{})}
	if b.api.doubts.enough() {
		b.inquiry.until = time.Now().Add(inquiryMost)
	}
	return b.inquiry, true
}

// learn takes over what an inquiry has found out.
func (b *breaker) learn(cl *call, e *Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.general(cl) {
		e.outage, e.general = true, true
	}
}

// finding is what witnesses say an error is about.
type finding int

const (
	aboutItself   finding = iota // the very thing that was asked for
	aboutContract                // the operation on this contract
	aboutAll                     // the operation, whatever the contract
	aboutAPI
)

// conclude ends an inquiry.
func (b *breaker) conclude(q *inquiry, found finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, c := time.Now(), q.about
	wide := b.circuits[circuitKey{op: c.op}]
	b.inquiry = nil
	close(q.done)
	switch {
	case b.life.Err() != nil || b.api.open:
	case found == aboutItself:
		c.cleared, c.doubts, b.api.doubts = now, doubts{}, doubts{}
		if c.witness != nil { // else a kind of documents that is broken for good closes it for the others
			c.score, c.first = 0, nil
		}
		if wide != nil {
			wide.doubts = doubts{}
		}
	case found == aboutContract:
		c.vouched = true
		b.openVouched(c, q.error, now)
	case found == aboutAll && wide != nil:
		wide.vouched = b.witnesses[c.op] != nil
		b.openVouched(wide, q.error, now)
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

// ask makes an inquiry.
func (d *door) ask(q *inquiry) { d.breaker.conclude(q, d.find(q)) }

// find asks what is nearest, and if that fails and is of the same operation, the API as
// a whole, and then the same operation on another contract.
func (d *door) find(q *inquiry) finding {
	b, about := d.breaker, q.about
	failed := 0
	if all := b.worthAsking(q); len(all) > 0 {
		var well bool
		if well, failed = d.findPeer(all); well {
			return aboutItself
		}
		b.refill()
	}
	b.mu.Lock()
	near, other, far := b.nearest(about), b.neighbour(about), b.farthest(about.op)
	b.mu.Unlock()
	if near == nil { // peers are all there is
		if failed >= peersEnough {
			return aboutAPI
		}
		return aboutItself
	}
	well, never := d.well(near), near.op != about.op
	switch {
	case well && never && (failed >= peersEnough || b.inVain(about.op)):
		return aboutAll
	case well:
		if !never && q.last {
			d.askAgain(near, about)
		}
		return aboutItself
	case never || far == nil || !d.well(far):
		return aboutAPI
	case near.contract != about.contract || other != nil && !d.well(other):
		return aboutAll
	}
	return aboutContract
}

// inVain reports that enough was asked for of an operation, and nothing was had.
func (b *breaker) inVain(op string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.vain[op])
	return n >= doubtsMost || op == opDocuments && n >= vainListings
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
		d.breaker.remember(cl, w.req)
		resp.Body.Close()
		return true
	}
	d.breaker.refill()
	var e *Error
	if errors.As(err, &e) && e.away { // it tells nothing
		return true
	}
	return errors.As(err, &e) && (e.settled || e.Status != 0 && !e.page && !e.is(ErrServer) && !e.is(ErrTimeout))
}

// warn tells that a circuit has opened.
func (b *breaker) warn(c *circuit) {
	b.log.Warn("API out of reach, it is asked rarely until it answers",
		c.attrs("since", c.since, "next_try_seconds", time.Until(c.next).Seconds(), "error", c.lastText)...)
}
