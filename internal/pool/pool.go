// Package pool is the protocol by which many machines share one account: each document is
// asked for once by all of them, at one rate.
//
// A [Coordinator] says who does what now, [Objects] keep what is known; both may be away,
// and neither is believed: what comes from there is compared with a MAC under the key of
// the pool (package seal), whose holders are the members. Losing the coordinator loses
// nothing, since only leases, turns and notes of failures are there.
//
// What the things are that are leased and kept (documents, listings) is none of this
// package's business, and neither is this machine's own disk, which is asked first. The
// kinds of engines are packages below this one.
package pool

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/internal/pool/seal"
)

// Config of a pool, as one member sees it.
type Config struct {
	Account     string      // the application at the API: a name in Objects, as account.Path makes it
	Member      string      // of this process, never the same twice
	About       About       // what others may know of it
	Coordinator Coordinator // closed with the pool
	Objects     Objects     // closed with the pool; nil: nothing is kept, only work is shared
	Key         *seal.Key
	Encrypt     bool // what this member keeps is encrypted
	Begun       bool // Objects must have been begun (Begin): where they are not, it is not they, as where nothing is mounted
	Alone       bool // without a coordinator this member goes on by itself; else it asks for nothing
	Logger      *slog.Logger
}

// About is what members tell of themselves.
type About struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	What    string    `json:"what"` // the command
	Since   time.Time `json:"since"`
}

// ErrClosed is what a closed pool answers.
var ErrClosed = errors.New("the pool was left")

const (
	beatFirst = time.Second      // until a member is told of: short commands are not
	beatEvery = 5 * time.Second  // how often it says that it is there
	beatFor   = 20 * time.Second // until it counts as gone
	newsEvery = 2 * time.Second  // how often it is asked what was told
	putAgain  = 5 * time.Second  // how often it is tried to put something into a store that took nothing
)

// Pool is one account, as one member shares it. Its methods may be called concurrently.
type Pool struct {
	cfg         Config
	log         *slog.Logger
	coordinator line
	objects     line // to read
	puts        line // the same store, which may be full, or not be written to
	counters    counters

	ctx    context.Context // of what runs behind
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // leases, and what runs behind
	told    []func(news string)
	missed  []func()

	admitted atomic.Bool  // this member has the key of the store
	others   atomic.Int64 // members, as last counted
	waiting  atomic.Int64 // for leases of others, at this member
}

// counters are what a member did.
type counters struct{ waited, lost, alone, had, gave, damaged, turns atomic.Int64 }

// Open joins a pool. It asks nothing yet.
func Open(cfg Config) *Pool {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pool{
		cfg: cfg, log: cfg.Logger,
		coordinator: line{what: "the coordinator of the pool (shared)", hint: hintFail, grace: Grace, log: cfg.Logger},
		objects:     line{what: "the shared store", hint: "what is here is served; documents that others have fetched are not asked for again", grace: storeGrace, log: cfg.Logger},
	}
	p.puts = line{what: "the shared store, to put something there,", hint: "what this machine has is put there later", again: putAgain, log: cfg.Logger}
	if cfg.Alone {
		p.coordinator.hint, p.objects.hint = hintAlone, hintAlone
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.attend)
	return p
}

const (
	hintFail  = `nothing is asked for meanwhile, so that all machines together keep to one rate (shared-on-loss = "degraded" has each go on alone); see: ccsfs doctor`
	hintAlone = "this machine goes on alone, at its share of the rate"
)

// Keeps tells whether the pool has a place for documents and listings.
func (p *Pool) Keeps() bool { return p.cfg.Objects != nil }

// Alone tells whether this member goes on by itself where an engine is away.
func (p *Pool) Alone() bool { return p.cfg.Alone }

// StoreBack tells whether the shared store came back within a time, or takes things again since:
// it may lack what other members have.
func (p *Pool) StoreBack(most time.Duration) bool {
	return p.objects.backFor(most) || p.puts.backFor(most)
}

// begin admits something that lasts, unless the pool is closed; running.Done must follow.
func (p *Pool) begin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.running.Add(1)
	return nil
}

// Close leaves the pool. Leases must have been given back.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.running.Wait()
	err := p.cfg.Coordinator.Close()
	if p.cfg.Objects != nil {
		err = errors.Join(err, p.cfg.Objects.Close())
	}
	return err
}

// OnNews has f called for what members tell, one after the other, and missed where some of
// that may have got lost. Neither may wait for long.
func (p *Pool) OnNews(f func(news string), missed func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told, p.missed = append(p.told, f), append(p.missed, missed)
}

