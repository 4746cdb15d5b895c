package apiclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// patienceFirst is what patience there is with an API that has never answered
// yet: a wrong address or a missing network is to be said, not waited for.
const patienceFirst = 4 * time.Second

// probeMoment is how long a probe under way is waited for by those whose
// patience is over.
const probeMoment = 5 * time.Second

// breaker holds requests back while what they ask for is out of reach. It has a
// circuit for the API and one for the token endpoint, which are about the
// network, and one for each operation on each contract, which is about the
// errors that the API itself answers with: one contract that always fails must
// not make the others unreachable. Where witnesses tell that an operation is out of
// order whatever the contract, it has a circuit for all of them, so that the probes of
// many contracts do not add up.
//
// A request passes it twice. At the door, before it takes a slot or its share of
// the rate, it waits while a circuit is open, or becomes the probe. Just before
// it is sent, guard turns it back if a circuit opened meanwhile.
type breaker struct {
	log      *slog.Logger
	timeout  time.Duration
	patience time.Duration

	life    context.Context // of the probes, which belong to no caller
	close   context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	api      *circuit
	token    *circuit
	circuits map[circuitKey]*circuit

	witnesses  map[string]*witness // the latest good request of each operation
	inquiry    *inquiry            // on its way; nil: none
	vain       map[string]vain     // operations of which nothing was had yet
	askedAgain time.Time           // a witness that was well, whether it stays so
	peers      []peer              // documents that may be asked for, where none was had yet
	source     func() []peer       // of more of them; nil: there are none

	rejected, waited, probes int64
	arrivals                 int64     // of calls at the door
	waiting                  int       // calls at the door
	waitingSince             time.Time // when the first of them came
	waitedFor                time.Duration
}

func newBreaker(timeout, patience time.Duration, log *slog.Logger) *breaker {
	now := time.Now()
	b := &breaker{
		log: log, timeout: timeout, patience: patience, circuits: map[circuitKey]*circuit{}, witnesses: map[string]*witness{}, vain: map[string]vain{},
		api: newCircuit("", "", nil, now), token: newCircuit(opToken, "", nil, now),
	}
	b.life, b.close = context.WithCancel(context.Background())
	return b
}

// circuitKey is what is asked of whom.
type circuitKey struct{ op, contract string }

// ticket lets a call pass. It says what was known when it did.
type ticket struct {
	passes []pass
	probe  bool

	witness *witness // that goes in its place; the call comes again
	heard   *call    // as which
}

type pass struct {
	circuit *circuit
	epoch   int
	probe   bool // of this circuit, which is open
	body    bool // a probe whose answer has come, and tells by its body
}

// enter waits until the call may go, or returns why it may not.
func (b *breaker) enter(ctx context.Context, cl *call) (*ticket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrivals++
	cl.arrived = b.arrivals
	var at *circuit // in whose line it stands
	defer func() { at.leave(cl) }()
	for waits := 0; ; waits++ {
		now := time.Now()
		c := b.blocking(cl, now)
		if c != at {
			at.leave(cl)
			at = c
			c.join(cl)
		}
		if c == nil {
			q := b.holding(cl, now)
			if q == nil {
				return b.pass(cl, now), nil
			}
			if err := b.wait(ctx, q.done, q.until.Sub(now)); err != nil {
				return nil, cl.left(ctx)
			}
			continue
		}
		if !c.open { // its turn comes
			if err := b.wait(ctx, c.changes, max(c.caution.next.Sub(now), time.Millisecond)); err != nil {
				return nil, cl.left(ctx)
			}
			continue
		}
		until := b.worth(c, cl)
		if !now.Before(until) {
			return nil, b.reject(cl, c, now)
		}
		if waits == 0 {
			b.waited++
		}
		if err := b.wait(ctx, c.changes, min(until.Sub(now), max(c.next.Sub(now), time.Millisecond))); err != nil {
			return nil, cl.left(ctx)
		}
	}
}

// wait sleeps until something changes, or for d. The mutex is let go meanwhile.
func (b *breaker) wait(ctx context.Context, changes <-chan struct{}, d time.Duration) error {
	if b.waiting == 0 {
		b.waitingSince = time.Now()
	}
	b.waiting++
	b.mu.Unlock()
	timer := time.NewTimer(d)
	select {
	case <-changes:
	case <-timer.C:
	case <-ctx.Done():
	}
	timer.Stop()
	b.mu.Lock()
	if b.waiting--; b.waiting == 0 {
		b.waitedFor += time.Since(b.waitingSince)
	}
	return ctx.Err()
}

// of returns the circuits of a call: that of what it is sent to, and that of what
// it asks for. The mutex is held.
func (b *breaker) of(cl *call) []pass {
	if cl.op == opToken {
		return []pass{{circuit: b.token, epoch: b.token.epoch}}
	}
	passes := []pass{{circuit: b.api, epoch: b.api.epoch}}
	if wide := b.wide(cl); wide != nil {
		passes = append(passes, pass{circuit: wide, epoch: wide.epoch})
	}
	c := b.circuit(circuitKey{cl.op, cl.contract})
	return append(passes, pass{circuit: c, epoch: c.epoch})
}

