package catalog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
)

// env is what all cells of a catalog share.
type env struct {
	ctx     context.Context // of the catalog: work in flight belongs to it, not to who waits
	cancel  context.CancelFunc
	ttl     time.Duration
	offline bool
	front   bool      // nothing is refreshed behind
	afresh  time.Time // what was fetched before is as old as can be
	log     *slog.Logger
	clock   func() time.Time
	events  *events
	behind  chan struct{} // a slot for each flight that nobody waits for
	leases  *lease.Table  // who refreshes what, among the processes that share the directory; nil: none do
	lock    *lockout
	saved   *store
	// credentials names those that this process asks with by now, as Config.Credentials.
	credentials func() string

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
	told   map[string]string
	// answers counts what the API has answered, whatever it was. impatient holds
	// the contracts ("" is their list) whose waiters took all of Grace, with no
	// answer to anybody meanwhile or since.
	answers   uint64
	impatient map[string]bool

	old oldTold
}

// now is the wall clock: the monotonic one stands still while the machine
// sleeps, and what is saved has none.
func (e *env) now() time.Time { return e.clock().Round(0) }

// asking returns a context for the calls of one answer, and a function that says of
// when that is: of when the first of them left. What waited long for its turn, or
// for a token, tells what others may take for asked for after they came.
func (e *env) asking(ctx context.Context) (context.Context, func() time.Time) {
	var mu sync.Mutex
	at, sent := e.now(), false
	tell := func() {
		mu.Lock()
		defer mu.Unlock()
		if !sent {
			at, sent = e.now(), true
		}
	}
	return apiclient.WithSent(ctx, tell), func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	}
}

// begin registers a goroutine, unless the catalog is closed.
func (e *env) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

func (e *env) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.wg.Wait()
	if e.leases != nil {
		_ = e.leases.Close() // only locks are lost, and those are not needed any more
	}
	e.events.stop()
}

// note learns from the result of a call that was made.
func (e *env) note(err error, now time.Time) {
	e.lock.note(err, now)
	if !answered(err) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers++
	clear(e.impatient)
}

// patience is how long to wait for the refresh of something that is there. While
// the API is silent nobody waits: offline, each of a hundred contracts would
// else take Grace to be listed. One contract that is slow is not that yet; the
// list of contracts, or another contract, makes it so.
func (e *env) patience(until time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.impatient[""] || len(e.impatient) > 1 {
		return 0
	}
	return min(until.Sub(e.now()), Grace)
}

// outOfPatience notes that somebody waited in vain for something of a contract,
// since a moment with so many answers.
func (e *env) outOfPatience(contractID string, answers uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if answers != e.answers {
		return
	}
	if e.impatient == nil {
		e.impatient = make(map[string]bool)
	}
	e.impatient[contractID] = true
}

func (e *env) answered() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.answers
}

// answered reports whether the API itself said something.
func answered(err error) bool {
	return !errors.Is(err, apiclient.ErrTimeout) && !errors.Is(err, apiclient.ErrUnreachable) && !errors.Is(err, context.Canceled)
}

// due reports whether to ask again after f: when its time has come, when all is
// to be asked for afresh, or when the account was locked out and is not any more.
func (e *env) due(f *failure, now time.Time) bool {
	return f.due(now) || f.at.Before(e.afresh) || errors.Is(f.err, apiclient.ErrUnauthorized) && e.lock.lifted(f.epoch, now)
}

// news reports whether text is new on a subject, so that what stays the same
// is logged once. An empty text means that the matter is settled.
func (e *env) news(subject, text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told[subject] == text {
		return false
	}
	if text == "" {
		delete(e.told, subject)
		return false
	}
	e.told[subject] = text
	return true
}
