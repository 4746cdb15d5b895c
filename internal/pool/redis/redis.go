// Package redis is the coordinator that Redis, or Valkey, is: from version 5 on, one server
// or a primary with replicas behind one address. Clusters and sentinels are not served. All
// that must happen at once is one script, and the clock is that of the server. What members
// make of it does not belong here; pool/memory is the model of it.
package redis

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/internal/pool"
	"github.com/gomodule/redigo/redis"
	"golang.org/x/sync/semaphore"
)

// How long a server is waited for. Whoever calls is gone after [pool.CoordinatorPatience]: a
// connection that comes about, or an answer that comes, later than that is for the next call.
const (
	dialTimeout = 500 * time.Millisecond
	ioTimeout   = 300 * time.Millisecond
)

// patience is how long a server is waited for.
type patience struct{ call, dial, io time.Duration }

// behind bounds what goes on behind a call: dialing, greeting, a script that the server does
// not know yet.
func (p patience) behind() time.Duration { return p.dial + 3*p.io }

// keep is how long after its last use anything is kept: nothing is left for ever of an
// account that nobody uses.
const keep = 7 * 24 * time.Hour

// Config says which server, and what of it.
type Config struct {
	Address Address
	// Password is used instead of that of the address, if it is not empty.
	Password string
	// Account is what the keys begin with, as "ccsfs:{ACCOUNT}:". It must not be empty, nor
	// hold braces.
	Account string
	// RootCAs are who may have signed the certificate of the server, beside those of a file
	// that the address names; nil: who the system trusts.
	RootCAs *x509.CertPool
}

// Format implements fmt.Formatter: a password is not shown.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Address.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (c Config) MarshalText() ([]byte, error) { return c.Address.MarshalText() }

// Coordinator is a [pool.Coordinator] in Redis.
type Coordinator struct {
	pool    *redis.Pool
	room    *semaphore.Weighted // one for each connection that there may be
	waits   patience
	ending  context.Context // ends with Close
	end     context.CancelFunc
	where   string // for people
	secrets []string
	prefix  string
	mark    string // of this one, which no other has
	marks   atomic.Int64
	tls     bool
	heard   atomic.Bool // the server has done something once
	scripts scripts
	calls   sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

var _ pool.Coordinator = (*Coordinator)(nil)

// Open makes a coordinator. It asks the server for nothing: that is away, or refuses, when
// it is used.
func Open(cfg Config) (*Coordinator, error) {
	return open(cfg, patience{call: pool.CoordinatorPatience, dial: dialTimeout, io: ioTimeout})
}

func open(cfg Config, p patience) (*Coordinator, error) {
	if cfg.Address.options == nil {
		return nil, errors.New("redis: no address is given")
	}
	if !accountOK(cfg.Account) {
		return nil, errors.New("redis: the name of an account must not be empty, nor hold braces or spaces")
	}
	o := *cfg.Address.options
	if cfg.Password != "" {
		o.password = cfg.Password
	}
	roots, err := trusted(o.caFile, cfg.RootCAs)
	if err != nil {
		return nil, err
	}
	ending, end := context.WithCancel(context.Background())
	return &Coordinator{
		pool:    newPool(o, roots, p),
		room:    semaphore.NewWeighted(int64(o.poolSize)),
		waits:   p,
		ending:  ending,
		end:     end,
		where:   cfg.Address.String(),
		secrets: secretsOf(o.password, cfg.Address.options.password),
		prefix:  "ccsfs:{" + cfg.Account + "}:",
		mark:    rand.Text(),
		tls:     o.tls,
		scripts: newScripts(clockLua),
	}, nil
}

// Close closes the connections. Calls that are under way fail.
func (c *Coordinator) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.calls.Wait()
	return c.pool.Close() // not before: it closes those that nobody uses
}

// outcome is what came of a call.
type outcome[T any] struct {
	value T
	err   error
}

// call does something with the server, and waits for it until the context ends or patience
// does. What ends later than that is handed to late, if that is not nil.
func call[T any](ctx context.Context, c *Coordinator, do func(context.Context) (T, error), late func(T)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	waiting, stop := context.WithTimeout(ctx, c.waits.call)
	defer stop()
	if err := c.enter(ctx, waiting); err != nil {
		return none, err
	}
	outcomes := make(chan outcome[T])
	go func() {
		defer c.leave()
		behind, cancel := c.behind(ctx)
		defer cancel()
		value, err := do(behind)
		select {
		case outcomes <- outcome[T]{value, err}:
		case <-waiting.Done():
			if err == nil && late != nil {
				late(value)
			}
		}
	}()
	select {
	case o := <-outcomes:
		if o.err != nil {
			return none, c.explain(o.err)
		}
		c.heard.Store(true)
		return o.value, nil
	case <-waiting.Done():
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	hint := ""
	if c.tls && !c.heard.Load() {
		hint = "; to rediss:// a server without TLS is silent"
	}
	return none, fmt.Errorf("redis at %s does not answer within %s%s: %w", c.where, c.waits.call, hint, pool.ErrAway)
}

// errClosed is of calls after Close.
var errClosed = errors.New("redis: the coordinator is closed")

// enter notes a call, unless the coordinator is closed, once there is a connection that it
// may use, or room for one.
func (c *Coordinator) enter(ctx, waiting context.Context) error {
	if err := c.room.Acquire(waiting, 1); err != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fmt.Errorf("redis at %s: all connections to it wait for answers, for %s: %w", c.where, c.waits.call, pool.ErrAway)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.room.Release(1)
		return errClosed
	}
	c.calls.Add(1)
	return nil
}

// leave is the end of what enter noted.
func (c *Coordinator) leave() {
	c.room.Release(1)
	c.calls.Done()
}

// behind is a context for what goes on behind a call, whether or not somebody waits for it.
func (c *Coordinator) behind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.waits.behind())
	stop := context.AfterFunc(c.ending, cancel)
	return ctx, func() { stop(); cancel() }
}

// newMark is a mark that nothing else has.
func (c *Coordinator) newMark() string { return c.mark + strconv.FormatInt(c.marks.Add(1), 36) }

func (c *Coordinator) key(name string) string { return c.prefix + name }

// run runs a script.
func (c *Coordinator) run(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	return call(ctx, c, func(ctx context.Context) (any, error) { return c.eval(ctx, s, keys, args...) }, nil)
}

// eval runs a script without a word about who waits for it.
func (c *Coordinator) eval(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	whole := make([]any, 0, len(keys)+len(args))
	for _, name := range keys {
		whole = append(whole, c.key(name))
	}
	return c.with(ctx, func(conn redis.Conn) (any, error) {
		return s.DoContext(ctx, conn, append(whole, args...)...)
	})
}

// do gives one command, without a word about who waits for it.
func (c *Coordinator) do(ctx context.Context, command string, args ...any) (any, error) {
	return c.with(ctx, func(conn redis.Conn) (any, error) {
		return redis.DoContext(conn, ctx, command, args...)
	})
}

// with uses a connection, and gives it back.
func (c *Coordinator) with(ctx context.Context, use func(redis.Conn) (any, error)) (any, error) {
	conn, err := c.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // what is the matter with it was told by then
	return use(conn)
}