// Tell tells all members something, this one included. It may get lost.
func (p *Pool) Tell(ctx context.Context, news string) error {
	return p.coordinator.once(ctx, func(ctx context.Context) error { return p.cfg.Coordinator.Tell(ctx, news) })
}

// Note has all members, and nobody else, know a value for a time; nil takes it back.
func (p *Pool) Note(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if value != nil {
		var err error
		if value, err = p.cfg.Key.Lock(p.cfg.Account, key, value); err != nil {
			return err
		}
	}
	return p.coordinator.once(ctx, func(ctx context.Context) error { return p.cfg.Coordinator.Set(ctx, key, value, ttl) })
}

// Noted is a value that a member noted, nil if there is none.
func (p *Pool) Noted(ctx context.Context, key string) ([]byte, error) {
	var locked []byte
	err := p.coordinator.once(ctx, func(ctx context.Context) (err error) {
		locked, err = p.cfg.Coordinator.Get(ctx, key)
		return err
	})
	if err != nil || locked == nil {
		return nil, err
	}
	value, err := p.cfg.Key.Unlock(p.cfg.Account, key, locked)
	if err != nil {
		p.counters.damaged.Add(1)
		p.log.Warn("a note at the coordinator is none of a member of the pool; it does not count", "key", key, "error", err)
		return nil, nil
	}
	return value, nil
}

// attend says that this member is there, and hears what others tell, until the pool is left.
func (p *Pool) attend() {
	after, beaten, heard := "", time.Now().Add(beatFirst-beatEvery), time.Now().Add(beatFirst-newsEvery)
	for {
		pause := min(time.Until(beaten.Add(beatEvery)), time.Until(heard.Add(newsEvery)))
		if p.away() {
			pause = min(pause, probeEvery)
		}
		select {
		case <-time.After(max(pause, probeEvery/10)):
		case <-p.ctx.Done():
			p.goodbye()
			return
		}
		p.probe()
		if time.Since(beaten) >= beatEvery {
			p.beat(beatFor)
			beaten = time.Now()
		}
		if time.Since(heard) >= newsEvery {
			after = p.hear(after)
			heard = time.Now()
		}
	}
}

// probe finds out whether what was away is back.
func (p *Pool) probe() {
	p.coordinator.probe(p.ctx, func(ctx context.Context) error {
		name := "probe/" + p.cfg.Member
		if _, err := p.cfg.Coordinator.Acquire(ctx, name, p.cfg.Member, time.Second); err != nil { // a script that writes: who may read alone is of no use
			return err
		}
		return p.cfg.Coordinator.Release(ctx, name, p.cfg.Member)
	})
	p.objects.probe(p.ctx, func(ctx context.Context) error {
		if err := p.admit(ctx); err != nil {
			return err
		}
		return p.stillOurs(ctx)
	})
}

// away tells whether anything is.
func (p *Pool) away() bool {
	coordinator, _ := p.coordinator.gone()
	objects, _ := p.objects.gone()
	return !coordinator.IsZero() || !objects.IsZero()
}

func (p *Pool) beat(ttl time.Duration) {
	about, err := json.Marshal(p.cfg.About)
	if err != nil {
		return // of plain values: it cannot be
	}
	_ = p.coordinator.once(p.ctx, func(ctx context.Context) error {
		members, err := p.cfg.Coordinator.Beat(ctx, p.cfg.Member, about, ttl)
		if err == nil {
			p.others.Store(int64(members))
		}
		return err
	}) // else it counts as gone, until the next time
}

// goodbye has this member count as gone.
func (p *Pool) goodbye() {
	if since, _ := p.coordinator.gone(); !since.IsZero() || p.others.Load() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseMost)
	defer cancel()
	_, _ = p.cfg.Coordinator.Beat(ctx, p.cfg.Member, nil, 0) // else it is forgotten after beatFor
}

// hear passes on what was told since a place in the row of news, and returns the next one.
func (p *Pool) hear(after string) string {
	p.mu.Lock()
	told, missed := p.told, p.missed
	p.mu.Unlock()
	if len(told) == 0 {
		return after
	}
	var news []string
	var lost bool
	last := after
	err := p.coordinator.once(p.ctx, func(ctx context.Context) (err error) {
		news, last, lost, err = p.cfg.Coordinator.News(ctx, after)
		return err
	})
	if err != nil {
		return after
	}
	if lost || after == "" { // what was told before this member came is news, too
		for _, f := range missed {
			f()
		}
	}
	for _, n := range news {
		for _, f := range told {
			f(n)
		}
	}
	return last
}
