package apiclient

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// How far ahead a turn of the pool is reserved, for an urgent request, and for one in
	// the background, which leaves the turns until then to the urgent ones of others.
	reserveUrgent     = 2 * time.Second
	reserveBackground = 250 * time.Millisecond
	reserveWaited     = 100 * time.Millisecond // more for who has waited for five seconds: so all have their turn

	// reservePatience is how long an answer of the pool is waited for, its grace included.
	reservePatience = 15 * time.Second

	// turnUnsure is how much longer than usual an answer may take: it may have waited
	// before the pool reserved the turn, or after. Together with turnMoment and 20 turns a
	// second, three at once, that makes 25 requests in a second at most.
	turnUnsure = 75 * time.Millisecond
	turnSpread = 100 * time.Millisecond // from when a turn may have been due until it is used
	usualLeast = 3                      // answers until it is known what is usual
	usualMost  = 300 * time.Millisecond // more never is

	// Where no turn is free soon enough, it is asked again when one may be, and up to this
	// much later, by chance: else all come back at the same moment. It doubles with every
	// fourth question in vain, and falls with each other one, by the more the longer it has
	// become: so all ask about as often as the others, and a quarter of the questions is
	// not in vain, be they a few or hundreds who ask. Who just had one of many turns
	// waits, too: at the very moment that it is due there is room for another one, and who
	// asks then keeps all others out.
	againFirst = 50 * time.Millisecond
	againMost  = 10 * time.Second // whatever the pool says

	vainStep = 4            // questions in vain until it doubles
	vainMost = 6 * vainStep // that count

	aloneFirst = time.Second // without a turn, once the pool is away: those of before are on their way
	aloneAgain = time.Second // until it is asked whether it is back
	aloneMost  = time.Minute // between turns, whatever the share
	aloneOf    = 0.8         // of the share is used: who does not know of the others goes at the same moment by chance
)

// poolTurns are the turns that a pacer takes of a pool. It reserves one when it has a
// request that may go, and only one: so the urgent requests of a process go first up to
// the last moment, members take turns whatever they have to do, and one that dies takes
// one turn with it. The mutex of the pacer guards what follows ctx.
type poolTurns struct {
	pool    Pool
	clean   func(text string) string
	running sync.WaitGroup
	close   context.CancelFunc
	ctx     context.Context // of the questions

	asking     bool // one is under way
	due, until time.Duration
	reserved   bool          // a turn, which is due, and may be used until
	crowd      time.Duration // so long others have to wait for another one by then; 0: there is no crowd
	after      time.Duration
	afterFor   time.Duration // most of the question that was refused until after
	vain       int           // questions; see againFirst
	took       []time.Duration
	away       bool
	alone      time.Duration // the next turn while it is
	unsaid     *slowness     // what the pool was not told yet; nil: nothing

	since      time.Time // when a request began to wait for the pool; zero: none does
	waited     time.Duration
	used, lost int64
}

// slowness is what the API said of the rate.
type slowness struct{ sent, until time.Duration }

// join makes the pacer take turns of a pool besides its own.
func (p *pacer) join(pool Pool, clean func(string) string) {
	t := &poolTurns{pool: pool, clean: clean}
	t.ctx, t.close = context.WithCancel(context.Background())
	p.turns, p.clock = t, sharedClock // which goes on while the machine sleeps
	p.every = max(p.every, time.Microsecond)
}

// leave ends the question under way, and waits for that.
func (p *pacer) leave() {
	if p.turns == nil {
		return
	}
	p.mu.Lock()
	p.turns.close() // none is asked after this
	if len(p.queue.list) > 0 && p.pooled() {
		p.redispatch()
	}
	p.mu.Unlock()
	p.turns.running.Wait()
}

// pooled says whether turns are taken of a pool. The mutex is held.
func (p *pacer) pooled() bool { return p.turns != nil && p.steps == 0 }

