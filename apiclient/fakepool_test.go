package apiclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// coordinator is a model of what keeps a pool, by the clock of its bubble.
type coordinator struct {
	mu          sync.Mutex
	tat, paused time.Time
	slowed      time.Time
	recover     time.Time
	halved      int
	away        error

	asked, given, slows int            // Reserve, turns of it, Slow
	looks               map[string]int // Noted, Note and Hold
	notes               map[string]noted
	leases              map[string]*member
}

type noted struct {
	value []byte
	until time.Time
}

func newCoordinator() *coordinator {
	return &coordinator{looks: map[string]int{}, notes: map[string]noted{}, leases: map[string]*member{}}
}

// member is how one client reaches it.
type member struct {
	*coordinator
	grace time.Duration // that calls hold on for while it is away
	share float64
	there atomic.Int64 // nanoseconds that a question takes
	back  atomic.Int64 // and its answer
}

// takes sets how long a question takes, and its answer.
func (m *member) takes(there, back time.Duration) {
	m.there.Store(int64(there))
	m.back.Store(int64(back))
}

var errAway = errors.New("coordinator 192.0.2.1:6379 is away; start it")

// reach is the way to the coordinator; the mutex is held when it returns nil.
func (m *member) reach(ctx context.Context, grace time.Duration) error {
	for end := time.Now().Add(grace); ; {
		if err := nap(ctx, time.Duration(m.there.Load())); err != nil {
			return err
		}
		m.mu.Lock()
		if m.away == nil {
			return nil
		}
		err := m.away
		m.mu.Unlock()
		if !time.Now().Before(end) {
			return err
		}
		if err := nap(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func nap(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *member) Reserve(ctx context.Context, every time.Duration, burst int, most time.Duration) (time.Duration, bool, error) {
	if err := m.reach(ctx, m.grace); err != nil {
		return 0, false, err
	}
	wait, taken := m.reserve(every, burst, most)
	m.mu.Unlock()
	return wait, taken, nap(ctx, time.Duration(m.back.Load()))
}

// reserve is GCRA with a pause. The mutex is held.
func (c *coordinator) reserve(every time.Duration, burst int, most time.Duration) (wait time.Duration, taken bool) {
	now := time.Now()
	c.asked++
	for c.halved > 0 && !now.Before(c.recover) {
		c.halved--
		c.recover = c.recover.Add(slowFor)
	}
	every <<= c.halved
	due := now
	if at := c.tat.Add(-time.Duration(burst-1) * every); at.After(due) {
		due = at
	}
	if c.paused.After(due) {
		due = c.paused
	}
	if wait = due.Sub(now); wait > most {
		return wait, false
	}
	if c.tat.Before(due) {
		c.tat = due
	}
	c.tat = c.tat.Add(every)
	c.given++
	return wait, true
}

func (m *member) Slow(ctx context.Context, sent, pause time.Duration) error {
	if err := m.reach(ctx, m.grace); err != nil {
		return err
	}
	defer m.mu.Unlock()
	now := time.Now()
	m.slows++
	if until := now.Add(pause); until.After(m.paused) {
		m.paused = until
	}
	m.recover = m.paused.Add(slowFor)
	if m.halved == 0 || !now.Add(-sent).Before(m.slowed) {
		m.halved, m.slowed = min(m.halved+1, slowMost), now
	}
	return nil
}

func (m *member) Share() float64 { return m.share }

func (m *member) Note(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if err := m.reach(ctx, 0); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.looks["note"]++
	m.notes[name] = noted{value, time.Now().Add(ttl)}
	return nil
}

func (m *member) Noted(ctx context.Context, name string) ([]byte, error) {
	if err := m.reach(ctx, 0); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	m.looks["noted"]++
	if n, ok := m.notes[name]; ok && time.Now().Before(n.until) {
		return n.value, nil
	}
	return nil, nil
}

func (m *member) Hold(ctx context.Context, name string) (func(), error) {
	if err := m.reach(ctx, m.grace); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	m.looks["hold"]++
	if m.leases[name] != nil {
		return nil, nil
	}
	m.leases[name] = m
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.leases[name] == m {
			delete(m.leases, name)
		}
	}, nil
}

func (c *coordinator) fails(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = err
}

// count is what has been asked of it.
func (c *coordinator) count() (asked, given, slows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked, c.given, c.slows
}

// bubbleClock is a clock of the bubble, which is a different one for each process.
func bubbleClock() func() time.Duration {
	start, offset := time.Now(), time.Duration(rand.Int64N(int64(1000*time.Hour)))
	return func() time.Duration { return offset + time.Since(start) }
}

// joined returns pacers of members of a pool, at a rate each.
func joined(t *testing.T, c *coordinator, next http.RoundTripper, rates ...float64) (list []*pacer, members []*member) {
	for _, perSecond := range rates {
		p, m := newPacer(next, perSecond, 3), &member{coordinator: c}
		p.join(m, func(s string) string { return s })
		p.clock = bubbleClock()
		list, members = append(list, p), append(members, m)
	}
	t.Cleanup(func() {
		for _, p := range list {
			p.leave()
		}
	})
	return list, members
}

// alike is n times the same rate.
func alike(n int, perSecond float64) []float64 {
	rates := make([]float64, n)
	for i := range rates {
		rates[i] = perSecond
	}
	return rates
}

// fleet are clients of one simulated API that share a pool.
type fleet struct {
	*coordinator
	sim     *apisim.Server
	net     *memNet
	clients []*Client
	members []*member
}

// newFleet starts the simulated API and n clients of it, in memory.
func newFleet(t *testing.T, n int, sim *apisim.Server, change ...func(*Config)) *fleet {
	t.Helper()
	f := &fleet{coordinator: newCoordinator(), sim: sim, net: newMemNet()}
	srv := &http.Server{Handler: sim, ErrorLog: silent()}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(f.net) }()
	for range n {
		f.join(t, change...)
	}
	t.Cleanup(func() {
		for _, c := range f.clients {
			c.Close()
		}
		srv.Close()
		<-served
	})
	return f
}

// join adds a client.
func (f *fleet) join(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	m := &member{coordinator: f.coordinator, grace: 3 * time.Second}
	cfg := Config{
		APIURL: "http://localhost" + apisim.APIPath, OAuthURL: "http://localhost" + apisim.OAuthPath,
		ClientID: apisim.ClientID, ClientSecret: apisim.ClientSecret, APIKey: apisim.APIKey,
		RateLimit: 20, Pool: m,
	}
	for _, ch := range change {
		ch(&cfg)
	}
	c, err := newClient(cfg, f.net.dial)
	if err != nil {
		t.Fatal(err)
	}
	c.wire.clock = bubbleClock()
	f.clients, f.members = append(f.clients, c), append(f.members, m)
	return c
}

// each makes n calls of each client, one after the other.
func (f *fleet) each(t *testing.T, n int, call func(c *Client) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i, c := range f.clients {
		wg.Go(func() {
			for range n {
				if err := call(c); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func contracts(t *testing.T) func(c *Client) error {
	return func(c *Client) error {
		_, err := c.Contracts(t.Context())
		return err
	}
}

// within runs something, and fails the test if that takes more than a while by the clock of
// the bubble.
func within(t *testing.T, most time.Duration, f func()) {
	t.Helper()
	before := time.Now()
	f()
	if d := time.Since(before); d > most {
		t.Errorf("took %v, want %v at most", d, most)
	}
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("/", i)
	}
	return list
}
