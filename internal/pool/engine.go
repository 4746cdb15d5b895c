// Package pool is the protocol by which many machines share one account: each document is asked
// for once by all of them, at one rate.
package pool

import (
	"context"
	"io"
	"iter"
	"time"
)

// What the protocol needs of the engines below it. Neither knows what the names and the
// values stand for. Packages below this one are the kinds of them, and pooltest has the
// tests that each kind must pass.

// Coordinator says who does what now: Redis, or a model of it. It has one clock, its own,
// and whatever it holds may be lost at any moment, by a restart without a disk. Its methods
// may be called concurrently; each is one round trip, ends with its context, and fails
// within [CoordinatorPatience] where the engine is away.
type Coordinator interface {
	// Turn reserves the next turn of a rate that all members share, and tells how long
	// from now that is. Where it is longer than most it reserves nothing, and taken is
	// false: wait is how long it would have been.
	Turn(ctx context.Context, rate Rate, most time.Duration) (wait time.Duration, taken bool, err error)
	// Slow pauses all turns, and halves the rate until a while later, since the API
	// refused a request that was sent some time ago. What was sent before the rate was
	// last halved does not halve it again.
	Slow(ctx context.Context, sent, pause time.Duration) error
	// Pace tells how turns are given now.
	Pace(ctx context.Context) (Pace, error)

	// Acquire gives a lease of a name to a holder, for a time, unless somebody has it: by
	// is who has it now, and holder itself if it was given. Holders are never the same
	// twice.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (by string, err error)
	// Renew prolongs a lease, if the holder has it still.
	Renew(ctx context.Context, name, holder string, ttl time.Duration) (held bool, err error)
	// Release gives a lease back, if the holder has it still.
	Release(ctx context.Context, name, holder string) error
	// Leases tells who has which.
	Leases(ctx context.Context) (map[string]string, error)

	// Get tells a value that was set, nil if there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set sets a value for a time; nil removes it.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Tell tells all members something.
	Tell(ctx context.Context, news string) error
	// News is what was told after a place in the row of all news, and the place of the last
	// of them; "" is the place where the row ends now. missed: some of it is not there any
	// more, or the engine has forgotten the place.
	News(ctx context.Context, after string) (news []string, last string, missed bool, err error)

	// Beat notes that a member is there, for a time, and what it says of itself, and tells
	// how many are there now; a zero time ends that, and tells 0.
	Beat(ctx context.Context, member string, about []byte, ttl time.Duration) (members int, err error)
	// Members tells who is there.
	Members(ctx context.Context) (map[string][]byte, error)

	Close() error
}

// CoordinatorPatience is how long a coordinator that does not answer is waited for.
const CoordinatorPatience = 400 * time.Millisecond

// Rate is how often members may ask, together.
type Rate struct {
	Every time.Duration // from one turn to the next
	Burst int           // turns that may be taken at once after a pause
}

// Pace is how turns are given.
type Pace struct {
	Ahead  time.Duration // until the next turn that is free, were there no burst
	Paused time.Duration // nothing goes before; 0: no pause
	Halved int           // how often the rate is halved
}

// Bounds of what a coordinator keeps of the rate; see Slow.
const (
	SlowFor   = 30 * time.Second // until a slowed rate doubles again
	SlowMost  = 4                // halvings
	PauseMost = time.Minute
	// ForgottenPause is how long no turn is given once the coordinator has lost what it knew:
	// turns of the last second may have been given, and others that are still to come, as far
	// ahead as members ask for (apiclient: 2 s at the most).
	ForgottenPause = 2 * time.Second
	// AheadMost bounds how far ahead a turn can have been given: more is of a wrong clock.
	AheadMost = 10 * time.Second
)

// Objects keeps what is known: a bucket of S3, or something like it. A Put is seen by all
// members when it returns, whole or not at all; two at once leave either. Names are
// of letters, digits, "/", "-", "_" and ".", at most 200 bytes. Its methods may be called
// concurrently.
type Objects interface {
	// Get opens an object. The error Is fs.ErrNotExist where there is none.
	Get(ctx context.Context, name string) (Object, error)
	// Put makes the bytes of body an object, in the place of one that is there.
	Put(ctx context.Context, name string, body io.ReaderAt, size int64) error
	// Remove removes an object, if there is one.
	Remove(ctx context.Context, name string) error
	// List tells the objects whose names begin with a prefix, by name. SeaweedFS sorts each
	// directory by itself, "a/b" before "a-b": of such names a pool has none.
	List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error]
	Close() error
}

// Object is an object that is open. Fewer bytes than Size are an error of Body.
type Object struct {
	Body io.ReadCloser
	Size int64 // bytes
}

// ObjectInfo is what a list tells of an object.
type ObjectInfo struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}