// circuit is that of an operation. The mutex is held.
func (b *breaker) circuit(key circuitKey) *circuit {
	c := b.circuits[key]
	if c == nil {
		c = newCircuit(key.op, key.contract, b.api, time.Now())
		b.circuits[key] = c
	}
	return c
}

// wide is the circuit of an operation on all contracts, nil of one on none. The mutex
// is held.
func (b *breaker) wide(cl *call) *circuit {
	if cl.contract == "" {
		return nil
	}
	c := b.circuit(circuitKey{op: cl.op})
	c.wide = true
	return c
}

// blocking returns the circuit that holds the call back, nil if it may go, as a
// probe perhaps. The mutex is held.
func (b *breaker) blocking(cl *call, now time.Time) *circuit {
	for _, p := range b.of(cl) {
		if p.circuit.open && (now.Before(p.circuit.next) || !p.circuit.turn(cl)) {
			return p.circuit
		}
		if c := &p.circuit.caution; c.gap > 0 && (c.holds(now) || !p.circuit.turn(cl)) {
			return p.circuit
		}
	}
	return nil
}

// worth is until when the call waits for the circuit: while the outage has not
// lasted longer than anybody's patience, and longer only for the result of a
// probe that has just gone out. So an outage makes a reader hang once, at its
// beginning, and never again. The mutex is held.
func (b *breaker) worth(c *circuit, cl *call) time.Time {
	until := c.since.Add(b.patienceWith(c))
	if !cl.failing.IsZero() {
		if own := cl.failing.Add(b.patience); own.Before(until) {
			until = own
		}
	}
	if probe := c.started.Add(probeMoment); c.inFlight > 0 && probe.After(until) {
		until = probe
	}
	return until
}

func (b *breaker) patienceWith(c *circuit) time.Duration {
	if !c.api.answered {
		return min(b.patience, patienceFirst)
	}
	return b.patience
}

// pass lets the call pass, or a witness in its place. The mutex is held.
func (b *breaker) pass(cl *call, now time.Time) *ticket {
	if w, about := b.testimony(cl); w != nil {
		return &ticket{witness: w, heard: b.admitWitness(w, about, now)}
	}
	return b.admit(cl, now)
}

// admit lets the call pass. The mutex is held.
func (b *breaker) admit(cl *call, now time.Time) *ticket {
	t := &ticket{passes: b.of(cl)}
	for i := range t.passes {
		p := &t.passes[i]
		p.circuit.caution.sent(now)
		if p.circuit.open {
			p.circuit.probe(now)
			p.probe, t.probe = true, true
		}
	}
	if t.probe {
		b.probes++
	}
	return t
}

// reject makes the error of a call that is not worth waiting for. The mutex is held.
func (b *breaker) reject(cl *call, c *circuit, now time.Time) *Error {
	b.rejected++
	e := cl.fail(c.kind, fmt.Sprintf("since %s; last: %s", clock(c.since), c.lastText))
	e.hint = "next try at " + clock(c.next)
	if c.inFlight > 0 {
		e.hint = "a probe is on its way"
	}
	e.rejected, e.retryAfter = true, c.next.Sub(now)
	return e
}

