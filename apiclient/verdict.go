package apiclient

import (
	"errors"
	"time"
)

// What a request that was sent says about the circuits that it passed.

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
