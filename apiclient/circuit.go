package apiclient

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// A circuit opens after four failures of the network, three time-outs or twelve
// 5xx answers in a row. For the API as a whole they must be of more than one call,
// unless no connection comes about at all: a document that breaks whoever reads it
// says nothing about the rest. For one operation on one contract four tries of one
// call are enough, since that harms little; and at the token endpoint, which is
// asked by one at a time.
const (
	circuitLimit  = 60
	weightNetwork = circuitLimit / 4
	weightTimeout = circuitLimit / 3
	weightServer  = circuitLimit / 12
)

// The API that answers "unavailable" or "over capacity" (503) says itself that it
// is not about the thing asked for. For the operation it counts like a failure of
// the network; for the API as a whole it counts once for each operation that
// meets it, until anything is well again.
const weightUnavailable = weightNetwork

// While a circuit is open, probes go at intervals of a tenth of the time that it
// has lasted: so it is noticed within about a tenth of an outage that it is over,
// be it of seconds or of hours, at hardly more than a probe a second.
const (
	probeFirst = time.Second / 2
	probeMost  = time.Minute

	// probeSilent is the least time until the next probe where the one before has
	// got no answer yet: it may have been sent to a server that is gone for good.
	probeSilent = 4 * time.Second
)

// circuit is what is known of one thing that may be out of order: the API, the
// token endpoint, or an operation, on one contract or on all of them. The breaker's
// mutex guards it.
type circuit struct {
	op, contract string   // of the log; contract is "" for the API and the token endpoint
	kind         error    // of rejections
	service      bool     // about the network and gateways, not about what the API answers
	wide         bool     // of an operation on all contracts: opened by witnesses only
	api          *circuit // itself, or that of the API

	answered bool // it worked, earlier in the life of this process
	epoch    int  // how often it has opened and closed
	open     bool
	score    int   // of failures in a row
	first    *call // whose failure was the first of them
	several  bool  // others failed too, or there is no connection at all
	since    time.Time
	changed  time.Time // when it opened or closed

	next     time.Time     // probe, when open
	started  time.Time     // the latest probe
	inFlight int           // probes
	line     []*call       // that wait, in the order they came: the first is the next probe
	changes  chan struct{} // closed when there is no use in waiting longer
	lastText string        // of the last failure

	era    context.Context // of the requests sent from when it last closed until it closes again; of services
	endEra context.CancelCauseFunc
	silent map[*call]time.Time // requests that have no answer yet, and when they were sent
	goodAt time.Time           // the latest good answer
	slow   time.Duration       // the longest that an answer took
	whole  bool                // a body came whole
	pause  time.Duration       // the longest that bytes of such a one took
	cuts   cuts                // of bodies, of an operation

	caution    caution           // with what fails and is well by turns
	doubts     doubts            // whether errors are about more than what was asked for
	cleared    time.Time         // when they last were not
	vouched    bool              // it opened, or stays so, since a witness of it failed; of operations
	testify    bool              // the next probe is a witness
	witness    *witness          // the latest good request
	peersAsked time.Time         // for want of one
	ops        map[*circuit]bool // that were answered "unavailable" since the latest good one
}

// newCircuit makes the circuit of an operation on a contract, or, if api is nil,
// of the API or the token endpoint.
func newCircuit(op, contract string, api *circuit, now time.Time) *circuit {
	c := &circuit{op: op, contract: contract, api: api, changed: now, changes: make(chan struct{}), silent: map[*call]time.Time{}}
	if api == nil {
		c.api, c.service = c, true
		c.era, c.endEra = context.WithCancelCause(context.Background())
	}
	return c
}

// gap is the time between probes by now.
func (c *circuit) gap(now time.Time) time.Duration {
	return min(max(now.Sub(c.since)/10, probeFirst), probeMost)
}

// turn reports whether the call is the next one, or probe: one that fails for ever, and
// comes again each time, must not take the turns of the others. Who came to the door
// first goes before all, also before those in a line that it does not stand in: else
// three calls can go round in a circle of two lines, each behind another, for ever.
func (c *circuit) turn(cl *call) bool { return len(c.line) == 0 || c.line[0].arrived >= cl.arrived }

func (c *circuit) join(cl *call) {
	if c == nil {
		return
	}
	at, _ := slices.BinarySearchFunc(c.line, cl, func(a, b *call) int { return cmp.Compare(a.arrived, b.arrived) })
	c.line = slices.Insert(c.line, at, cl)
}

func (c *circuit) leave(cl *call) {
	if c != nil {
		c.line = slices.DeleteFunc(c.line, func(other *call) bool { return other == cl })
	}
}

// probe notes that one goes out.
func (c *circuit) probe(now time.Time) {
	c.inFlight++
	c.started = now
	c.next = now.Add(max(c.gap(now)*3/2, probeSilent))
}

// probed notes that one ended, without having closed the circuit.
func (c *circuit) probed(next time.Time) {
	c.inFlight--
	if next.Before(c.next) {
		c.next = next
		c.wake() // who came meanwhile meant to wait for longer
	}
}

// verdict is what a result means to a circuit.
type verdict int

const (
	neutral verdict = iota
	good
	bad
)

// meets reports whether the operation was counted already, and counts it.
func (c *circuit) meets(op *circuit) bool {
	if c.ops == nil {
		c.ops = map[*circuit]bool{}
	}
	was := c.ops[op]
	c.ops[op] = true
	return was
}