// stale reports that a circuit opened since the call passed the door, or may be about
// to, so that there is no use in waiting for a slot or for the rate.
func (b *breaker) stale(cl *call) bool {
	t := cl.ticket
	if t == nil || t.probe {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range t.passes {
		if p.circuit.open {
			return true
		}
	}
	return b.holding(cl, time.Now()) != nil
}

// unsent takes back what sending noted.
func (b *breaker) unsent(cl *call) {
	if cl.ticket == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range cl.ticket.passes {
		delete(p.circuit.silent, cl)
	}
}

// turnBack is the error of a stale call: it goes to the door again.
func (cl *call) turnBack() *Error {
	e := cl.fail(ErrUnreachable, "the API has just gone out of reach")
	e.rejected, e.again = true, true
	return e
}

// sending notes the circuits of a call anew as it is sent.
func (b *breaker) sending(cl *call) {
	if cl.ticket == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	cl.brisk, cl.fluent, cl.empty, cl.answered = false, false, false, time.Time{}
	for i := range cl.ticket.passes {
		p := &cl.ticket.passes[i]
		c := p.circuit
		if p.epoch != c.epoch { // it has opened or closed meanwhile
			p.epoch, p.probe = c.epoch, false
		}
		if c.service {
			cl.era, cl.known = c.era, c.answered
		}
		c.silent[cl] = time.Now()
		if c.wide {
			continue
		}
		if c.answered && c.slow > 0 { // else it is as the API is
			cl.brisk = c.slow < b.timeout/6
		}
		if c.whole {
			cl.fluent = c.pause < b.timeout/6
		}
	}
}

// spoke notes that the headers of an answer came: the rest may tell more.
func (b *breaker) spoke(cl *call) {
	if cl.ticket == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	cl.answered = time.Now()
	for i := range cl.ticket.passes {
		delete(cl.ticket.passes[i].circuit.silent, cl)
	}
}

// settle takes the result of a request. Requests sent before a circuit opened or
// closed say nothing about it any more.
func (b *breaker) settle(cl *call, err error) {
	t := cl.ticket
	if t == nil {
		return
	}
	var e *Error
	_ = errors.As(err, &e)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	op := t.passes[len(t.passes)-1].circuit
	for i := range t.passes {
		p := &t.passes[i]
		delete(p.circuit.silent, cl)
		if p.epoch == p.circuit.epoch {
			b.take(p, cl, e, op, now)
		}
		if c := p.circuit; e != nil && (c.open || c.epoch != p.epoch) && c.api.answered {
			e.outage = true
		}
		if e != nil && e.page && p.circuit == op {
			e.once = e.once || p.circuit.caution.forGood(now)
		}
		if e != nil && e.aboutThis() {
			b.doubt(p, cl)
		}
		if e != nil && !p.circuit.api.answered {
			e.stranger = true
		}
	}
}

// take is settle for one circuit. The mutex is held.
func (b *breaker) take(p *pass, cl *call, e *Error, op *circuit, now time.Time) {
	c := p.circuit
	v, weight := c.judge(e, op)
	switch {
	case v == good && p.probe && c.cuts.outage():
		p.probe, p.body = false, true
	case v == good && (p.probe || !c.open):
		lasted := now.Sub(c.since)
		c.slow = max(c.slow, cl.took(now))
		if e == nil {
			c.caution.well()
		}
		if c.well(now) {
			b.revive(c, now)
			b.log.Info("API in reach again", c.attrs("duration_seconds", lasted.Seconds())...)
		}
		p.epoch, p.probe = c.epoch, false
	case v == bad && c.open && p.probe:
		c.lastText, p.probe = e.Error(), false
		c.probed(now.Add(c.gap(now)))
		c.delay(now, e)
	case v == bad && !c.open && c.fail(now, cl, e, weight):
		c.delay(now, e)
		b.warn(c)
	case v == neutral && c.service && e.aboutThis() && c.op != opToken:
		c.answered = true
	}
}

// operation is the circuit of what a call asks for. The mutex is held.
func (b *breaker) operation(cl *call) *circuit {
	passes := b.of(cl)
	return passes[len(passes)-1].circuit
}

// revive lets probes go at once of the operations that went out of reach with
// their API, or with the same on other contracts. The mutex is held.
func (b *breaker) revive(of *circuit, now time.Time) {
	for _, c := range b.circuits {
		if c.open && (of == b.api || of.wide && of.op == c.op) {
			c.next = now
			c.wake()
		}
	}
}

// delay puts the next probe off as long as the answer asked for.
func (c *circuit) delay(now time.Time, e *Error) {
	if after := now.Add(min(e.retryAfter, probeMost)); after.After(c.next) {
		c.next = after
	}
}

// attrs are a log line's, with the operation in front if the circuit has one.
func (c *circuit) attrs(rest ...any) []any {
	attrs := []any{}
	if c.op != "" {
		attrs = append(attrs, "op", c.op)
	}
	if c.contract != "" {
		attrs = append(attrs, "contract", c.contract)
	}
	return append(attrs, rest...)
}

// ended notes the end of a probe that was not sent, or said nothing: the next
// one may go at once.
func (b *breaker) ended(t *ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range t.passes {
		if p := &t.passes[i]; p.probe && p.circuit.open && p.circuit.epoch == p.epoch {
			p.probe = false
			p.circuit.probed(time.Now())
		}
	}
}

// start runs a probe, unless the client was closed.
func (b *breaker) start(probe func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.Err() != nil {
		return false
	}
	b.running.Go(probe)
	return true
}

// stop ends the probes under way and waits for them.
func (b *breaker) stop() {
	b.mu.Lock()
	b.close()
	b.mu.Unlock()
	b.running.Wait()
}

// report fills in the breaker's part of the statistics.
func (b *breaker) report(s *Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s.Rejected, s.Waited, s.Probes = b.rejected, b.waited, b.probes
	s.OutageWait = b.waitedFor
	if b.waiting > 0 {
		s.OutageWait += now.Sub(b.waitingSince)
	}
	s.WaitingForAPI = b.waiting
	c := b.api
	if !c.open && b.token.open {
		c = b.token
	}
	s.BreakerSince = c.changed
	switch {
	case !c.open:
		s.Breaker = "closed"
	case c.inFlight == 0 && now.Before(c.next):
		s.Breaker, s.NextTry = "open", c.next
	default:
		s.Breaker = "half-open"
	}
}
