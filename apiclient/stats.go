package apiclient

import "time"

// Stats is a snapshot of what a Client did and how it is doing.
type Stats struct {
	// Calls counts requests sent, retries included, by operation (token,
	// contracts, contract, documents, file) and result (ok, client_error,
	// rate_limited, server, network, canceled). All keys are always there.
	Calls   map[string]map[string]int64
	Retries int64 // requests sent again after a failure

	// What the circuit breaker did: calls that it failed at once, calls that it
	// held back until the API was in reach again or their patience was over, and
	// requests that it sent to see whether it is.
	Rejected, Waited, Probes int64

	// The time during which at least one call waited for the rate limit, or for
	// the API to be in reach: by the clock on the wall, however many waited.
	RateWait, OutageWait time.Duration

	PoolTurns  int64         // turns taken of Config.Pool, and used
	PoolLost   int64         // turns reserved of it that could not be used in time
	PoolWait   time.Duration // the time during which at least one call waited for a turn of it
	PoolTokens int64         // tokens taken from it

	InFlight      int     // connection slots in use, bodies not yet closed included
	Waiting       int     // requests waiting for a slot or for the rate
	WaitingForAPI int     // calls that the circuit breaker holds back
	Rate          float64 // requests a second allowed now, below the setting after a rate limit answer; 0: no limit

	TokenObtained time.Time // zero: no token
	TokenExpires  time.Time // as announced; zero: no token
	TokenNextTry  time.Time // the token endpoint refused and is not asked before; zero: it may be asked

	Gateway bool // it is a gateway that is asked, as far as the last token told

	Breaker      string    // closed, open or half-open (a probe is due or on its way)
	BreakerSince time.Time // of the state
	NextTry      time.Time // when an open breaker lets a probe pass; zero unless open

	Errors []Failure // the latest failed requests, at most 10, oldest first
}

// Failure is a request that failed, for Stats.
type Failure struct {
	Time time.Time
	Op   string
	Text string // of the error, without secrets
}
