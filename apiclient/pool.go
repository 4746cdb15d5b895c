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
// coordinator is away all but Share fail: Note and Noted within half a second, and Reserve,
// Slow and Hold after a short grace that a restart needs (a few seconds); once that is
// over, all of them at once, until the coordinator is back. Errors say what is away and
// what to do, and tell no secrets.
type Pool interface {
	// Reserve reserves the next turn of the rate that all share, and tells how long from
	// now it is due: 0 is now. Where none is due within most it reserves nothing, and
	// taken is false: wait is how long it would have been. every is the time from one turn
	// to the next, as this client is set, above 0 and at most a second; burst is how many
	// may be due at once after a pause, at least 1. A Client has one question under way at
	// most, and one turn that it has not used yet.
	//
	// When the turn is due is known only as exactly as the answer is fast. A turn whose
	// answer took 75 ms longer than the fastest of the last ones is not used, and none where
	// all of them take more than 0.375 s.
	Reserve(ctx context.Context, every time.Duration, burst int, most time.Duration) (wait time.Duration, taken bool, err error)

	// Slow tells that the API refused a request for the rate, which was sent some time
	// ago: no turn of anybody is due before pause is over, of a second to a minute, and
	// the rate is halved for a while. A rate that was halved since the request was sent is
	// not halved again.
	Slow(ctx context.Context, sent, pause time.Duration) error

	// Share tells at what share of the rate this client may go on by itself after Reserve
	// has failed: 1 is the whole of it, 0 that it may not. It asks nobody.
	Share() float64

	// Note keeps a value of at most 16 KiB for all of them, for a time; nil removes it.
	// Values are secrets, and encrypted before they leave this machine. Names are of at
	// most 64 letters, digits and "-"; they are made of the credentials by a hash, and
	// better hidden by a keyed one.
	Note(ctx context.Context, name string, value []byte, ttl time.Duration) error

	// Noted tells the value that any of them noted under a name, nil if there is none, or
	// its time is over.
	Noted(ctx context.Context, name string) ([]byte, error)

	// Hold gives the lease of a name to this client, and keeps it up until release is
	// called, or the process ends. release is nil where another client has it: that is not
	// waited for. It may be called more than once, and when the context has ended, and does
	// not wait for long. The names are those of Note, and have nothing to do with the
	// values.
	Hold(ctx context.Context, name string) (release func(), err error)
}
