package apiclient

import (
	"context"
	"fmt"
	"time"
)

// At the door: whether a call may go, how long it is worth waiting until it may, and what it
// is told if it may not.

// patienceFirst is what patience there is with an API that has never answered
// yet: a wrong address or a missing network is to be said, not waited for.
const patienceFirst = 4 * time.Second

// probeMoment is how long a probe under way is waited for by those whose
// patience is over.
const probeMoment = 5 * time.Second

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
	timer := time.NewTimer(max(d, atOnce))
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

// turnBack is the error of a stale call: it goes to the door again.
func (cl *call) turnBack() *Error {
	e := cl.fail(ErrUnreachable, "the API has just gone out of reach")
	e.rejected, e.again = true, true
	return e
}
