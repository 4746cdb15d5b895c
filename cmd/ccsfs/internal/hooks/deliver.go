package hooks

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/term"
)

// How a delivery that failed is tried again: each message after a wait of its own, which
// doubles, so that one that never can be delivered holds up no other; and after a few
// failures in a row no message at all for a while, which doubles, too.
const (
	firstWait  = 5 * time.Second
	longWait   = time.Hour
	inARow     = 3
	maxWaiting = 20 // doublings
)

// waitAfter is how long is waited after so many failures.
func waitAfter(failures int) time.Duration {
	d := min(firstWait<<min(max(failures-1, 0), maxWaiting), longWait)
	return d - time.Duration(rand.Int64N(int64(d/5))) // not all at the same moment
}

// errEnough is that a hook asks for nothing more, ever.
var errEnough = errors.New("it wants no more")

// laterError is a failure after which was asked to wait.
type laterError struct {
	error
	wait time.Duration
}

func (e laterError) Unwrap() error { return e.error }

// Left is what could not be delivered to a hook.
type Left struct {
	Hook  *Hook
	Count int
	Err   error // the last one; nil if nothing was tried
}

// Once tries to deliver each message that waits, once, those first that were tried longest
// ago; after a few failures in a row it leaves a hook alone. Hooks do not wait for each
// other. It returns what is left, and ends early with its context.
func (q *Queue) Once(ctx context.Context, say Say) []Left {
	left := make([]Left, len(q.hooks))
	var all sync.WaitGroup
	for i, h := range q.hooks {
		all.Go(func() { left[i] = q.once(ctx, h, say) })
	}
	all.Wait()
	return slices.DeleteFunc(left, func(l Left) bool { return l.Count == 0 && l.Err == nil })
}

func (q *Queue) once(ctx context.Context, h *Hook, say Say) Left {
	entries, err := q.waiting(h.Key)
	out := Left{Hook: h, Count: len(entries), Err: err}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.tried.Compare(b.tried) })
	w := &worker{queue: q, hook: h, say: say}
	for failures := 0; len(entries) > 0 && failures < inARow && ctx.Err() == nil; entries = entries[1:] {
		switch err := w.try(ctx, entries[0].name); {
		case err == nil:
			failures = 0
			out.Count--
		case ctx.Err() != nil:
		case errors.Is(err, errEnough):
			out.Err = err
			return out
		default:
			failures++
			out.Err = err
		}
	}
	return out
}

// kick wakes a worker.
type kick int

const (
	news  kick = iota + 1 // there may be more to deliver
	retry                 // what failed is to be tried now
)

// Retry has Run try now what it waits with.
func (q *Queue) Retry() { q.kick(retry) }

func (q *Queue) kick(k kick) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.kicks {
		select {
		case old := <-c:
			c <- max(old, k)
		case c <- k:
		}
	}
}

// Run delivers what waits, and what comes, until its context ends. Hooks do not wait for
// each other. A failure is told once, until it is another one or is over.
func (q *Queue) Run(ctx context.Context, say Say) {
	var all sync.WaitGroup
	q.mu.Lock()
	for _, h := range q.hooks {
		w := &worker{queue: q, hook: h, say: say, kicks: make(chan kick, 1), due: map[string]time.Time{}, failures: map[string]int{}}
		q.kicks = append(q.kicks, w.kicks)
		all.Go(func() { w.run(ctx) })
	}
	q.mu.Unlock()
	all.Wait()
	q.mu.Lock()
	q.kicks = nil
	q.mu.Unlock()
}

// worker delivers to one hook. Its times are those of the monotonic clock: one that is set
// anew changes no wait.
type worker struct {
	queue *Queue
	hook  *Hook
	say   Say
	kicks chan kick

	pending  []entry
	failures map[string]int       // of a message
	due      map[string]time.Time // when a message is tried again
	row      int                  // failures since the last success
	pause    time.Time            // until when nothing is tried
	off      bool                 // the hook wants no more
	told     string               // the failure that was told last; "": all is well
	stuck    map[string]bool      // delivered, but still in the queue
}

