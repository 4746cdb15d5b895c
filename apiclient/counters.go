package apiclient

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// The results of requests, for the statistics.
const (
	resultOK          = "ok"
	resultClient      = "client_error"
	resultRateLimited = "rate_limited"
	resultServer      = "server"
	resultNetwork     = "network"
	resultCanceled    = "canceled"
)

const keptFailures = 10

// counters counts requests and keeps the latest failures.
type counters struct {
	mu       sync.Mutex
	calls    map[string]map[string]int64
	retries  int64
	failures []Failure
}

func newCounters() *counters {
	c := &counters{calls: map[string]map[string]int64{}}
	for _, op := range []string{opToken, opContracts, opContract, opDocuments, opFile} {
		c.calls[op] = map[string]int64{
			resultOK: 0, resultClient: 0, resultRateLimited: 0,
			resultServer: 0, resultNetwork: 0, resultCanceled: 0,
		}
	}
	return c
}

func (c *counters) sent(op, result string, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[op][result]++
	if again {
		c.retries++
	}
}

// failed keeps an error for Stats. Those answered from memory are left out:
// they would push out what they repeat.
func (c *counters) failed(e *Error) {
	if e.rejected {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) == keptFailures {
		c.failures = slices.Delete(c.failures, 0, 1)
	}
	c.failures = append(c.failures, Failure{Time: time.Now(), Op: e.Op, Text: e.Error()})
}

func (c *counters) report(s *Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Calls = make(map[string]map[string]int64, len(c.calls))
	for op, results := range c.calls {
		s.Calls[op] = maps.Clone(results)
	}
	s.Retries = c.retries
	s.Errors = slices.Clone(c.failures)
}

// resultOf classifies the outcome of one request; nil is a good one.
func resultOf(e *Error) string {
	switch {
	case e == nil:
		return resultOK
	case e.is(ErrRateLimited):
		return resultRateLimited
	case e.is(ErrServer):
		return resultServer
	case e.Status != 0:
		return resultClient
	case errors.Is(e, errCallerLeft):
		return resultCanceled
	}
	return resultNetwork
}
