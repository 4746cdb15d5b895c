package apiclient

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// breaker holds requests back while what they ask for is out of reach. It has a
// circuit for the API and one for the token endpoint, which are about the
// network, and one for each operation on each contract, which is about the
// errors that the API itself answers with: one contract that always fails must
// not make the others unreachable. Where witnesses tell that an operation is out of
// order whatever the contract, it has a circuit for all of them, so that the probes of
// many contracts do not add up.
//
// A request passes it twice. At the door, before it takes a slot or its share of
// the rate, it waits while a circuit is open, or becomes the probe. Just before
// it is sent, guard turns it back if a circuit opened meanwhile.
type breaker struct {
	log      *slog.Logger
	timeout  time.Duration
	patience time.Duration

	life    context.Context // of the probes, which belong to no caller
	close   context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	api      *circuit
	token    *circuit
	circuits map[circuitKey]*circuit

	witnesses  map[string]*witness // the latest good request of each operation
	inquiry    *inquiry            // on its way; nil: none
	vain       map[string]vain     // operations of which nothing was had yet
	askedAgain time.Time           // a witness that was well, whether it stays so
	peers      []peer              // documents that may be asked for, where none was had yet
	source     func() []peer       // of more of them; nil: there are none

	rejected, waited, probes int64
	arrivals                 int64     // of calls at the door
	waiting                  int       // calls at the door
	waitingSince             time.Time // when the first of them came
	waitedFor                time.Duration
}

func newBreaker(timeout, patience time.Duration, log *slog.Logger) *breaker {
	now := time.Now()
	b := &breaker{
		log: log, timeout: timeout, patience: patience, circuits: map[circuitKey]*circuit{}, witnesses: map[string]*witness{}, vain: map[string]vain{},
		api: newCircuit("", "", nil, now), token: newCircuit(opToken, "", nil, now),
	}
	b.life, b.close = context.WithCancel(context.Background())
	return b
}

// circuitKey is what is asked of whom.
type circuitKey struct{ op, contract string }

// ticket lets a call pass. It says what was known when it did.
type ticket struct {
	passes []pass
	probe  bool

	witness *witness // that goes in its place; the call comes again
	heard   *call    // as which
}

type pass struct {
	circuit *circuit
	epoch   int
	probe   bool // of this circuit, which is open
	body    bool // a probe whose answer has come, and tells by its body
}

// of returns the circuits of a call: that of what it is sent to, and that of what
// it asks for. The mutex is held.
func (b *breaker) of(cl *call) []pass {
	if cl.op == opToken {
		return []pass{{circuit: b.token, epoch: b.token.epoch}}
	}
	passes := []pass{{circuit: b.api, epoch: b.api.epoch}}
	if wide := b.wide(cl); wide != nil {
		passes = append(passes, pass{circuit: wide, epoch: wide.epoch})
	}
	c := b.circuit(circuitKey{cl.op, cl.contract})
	return append(passes, pass{circuit: c, epoch: c.epoch})
}

// circuit is that of an operation. The mutex is held.
func (b *breaker) circuit(key circuitKey) *circuit {
	c := b.circuits[key]
	if c == nil {
		c = newCircuit(key.op, key.contract, b.api, time.Now())
		b.circuits[key] = c
	}
	return c
}

// wide is the circuit of an operation on all contracts, nil of one on none. The mutex
// is held.
func (b *breaker) wide(cl *call) *circuit {
	if cl.contract == "" {
		return nil
	}
	c := b.circuit(circuitKey{op: cl.op})
	c.wide = true
	return c
}

// operation is the circuit of what a call asks for. The mutex is held.
func (b *breaker) operation(cl *call) *circuit {
	passes := b.of(cl)
	return passes[len(passes)-1].circuit
}

// attrs are a log line's, with the operation in front if the circuit has one.
func (c *circuit) attrs(rest ...any) []any {
	attrs := []any{}
	if c.op != "" {
		attrs = append(attrs, "op", c.op)
	}
	if c.contract != "" {
		attrs = append(attrs, "contract", c.contract)
	}
	return append(attrs, rest...)
}

// start runs a probe, unless the client was closed.
func (b *breaker) start(probe func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.Err() != nil {
		return false
	}
	b.running.Go(probe)
	return true
}

// stop ends the probes under way and waits for them.
func (b *breaker) stop() {
	b.mu.Lock()
	b.close()
	b.mu.Unlock()
	b.running.Wait()
}

// report fills in the breaker's part of the statistics.
func (b *breaker) report(s *Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s.Rejected, s.Waited, s.Probes = b.rejected, b.waited, b.probes
	s.OutageWait = b.waitedFor
	if b.waiting > 0 {
		s.OutageWait += now.Sub(b.waitingSince)
	}
	s.WaitingForAPI = b.waiting
	c := b.api
	if !c.open && b.token.open {
		c = b.token
	}
	s.BreakerSince = c.changed
	switch {
	case !c.open:
		s.Breaker = "closed"
	case c.inFlight == 0 && now.Before(c.next):
		s.Breaker, s.NextTry = "open", c.next
	default:
		s.Breaker = "half-open"
	}
}
