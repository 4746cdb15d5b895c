package apiclient

import (
	"math"
	"time"
)

// What fails and is well again by turns is no outage that a circuit could open for, and
// yet would be asked at the full rate, half of it in vain. The sign of it is a call that
// fails and is well when it is tried again. After a few of those, of more than one
// thing, calls go one by one, cautionMost apart, and their failures do not count. The
// pace grows with each good answer, and the next sign takes it back to what it was at the
// latest failure: where one in ten fails, or more, it stays at a handful a second, and
// once nothing does it is the full one within twelve seconds, however many calls that
// failed wait for their turn by then.
//
// What is broken for good gives no such sign: it is never well.
const (
	cautionSigns  = 3                // that are enough
	cautionWithin = 10 * time.Second // of each other
	cautionMost   = time.Second / 2  // between calls
	cautionLeast  = time.Second / 20 // at which it is over
	cautionGrowth = 1.04             // of the pace, with each good answer
)

// caution is what is known of failures that pass at once.
type caution struct {
	n       int // signs
	since   time.Time
	latest  time.Time
	first   any // what the first of them was of
	several bool

	lost   int       // calls that were given up since the latest sign
	lostAt time.Time // the latest of them
	pages  int       // answers that were none

	streak int           // of good answers since the latest failure
	gap    time.Duration // between calls; 0: all is well
	next   time.Time     // call
}

// sign notes that what failed is well.
func (c *caution) sign(of any, now time.Time) {
	if now.Sub(c.since) > cautionWithin || c.n == 0 {
		c.n, c.since, c.first, c.several = 0, now, of, false
	}
	c.n++
	c.lost = 0
	c.latest, c.several = now, c.several || c.first != of
	if c.gap > 0 || c.n >= cautionSigns && c.several {
		if gap := gapAfter(c.streak); gap > cautionLeast {
			c.gap = max(c.gap, gap)
		}
	}
}

// gapAfter is how far apart calls are after n good answers.
func gapAfter(n int) time.Duration {
	return time.Duration(float64(cautionMost) / math.Pow(cautionGrowth, float64(n)))
}

func (c *caution) begin(now time.Time) { c.gap, c.latest, c.streak = cautionMost, now, 0 }

// recent reports whether there was a sign a moment ago.
func (c *caution) recent(now time.Time) bool {
	return c.gap > 0 || c.n > 0 && now.Sub(c.latest) < cautionWithin
}

// holds reports whether the next call has to wait.
func (c *caution) holds(now time.Time) bool { return c.gap > 0 && now.Before(c.next) }

func (c *caution) sent(now time.Time) {
	if c.gap > 0 {
		c.next = now.Add(c.gap)
	}
}

// well notes a good answer, and reports whether caution is over.
func (c *caution) well() bool {
	c.streak++
	if c.gap == 0 {
		return false
	}
	c.gap = time.Duration(float64(c.gap) / cautionGrowth)
	if c.gap > cautionLeast {
		return false
	}
	*c = caution{lost: c.lost, lostAt: c.lostAt, pages: c.pages, streak: c.streak}
	return true
}

// wellTimes is how often a witness must be well in a row for a call to be given up,
// where it is one of the first; once in cautionWithin at most.
const wellTimes = 3

// askAgain asks a witness that was well just now again: if it fails, others may, too, and
// be well the next time.
func (d *door) askAgain(w *witness, about *circuit) {
	d.breaker.mu.Lock()
	lately := time.Since(d.breaker.askedAgain) < cautionWithin
	if !lately {
		d.breaker.askedAgain = time.Now()
	}
	d.breaker.mu.Unlock()
	if lately {
		return
	}
	for range wellTimes - 1 {
		if d.well(w) {
			continue
		}
		d.breaker.mu.Lock()
		defer d.breaker.mu.Unlock()
		about.caution.begin(time.Now())
		return
	}
}

// stumbles notes that a try of a call failed, and may be well the next time.
func (b *breaker) stumbles(cl *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cl.stumbled == nil {
		cl.stumbled = b.epochs(cl)
	}
	for _, p := range b.of(cl) {
		p.circuit.caution.streak = 0
	}
}

func (b *breaker) epochs(cl *call) (all []int) {
	for _, p := range b.of(cl) {
		all = append(all, p.epoch)
	}
	return all
}

// rises notes that a call is well which failed before. After an outage that is no sign.
func (b *breaker) rises(cl *call) {
	if cl.stumbled == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	passes := b.of(cl)
	for i, p := range passes {
		if p.epoch != cl.stumbled[i] {
			return
		}
	}
	var what any = cl.self
	if cl.document != "" {
		what = cl.document
	}
	for _, p := range passes {
		was := p.circuit.caution.gap
		switch {
		case p.circuit.service: // what is asked for tells
		case p.circuit.wide:
			p.circuit.caution.sign(cl.contract, now)
		default:
			p.circuit.caution.sign(what, now)
		}
		if was == 0 && p.circuit.caution.gap > 0 {
			b.log.Warn("answers fail and come by turns, the API is asked slowly until they come", p.circuit.attrs()...)
		}
	}
}

// unsure reports whether a failure of a call may pass by itself, as others have just
// done. Cautious: it is known to be so.
func (b *breaker) unsure(cl *call) (unsure, cautious bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, p := range b.of(cl) {
		unsure = unsure || p.circuit.caution.recent(now)
		cautious = cautious || p.circuit.caution.gap > 0
	}
	return unsure, cautious
}

// Where some were pages at each try, and none was anything else by then, the next ones
// are not tried again, but for one in lostSample: whole kinds of documents may be pages
// for good. A witness is asked each time. It is forgotten lostFor after the latest.
const (
	lostEnough = 3
	lostSample = 8
	lostFor    = time.Minute
)

// gaveUp notes that a call was given up.
func (b *breaker) gaveUp(cl *call, e *Error) {
	if !e.aboutThis() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c, now := &b.operation(cl).caution, time.Now()
	c.lost, c.lostAt = c.losses(now)+1, now
}

// losses is how many calls were given up lately.
func (c *caution) losses(now time.Time) int {
	if now.Sub(c.lostAt) > lostFor {
		return 0
	}
	return c.lost
}

// forGood counts a page, and reports whether it is most likely one for good.
func (c *caution) forGood(now time.Time) bool {
	c.pages++
	return c.losses(now) >= lostEnough && c.pages%lostSample != 0
}
