package apiclient

import (
	"context"
	"time"
)

// Pool is what clients on many machines that use one application share: its rate, its
// token, and what is known of refused credentials. Whoever implements it keeps that with a
// coordinator that all of them reach; a Client only asks.
//
// Its methods may be called concurrently, and end with their context. While the
// coordinator is away all but Alone fail: within 0.4 s, or, where it may be back in a
// moment, after a short grace (a few seconds, that a restart needs), and from then on at
// once, until it is back. Texts of errors tell no secrets.
type Pool interface {
	// Reserve reserves the next turn of the rate that all share, and tells how long from
	// now it is due: 0 is now. Where none is due within most it reserves nothing, and
	// taken is false: wait is how long it would have been. every is the time from one turn
	// to the next, as this client is set, above 0 and at most a second; burst is how many
	// may be due at once after a pause, at least 1. A Client has one question under way at
	// most, and one turn that it has not used yet. What it takes longer to be told than
	// usual counts against the turn: such a one is not used if that is 75 ms or more.
	Reserve(ctx context.Context, every time.Duration, burst int, most time.Duration) (wait time.Duration, taken bool, err error)

	// Slow tells that the API refused a request for the rate, which was sent some time
	// ago: no turn of anybody is due for as long as pause, between a second and a minute,
	// and the rate is halved for a while. It does nothing more to a rate that was halved
	// since the request was sent.
	Slow(ctx context.Context, sent, pause time.Duration) error

	// Alone tells at what share of the rate, from 0 to 1, this client may go on by itself
	// after Reserve has failed: 1 is the whole of it, 0 that it may not. It asks nobody.
	Alone() float64

	// Recall tells the value that any of them remembered under a name, nil if there is
	// none, or its time is over.
	Recall(ctx context.Context, name string) ([]byte, error)

	// Remember keeps a value of at most 8 KiB for all of them, for a time; nil removes it.
	// Values are secrets: they are encrypted before they leave this machine. Names are of
	// at most 64 letters, digits and "-"; they are made of secrets by a hash, which a keyed
	// one had better hide.
	Remember(ctx context.Context, name string, value []byte, ttl time.Duration) error

	// Hold gives the lease of a name to this client, and keeps it up until release is
	// called, or the process ends. release is nil where another client has it: Hold does
	// not wait. It may be called once the context has ended, more than once, and does
	// not wait for long. The names are those of Recall, and have nothing to do with the
	// values.
	Hold(ctx context.Context, name string) (release func(), err error)
}
