package apiclient

import (
	"errors"
	"time"
)

// What the bodies of answers tell the breaker: their headers say that the API is in
// reach, and yet nothing may come whole.

// bodyEnded takes how the body of an answer ended: whole (nil), broken off, or neither,
// since its reader left (errCallerLeft). Answers that all break off are an outage, too,
// of what is asked for: something between here and there lets headers through only.
func (b *breaker) bodyEnded(cl *call, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, now := b.operation(cl), time.Now()
	probe := b.bodyProbe(cl, c)
	var e *Error
	switch {
	case err == nil:
		was := c.cuts.outage()
		c.cuts = cuts{}
		if c.open && was {
			c.well(now)
		}
		if was {
			b.log.Info("answers come whole again", c.attrs()...)
		}
	case errors.Is(err, errCallerLeft):
		if probe { // a size was all that was wanted, or there was no body: the next one that breaks off tells
			c.cuts.n = cutsMost - 1
			c.well(now)
		}
	case !errors.As(err, &e) || !e.is(ErrUnreachable): // a stall takes its time as it is
		if probe {
			c.probed(now)
		}
	default:
		was := c.cuts.outage()
		is := c.cuts.add(cl, now)
		e.outage = e.outage || is
		switch {
		case probe:
			c.lastText = e.Error()
			c.probed(now.Add(c.gap(now)))
		case is && !c.open:
			c.opens(now, c.cuts.since, e)
			c.kind = ErrUnreachable
		}
		if is && !was {
			b.log.Warn("answers break off, the API is asked rarely until one comes whole",
				c.attrs("since", c.since, "next_try_seconds", c.next.Sub(now).Seconds(), "error", c.lastText)...)
		}
	}
}

// bodyCame notes how long the bytes of a whole body were waited for.
func (b *breaker) bodyCame(cl *call, slowest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.of(cl) {
		if p.circuit.wide {
			continue
		}
		p.circuit.whole, p.circuit.pause = true, max(p.circuit.pause, slowest)
	}
}

// bodyProbe reports whether the call is a probe of the circuit by its body, and ends
// it. The mutex is held.
func (b *breaker) bodyProbe(cl *call, c *circuit) bool {
	if cl.ticket == nil {
		return false
	}
	for i := range cl.ticket.passes {
		if p := &cl.ticket.passes[i]; p.circuit == c && p.body {
			p.body = false
			return c.open && p.epoch == c.epoch
		}
	}
	return false
}