// dueOfPool reports whether a turn of the pool may be used now. If not, it is seen to that
// dispatch is called when there may be one. The mutex is held.
func (p *pacer) dueOfPool(urgent bool) bool {
	t, now := p.turns, p.clock()
	if t.ctx.Err() != nil {
		p.fail(&noTurnError{errClosed.Message})
		return false
	}
	if t.reserved {
		switch {
		case now > t.until || t.due-now > reserveUrgent+time.Second: // or a clock that was set
			t.reserved = false
			t.lost++
		case now < t.due:
			p.wake(t.due - now)
			return false
		default:
			return true
		}
	}
	if t.asking {
		return false
	}
	if wait, _ := p.take(false); wait > 0 {
		t.waits(false) // but for its own rate
		p.wake(wait)
		return false
	}
	t.waits(true)
	most := reserveBackground + min(time.Since(t.since)/(5*time.Second/reserveWaited), reserveWaited)
	if urgent {
		most = reserveUrgent
	}
	if after := min(t.after-now, againMost); after > 0 && (!urgent || t.afterFor == reserveUrgent) {
		p.wake(after)
		return false
	}
	p.askPool(most)
	return false
}

// askPool asks for a turn that is due within most, 0: for none. What the pool was not told
// yet it is told first. The mutex is held, and the pacer was not left.
func (p *pacer) askPool(most time.Duration) {
	t := p.turns
	t.asking = true
	unsaid := t.unsaid
	t.unsaid = nil
	t.running.Go(func() {
		told := unsaid == nil || p.tell(unsaid)
		var wait time.Duration
		var taken bool
		var err error
		asked := p.clock()
		if most > 0 {
			ctx, cancel := context.WithTimeout(t.ctx, reservePatience)
			defer cancel()
			wait, taken, err = t.pool.Reserve(ctx, min(p.every, costMost), p.burst, most)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		t.asking = false
		if !told && t.unsaid == nil {
			t.unsaid = unsaid // with the next question
		}
		now := p.clock()
		switch {
		case most == 0:
		case err != nil:
			p.withoutPool(err, now)
		case taken:
			t.keep(asked, now, wait, most)
		default:
			t.refuse(now, wait-most, most)
		}
		if told && t.unsaid != nil && t.ctx.Err() == nil { // it came meanwhile
			p.askPool(0)
		}
		p.redispatch()
	})
}

// tell tells the pool what the API said of the rate, and reports whether it knows, or need
// not know any more.
func (p *pacer) tell(s *slowness) bool {
	ctx, cancel := context.WithTimeout(p.turns.ctx, reservePatience)
	defer cancel()
	now := p.clock()
	if now > s.until+slowFor { // the pool was away for long: the rate would be whole again
		return true
	}
	return p.turns.pool.Slow(ctx, max(now-s.sent, 0), min(max(s.until-now, pauseLeast), pauseMost)) == nil
}

// keep takes in a turn that was reserved.
func (t *poolTurns) keep(asked, now, wait, most time.Duration) {
	took := now - asked
	usual := t.usual(took)
	if took-usual > turnUnsure || took < 0 || wait > reserveUrgent { // it may be due at any time
		t.lost++
		t.refuse(now, 0, reserveUrgent)
		return
	}
	t.away, t.after, t.vain, t.crowd = false, 0, max(t.vain-1-t.vain/8, 0), 0
	if wait > most/2 {
		t.crowd, t.afterFor = min(wait, most), most
	}
	// The way there and the way back are half of what is usual each. What it took longer
	// may have been either.
	t.due = now + max(wait, 0) - usual/2
	t.until = min(t.due+turnMoment, asked+max(wait, 0)+usual/2+turnSpread)
	t.reserved = true
}

// usual is how long answers take at least, 0 as long as that is not known.
func (t *poolTurns) usual(took time.Duration) time.Duration {
	if t.took = append(t.took, took); len(t.took) > 2*usualLeast {
		t.took = slices.Delete(t.took, 0, 1)
	}
	if len(t.took) < usualLeast {
		return 0
	}
	return min(max(slices.Min(t.took), 0), usualMost)
}

// refuse takes in that no turn was to be had for a question, and for how long.
func (t *poolTurns) refuse(now, wait, most time.Duration) {
	t.away = false
	late := t.late()
	t.after, t.afterFor = now+min(max(wait, 0), againMost-late)+againFirst/5+rand.N(late), most
	t.vain = min(t.vain+1, vainMost)
}

func (t *poolTurns) late() time.Duration {
	return time.Duration(float64(againFirst) * math.Exp2(float64(t.vain)/vainStep))
}

// withoutPool is what is done where the pool is away: requests fail, or the pacer gives
// turns itself, at a share of the rate. The mutex is held.
func (p *pacer) withoutPool(err error, now time.Duration) {
	t := p.turns
	share := t.pool.Share()
	if !(share > 0) || t.ctx.Err() != nil { // nor is what is no number
		p.fail(&noTurnError{t.clean(err.Error())})
		return
	}
	every := time.Duration(min(float64(p.every)/(aloneOf*min(share, 1)), float64(aloneMost)))
	if !t.away { // and each of all members at another moment
		t.away, t.alone = true, now+aloneFirst+rand.N(every)
	}
	t.alone = min(t.alone, now+aloneFirst+every) // a clock may be set
	if t.alone > now {
		t.after, t.afterFor = min(t.alone, now+aloneAgain), reserveUrgent
		return
	}
	t.after, t.crowd, t.reserved, t.due, t.until = 0, 0, true, now, now+turnMoment
	t.alone = now + every
}

// use uses the turn that is reserved, and returns when it would have been taken if it
// were good for turnMoment.
func (t *poolTurns) use() (taken time.Duration) {
	t.reserved = false
	if !t.away {
		t.used++
	}
	if t.crowd > 0 {
		t.after = t.due + rand.N(max(t.crowd, t.late()))
	}
	t.waits(false)
	return t.until - turnMoment
}

// waits notes that requests wait for the pool, or that none does any more.
func (t *poolTurns) waits(yes bool) {
	switch {
	case yes && t.since.IsZero():
		t.since = time.Now()
	case !yes && !t.since.IsZero():
		t.waited += time.Since(t.since)
		t.since = time.Time{}
	}
}

// tellPool has the pool know that the API refused a request. The mutex is held.
func (p *pacer) tellPool(sent, pause time.Duration) {
	t, until := p.turns, p.clock()+pause
	if t.unsaid != nil {
		sent, until = max(sent, t.unsaid.sent), max(until, t.unsaid.until)
	}
	t.unsaid = &slowness{sent, until}
	if !t.asking && t.ctx.Err() == nil {
		p.askPool(0)
	}
}

// fail lets all who wait go, without a turn. The mutex is held.
func (p *pacer) fail(err error) {
	for len(p.queue.list) > 0 {
		w := p.queue.list[0]
		if w.stale == nil || !w.stale() { // else it is turned back
			w.err = err
		}
		p.remove(w)
		close(w.ready)
	}
}

// report fills in the pool's part of the statistics.
func (p *pacer) report(s *Stats) {
	if p.turns == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.turns
	s.PoolTurns, s.PoolLost, s.PoolWait = t.used, t.lost, t.waited
	if !t.since.IsZero() {
		s.PoolWait += time.Since(t.since)
	}
}

// noTurnError is why those who wait get no turn.
type noTurnError struct{ text string }

func (e *noTurnError) Error() string { return e.text }

// noTurn is the error of a call that got no turn: its caller left, or the pool is away.
func (cl *call) noTurn(ctx context.Context, err error) *Error {
	if e := cl.refusedTurn(err); e != nil {
		return e
	}
	return cl.left(ctx)
}

// refusedTurn is the error of a call that the pool gave no turn, nil if it is none. It is
// not tried again, and no circuit hears of it.
func (cl *call) refusedTurn(err error) *Error {
	var why *noTurnError
	if !errors.As(err, &why) {
		return nil
	}
	e := cl.fail(ErrUnreachable, "no turn of the rate that is shared with other machines: "+why.text)
	e.rejected, e.away = true, true
	return e
}