// judge tells what a result means to this circuit, and how much. Op is the circuit
// of the operation.
func (c *circuit) judge(e *Error, op *circuit) (verdict, int) {
	switch {
	case e == nil:
		return good, 0
	case errors.Is(e, errCallerLeft) || e.rejected || e.lost || c.wide && !c.open:
		return neutral, 0
	case e.settled: // by a gateway, which is well
		return good, 0
	case !c.service:
		return c.judgeAnswer(e)
	case e.foreign: // the API answered, by sending us elsewhere
		return good, 0
	case e.is(ErrUnreachable):
		return bad, weightNetwork
	case e.is(ErrTimeout) && e.Status == 0:
		return bad, weightTimeout
	case e.is(ErrServer) && (e.Code == 0 || c.op == opToken): // a gateway's page: the API's own errors have a code
		return bad, weightNetwork
	case e.aboutThis() && c.open && c.witness != nil: // which will tell
		return bad, weightNetwork
	case e.aboutThis() && !c.open:
		return neutral, 0
	case e.unavailable() && (c.open || op == c || !c.meets(op)):
		return bad, weightUnavailable
	case e.unavailable():
		return neutral, 0
	case e.Status != 0:
		return good, 0
	}
	return neutral, 0
}

// judgeAnswer is judge for one operation on one contract.
func (c *circuit) judgeAnswer(e *Error) (verdict, int) {
	switch {
	case e.page && !c.open: // which witnesses will tell
		return neutral, 0
	case e.page:
		return bad, 0
	case e.unavailable():
		return bad, weightUnavailable
	case e.is(ErrServer) && e.Code != 0:
		return bad, weightServer
	case e.is(ErrUnreachable) || e.is(ErrServer):
		return bad, weightNetwork
	case e.is(ErrTimeout) && e.Status == 0:
		return bad, weightTimeout
	case e.Status != 0:
		return good, 0
	}
	return neutral, 0
}

// fail counts a failure of a request sent while it was closed, and reports
// whether it opens.
func (c *circuit) fail(now time.Time, cl *call, e *Error, weight int) bool {
	c.lastText = e.Error()
	sent := cl.started
	if sent.IsZero() {
		sent = now
	}
	if c.score == 0 {
		c.since, c.first, c.several = sent, cl.self, false
	}
	c.score += weight
	if sent.Before(c.since) {
		c.since = sent
	}
	c.several = c.several || c.first != cl.self || e.dial || c.op == opToken || !c.service && !e.aboutThis()
	c.kind = ErrUnreachable
	if e.is(ErrServer) && e.Code != 0 {
		c.kind = ErrServer
	}
	timeout := e.is(ErrTimeout)
	if others := c.alsoSilent(cl, now); timeout && others > 0 {
		c.score += others * weightTimeout
		c.several = true
	}
	waits := timeout || e.is(ErrServer) && e.retryAfter > 0 // which leaves time for few tries
	if waits && c.op == opToken && c.answered {             // there is never a second one beside it
		c.score = circuitLimit
	}
	if c.score < circuitLimit || !c.several {
		return false
	}
	c.opens(now, c.since, e)
	return true
}

// opens opens it: what it is about has been out of reach since a time.
func (c *circuit) opens(now, since time.Time, e *Error) {
	broken := e.aboutThis() && !c.vouched && !c.service               // which some may be for good
	if c.epoch > 0 && now.Sub(c.changed) < cautionWithin && !broken { // it was well for a moment only
		c.caution.begin(now)
	}
	c.open, c.changed, c.inFlight = true, now, 0
	c.since, c.lastText = since, e.Error()
	c.epoch++
	c.next = now
	if !e.is(ErrTimeout) { // which was long enough to wait
		c.next = now.Add(c.gap(now))
	}
}

// cutsMost is how many bodies break off in a row until that is an outage: as many as
// failures of the network. They must be of more than one document, or call: one that breaks
// for whoever reads it says nothing about the rest.
const cutsMost = circuitLimit / weightNetwork

// cuts are bodies that broke off since one came whole.
type cuts struct {
	n       int
	since   time.Time
	first   any // document, which is taken up again by other calls, or else call
	several bool
}

// add counts one, and reports whether they are an outage.
func (c *cuts) add(cl *call, now time.Time) bool {
	var of any = cl.self
	if cl.document != "" {
		of = cl.document
	}
	if c.n++; c.n == 1 {
		c.since, c.first = now, of
	}
	c.several = c.several || c.first != of || cl.op == opToken // which is asked by one at a time
	return c.outage()
}

func (c *cuts) outage() bool { return c.n >= cutsMost && c.several }

// wake lets those who wait look again.
func (c *circuit) wake() {
	close(c.changes)
	c.changes = make(chan struct{})
}

// alsoSilent counts the other requests that have had no answer for at least half
// as long as cl, while nothing has been answered at all.
func (c *circuit) alsoSilent(cl *call, now time.Time) int {
	if c.goodAt.After(cl.started) {
		return 0
	}
	n := 0
	for _, sent := range c.silent {
		if now.Sub(sent) >= now.Sub(cl.started)/2 {
			n++
		}
	}
	return n
}

// well notes a good answer, and reports whether it closes.
func (c *circuit) well(now time.Time) bool {
	c.answered, c.goodAt = true, now
	c.score, c.first = 0, nil
	c.doubts, c.vouched, c.testify = doubts{}, false, false
	clear(c.ops)
	if !c.open {
		return false
	}
	c.open, c.changed = false, now
	c.epoch++
	c.wake()
	if c.service {
		c.endEra(errLost)
		c.era, c.endEra = context.WithCancelCause(context.Background())
	}
	return true
}
