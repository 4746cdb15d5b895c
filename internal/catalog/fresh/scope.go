// Package fresh keeps what somebody has to be asked for, and what is believed for a time:
// values are served while they are young, refreshed behind their readers when they are
// older, and still served, with the reason why, when whoever is asked is silent. What was
// refused is not served any more, however young. Values are saved, and processes that
// share a directory ask once for all of them; so do machines that share an account (package
// pool), whose copies are these files.
//
// It knows nothing of what the values are: fetching, saving and comparing them is given to
// it. Of the API's client it takes the kinds of errors, which decide what is believed for
// how long, and the priority of a call.
package fresh

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
	"ccsfs/internal/pool"
)

// Config says how what is fetched is believed, and where it is kept.
type Config struct {
	Dir        string        // where values are saved, shared with other processes; "": nowhere
	Subdirs    []string      // of Dir, made with it, where the files of sources are
	Magic      string        // begins each file: what it is, and the version of its schema
	What       string        // that is saved, in the plural; for the log
	Subject    string        // what keys stand for; for the log
	TTL        time.Duration // younger values are served as they are
	Offline    bool          // nothing is asked for: only what is saved is served, whatever its age
	Foreground bool          // what is older than TTL is refreshed before it is served, and waited for without Grace
	Afresh     bool          // nothing counts as fresh that was fetched before the scope was; without effect if Offline
	// Credentials names those that are asked with by now, without telling them: a
	// refusal holds for its own only.
	Credentials func() string
	// Pool is what the machines that share an account have in common; closed after the
	// scope. nil: there is none. Without effect if Offline.
	Pool *pool.Pool
	Log  *slog.Logger
	Now  func() time.Time // the wall clock
}

// Scope is what values of all sources share: how long they are believed, where they are
// saved, and what is known of whoever is asked. Its methods may be called at once, by many.
type Scope struct {
	ctx        context.Context // of all: calls belong to it, not to who waits
	cancel     context.CancelFunc
	ttl        time.Duration
	offline    bool
	foreground bool      // nothing is refreshed behind
	afresh     time.Time // what was fetched before is as old as can be
	log        *slog.Logger
	clock      func() time.Time
	behind     chan struct{} // a slot for each call that nobody waits for
	leases     *lease.Table  // who refreshes what, among the processes that share the directory; nil: none do
	lock       *lockout
	Store      *Store // where values are saved
	// credentials names those that this process asks with by now, as Config.Credentials.
	credentials func() string
	subject     string
	pool        *pool.Pool // nil: there is none

	mu         sync.Mutex
	closed     bool
	wg         sync.WaitGroup
	lastLogged map[string]string // by subject, see News
	news       newsState
	slowUntil  time.Time // the shared store is not looked at
	// answers counts what the API has answered, whatever it was. impatient holds
	// the keys whose waiters took all of Grace, with no answer to anybody meanwhile
	// or since.
	answers   uint64
	impatient map[string]bool

	stale staleLog
}

// New opens a directory; that it cannot be made is only logged. It asks nothing.
func New(cfg Config) *Scope {
	s := &Scope{
		ttl: cfg.TTL, offline: cfg.Offline, foreground: cfg.Foreground, log: cfg.Log, clock: cfg.Now, credentials: cfg.Credentials,
		subject: cfg.Subject, lastLogged: make(map[string]string), behind: make(chan struct{}, CallsBehind),
	}
	if cfg.Afresh && !cfg.Offline {
		s.afresh = s.Now()
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Store = &Store{dir: cfg.Dir, magic: cfg.Magic, what: cfg.What, scope: s}
	s.lock = &lockout{store: s.Store}
	if cfg.Dir != "" && !cfg.Offline {
		s.leases = lease.Open(filepath.Join(cfg.Dir, LeasesFile))
	}
	s.Store.open(cfg.Subdirs)
	if cfg.Pool != nil && !cfg.Offline {
		s.join(cfg.Pool, cfg.Subdirs)
	}
	return s
}

// Now is the wall clock: the monotonic one stands still while the machine
// sleeps, and what is saved has none.
func (s *Scope) Now() time.Time { return s.clock().Round(0) }

// Asking returns a context for the calls of one answer, and a function that says of
// when that is: of when the first of them left. What waited long for its turn, or
// for a token, tells what others may take for asked for after they came; what a gateway
// had for a while is as much older.
func (s *Scope) Asking(ctx context.Context) (context.Context, func() time.Time) {
	var mu sync.Mutex
	at, sent := s.Now(), false
	tell := func() {
		mu.Lock()
		defer mu.Unlock()
		if !sent {
			at, sent = s.Now(), true
		}
	}
	oldest := time.Duration(0)
	aged := func(age time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		oldest = max(oldest, age)
	}
	return apiclient.WithAge(apiclient.WithSent(ctx, tell), aged), func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at.Add(-oldest)
	}
}

// about is what the log says of a value, and then more.
func (s *Scope) about(kind, key string, more ...any) []any {
	return append([]any{"op", kind, s.subject, key}, more...)
}

// begin registers a goroutine, unless all is closed.
func (s *Scope) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// Close ends what is under way, and returns when nothing runs any more.
func (s *Scope) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	if s.leases != nil {
		_ = s.leases.Close() // only locks are lost, and those are not needed any more
	}
}

// note learns from the result of a call that was made.
func (s *Scope) note(err error, now time.Time) {
	if s.lock.note(err, now) && s.pool != nil {
		s.tellLockout()
	}
	if !Answered(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	clear(s.impatient)
}

// patience is how long to wait for the refresh of something that is there. While
// the API is silent nobody waits: offline, each of a hundred keys would else take
// Grace. One key that is slow is not that yet; another key makes it so, and so does
// "", the key of what everything hangs on.
func (s *Scope) patience(until time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.impatient[""] || len(s.impatient) > 1 {
		return 0
	}
	return min(until.Sub(s.Now()), Grace)
}

// outOfPatience notes that somebody waited in vain for something of a key, since a
// moment with so many answers.
func (s *Scope) outOfPatience(key string, answers uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answers != s.answers {
		return
	}
	if s.impatient == nil {
		s.impatient = make(map[string]bool)
	}
	s.impatient[key] = true
}

func (s *Scope) answered() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers
}

// Answered reports whether the API itself said something.
func Answered(err error) bool {
	return !errors.Is(err, apiclient.ErrTimeout) && !errors.Is(err, apiclient.ErrUnreachable) && !errors.Is(err, context.Canceled)
}

// due reports whether to ask again after f: when its time has come, when all is
// to be asked for afresh, or when the account was locked out and is not any more.
func (s *Scope) due(f *Failure, now time.Time) bool {
	return f.due(now) || f.at.Before(s.afresh) || errors.Is(f.Err, apiclient.ErrUnauthorized) && s.lock.lifted(f.epoch, now)
}

// News reports whether text is new on a subject, so that what stays the same
// is logged once. An empty text means that the matter is settled.
func (s *Scope) News(subject, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastLogged[subject] == text {
		return false
	}
	if text == "" {
		delete(s.lastLogged, subject)
		return false
	}
	s.lastLogged[subject] = text
	return true
}