func (w *worker) run(ctx context.Context) {
	w.refill()
	for ctx.Err() == nil {
		name, wait := w.next(time.Now())
		if name != "" {
			w.note(ctx, name, w.try(ctx, name))
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case k := <-w.kicks:
			if k == retry {
				clear(w.due)
				w.pause, w.off = time.Time{}, false
			}
			w.refill()
		case <-timer.C:
		}
		timer.Stop()
	}
}

// refill looks what waits.
func (w *worker) refill() {
	all, err := w.queue.waiting(w.hook.Key)
	if err != nil {
		w.tell("what waits for it cannot be read: " + err.Error())
		return
	}
	w.pending = all
}

// next is the message that is due and has failed least often, or how long none is: else
// those that always fail would be tried before those that were not tried at all.
func (w *worker) next(now time.Time) (name string, wait time.Duration) {
	if w.off {
		return "", longWait
	}
	if d := w.pause.Sub(now); d > 0 {
		return "", d
	}
	wait = longWait
	for _, e := range w.pending {
		switch d := w.due[e.name].Sub(now); { // long ago, of one that was not tried
		case d > 0:
			wait = min(wait, d)
		case w.failures[e.name] == 0:
			return e.name, 0
		case name == "" || w.failures[e.name] < w.failures[name]:
			name = e.name
		}
	}
	return name, wait
}

// note draws the consequences of a try.
func (w *worker) note(ctx context.Context, name string, err error) {
	if err == nil {
		delete(w.failures, name)
		delete(w.due, name)
		w.pending = slices.DeleteFunc(w.pending, func(e entry) bool { return e.name == name })
		w.row, w.pause = 0, time.Time{}
		if w.told != "" && len(w.due) == 0 {
			w.told = ""
			w.say("%s: delivered again", w.hook.Name)
		}
		return
	}
	if ctx.Err() != nil {
		return // it was ended, not refused
	}
	w.failures[name]++
	w.row++
	now := time.Now()
	w.due[name] = now.Add(waitAfter(w.failures[name]))
	if w.row >= inARow {
		w.pause = now.Add(waitAfter(w.row - inARow + 1))
	}
	var later laterError
	if errors.As(err, &later) {
		w.pause = now.Add(min(later.wait, longWait))
	}
	w.off = errors.Is(err, errEnough)
	w.tell("not delivered, and kept: " + err.Error())
}

func (w *worker) tell(text string) {
	if text != w.told {
		w.told = text
		w.say("%s: %s", w.hook.Name, term.Plain(text))
	}
}

// try delivers a message, and takes it out of the queue. One that was delivered and cannot
// be taken out is not delivered again by this process.
func (w *worker) try(ctx context.Context, name string) error {
	path := filepath.Join(w.queue.dir, w.hook.Key, name)
	if !w.stuck[name] {
		m, err := w.queue.read(w.hook.Key, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody has removed it
		}
		if err == nil {
			err = w.deliver(ctx, m)
		}
		if err != nil {
			_ = os.Chtimes(path, time.Time{}, time.Now()) // the order of the next tries is all that depends on it
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if w.stuck == nil {
			w.stuck = map[string]bool{}
		}
		w.stuck[name] = true
		return errors.New("it was delivered, and will be once more, for it cannot be taken out of the queue: " + err.Error())
	}
	delete(w.stuck, name)
	return nil
}

// deliver gives the hook a message. A program is not started while one runs that an earlier
// ccsfs has started for it.
func (w *worker) deliver(ctx context.Context, m Message) (err error) {
	say := func(format string, args ...any) { w.say(w.hook.Name+": "+format, args...) }
	if !w.hook.program {
		return w.hook.deliver(ctx, m, say)
	}
	if w.hook.running, err = w.takeRunning(ctx); err != nil {
		return err
	}
	defer w.hook.running.end()
	return w.hook.deliver(ctx, m, say)
}
