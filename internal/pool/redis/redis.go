// Package redis is the coordinator that Redis, or Valkey, is: from version 5 on, one server
// or a primary with replicas behind one address. Clusters and sentinels are not served. All
// that must happen at once is one script, and the clock is that of the server. What members
// make of it does not belong here; pool/memory is the model of it.
package redis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/internal/pool"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// How long a server is waited for. Whoever calls is gone after [pool.CoordinatorPatience]: a
// connection that comes about, or an answer that comes, later than that is for the next call.
const (
	dialTimeout = 500 * time.Millisecond
	ioTimeout   = 300 * time.Millisecond
	// poolSize is how many connections there are at most, where the address does not say.
	poolSize = 8
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
	// RootCAs are who may have signed the certificate of the server; nil: who the system
	// trusts.
	RootCAs *x509.CertPool
}

// Format implements fmt.Formatter: a password is not shown.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Address.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (c Config) MarshalText() ([]byte, error) { return c.Address.MarshalText() }

// Coordinator is a [pool.Coordinator] in Redis.
type Coordinator struct {
	client  *redis.Client
	waits   patience
	where   string // for people
	secrets []string
	prefix  string
	mark    string // of this one, which no other has
	marks   atomic.Int64
	tls     bool
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
		o.Password = cfg.Password
	}
	if o.TLSConfig != nil {
		o.TLSConfig = o.TLSConfig.Clone()
		o.TLSConfig.RootCAs = cfg.RootCAs
	}
	o.Dialer = dialer(o.TLSConfig, p.dial)
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = p.dial, p.io, p.io, p.call
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.PipelinePoolSize = -1
	if o.PoolSize == 0 {
		o.PoolSize = poolSize
	}
	o.MaxActiveConns = o.PoolSize
	logging.Disable() // it writes to stderr; each error is returned, too
	return &Coordinator{
		client:  redis.NewClient(&o),
		waits:   p,
		where:   cfg.Address.String(),
		secrets: secretsOf(&o, cfg.Address.options.Password),
		prefix:  "ccsfs:{" + cfg.Account + "}:",
		mark:    rand.Text(),
		tls:     o.TLSConfig != nil,
		scripts: newScripts(clockLua),
	}, nil
}

// dialer dials as that of the library does, which does not end with its context where there
// is TLS.
func dialer(config *tls.Config, timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: timeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	if config == nil {
		return plain.DialContext
	}
	return (&tls.Dialer{NetDialer: plain, Config: config}).DialContext
}

// Close closes the connections. Calls that are under way fail.
func (c *Coordinator) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.client.Close()
	c.calls.Wait()
	if errors.Is(err, redis.ErrClosed) {
		return nil
	}
	return err
}

// answer is what came of a call.
type answer[T any] struct {
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
	if !c.enter() {
		return none, errClosed
	}
	waiting, stop := context.WithTimeout(ctx, c.waits.call)
	answers := make(chan answer[T])
	go func() {
		defer c.calls.Done()
		behind, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.waits.behind())
		defer cancel()
		value, err := do(behind)
		select {
		case answers <- answer[T]{value, err}:
		case <-waiting.Done():
			if err == nil && late != nil {
				late(value)
			}
		}
	}()
	defer stop()
	select {
	case a := <-answers:
		if a.err != nil {
			return none, c.explain(a.err)
		}
		return a.value, nil
	case <-waiting.Done():
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	return none, fmt.Errorf("redis at %s does not answer within %s: %w", c.where, c.waits.call, pool.ErrAway)
}

// errClosed is of calls after Close.
var errClosed = errors.New("redis: the coordinator is closed")

// enter notes a call, unless the coordinator is closed.
func (c *Coordinator) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.calls.Add(1)
	}
	return !c.closed
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
	whole := make([]string, len(keys))
	for i, name := range keys {
		whole[i] = c.key(name)
	}
	v, err := s.Run(ctx, c.client, whole, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return v, err
}
