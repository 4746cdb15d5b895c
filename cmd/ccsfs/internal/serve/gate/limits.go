package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"
)

// How much one may ask, and guess.

// The bounds of what a user has under way at the same time: a browser has six, a network
// drive a dozen, and many people may share a user.
const (
	mostOfUser   = 512
	mostOfRemote = 256 // of a user from one address
)

// busy counts requests under way.
type busy struct {
	mu  sync.Mutex
	now map[string]int
}

// begin notes one more, if it may be; done that it has ended.
func (b *busy) begin(user, remote string) (done func(), ok bool) {
	from := user + "\x00" + remote
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		b.now = map[string]int{}
	}
	if b.now[user] >= mostOfUser || b.now[from] >= mostOfRemote {
		return nil, false
	}
	b.now[user]++
	b.now[from]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, key := range [...]string{user, from} {
			if b.now[key]--; b.now[key] == 0 {
				delete(b.now, key)
			}
		}
	}, true
}

// Wrong passwords: some at once, as people make them, and then one in a while.
const (
	failuresAtOnce = 10
	failureEvery   = 10 * time.Second
	mostRemotes    = 10_000
)

// failures counts wrong passwords, by where they come from.
type failures struct {
	mu    sync.Mutex
	all   map[string]time.Time // when as many are forgotten as there were
	turns map[string]*turn     // of those who have a password compared
}

// turn is the right to have a password compared: one at a time from an address, so that many
// at once are no more guesses than one after the other.
type turn struct {
	sync.Mutex
	wanted int // by how many, failures.mu is held
}

// turn waits for the turn of an address; done ends it.
func (f *failures) turn(remote string) (done func()) {
	f.mu.Lock()
	if f.turns == nil {
		f.turns = map[string]*turn{}
	}
	t := f.turns[remote]
	if t == nil {
		t = &turn{}
		f.turns[remote] = t
	}
	t.wanted++
	f.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		f.mu.Lock()
		defer f.mu.Unlock()
		if t.wanted--; t.wanted == 0 {
			delete(f.turns, remote)
		}
	}
}

// wait is for how long nothing is tried from there any more.
func (f *failures) wait(remote string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[remote].Sub(now.Add((failuresAtOnce - 1) * failureEvery))
}

func (f *failures) add(remote string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[string]time.Time{}
	}
	if len(f.all) >= mostRemotes {
		maps.DeleteFunc(f.all, func(_ string, until time.Time) bool { return until.Before(now) })
	}
	for key := range f.all {
		if len(f.all) < mostRemotes {
			break
		}
		delete(f.all, key) // any
	}
	until := f.all[remote]
	if until.Before(now) {
		until = now
	}
	f.all[remote] = until.Add(failureEvery)
}

func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

// mostVerified bounds the passwords that are known to be right.
const mostVerified = 1000

// verified remembers passwords that were right, by a keyed hash: checking one against a
// file of users takes a twentieth of a second on purpose, and a drive sends it each time.
type verified struct {
	key []byte
	mu  sync.Mutex
	all map[[sha256.Size]byte]string // what the user was, see Users.mark
}

func (v *verified) hash(name, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, v.key)
	_, _ = h.Write([]byte(strconv.Itoa(len(name)) + ":" + name + password)) // never fails
	h.Sum(sum[:0])
	return sum
}

func (v *verified) holds(users *Users, name, password string) bool {
	key := v.hash(name, password)
	v.mu.Lock()
	defer v.mu.Unlock()
	as, ok := v.all[key]
	if ok && users.mark(name) != as {
		delete(v.all, key)
		return false
	}
	return ok
}

// add remembers a password that is right for who has a mark.
func (v *verified) add(name, password, as string) {
	key := v.hash(name, password)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.all == nil || len(v.all) >= mostVerified {
		v.all = map[[sha256.Size]byte]string{}
	}
	v.all[key] = as
}

// broken is what was told of files of users that cannot be used.
type broken struct {
	mu   sync.Mutex
	told string
}

// look has the log told of what has become of the files, once.
func (b *broken) look(users *Users, logger *slog.Logger) {
	text := ""
	err := users.Err()
	if err != nil {
		text = err.Error()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case text == b.told:
	case err != nil:
		logger.Warn("users cannot be let in", "error", err)
	default:
		logger.Info("users can be let in again")
	}
	b.told = text
}
