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

// guessesWhileWaiting is how many passwords may be tried by whoever has to wait, until a
// password that was right from there before is not heard either: who guesses could tell it by
// that. A drive that has an old password sends one again and again: it counts once.
const guessesWhileWaiting = 100

// failures counts wrong passwords, by where they come from.
type failures struct {
	mu    sync.Mutex
	all   map[string]time.Time // when as many are forgotten as there were
	turns map[string]*turn     // of those who have a password compared

	guesses map[string]time.Time           // the same of those that were not compared
	wrong   map[[sha256.Size]byte]struct{} // they were, see verified.hash
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
	f.all = later(f.all, remote, now)
}

// guessed notes a password that was not compared, for who sent it has to wait.
func (f *failures) guessed(remote string, what [sha256.Size]byte, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, again := f.wrong[what]; again {
		return
	}
	if f.wrong == nil || len(f.wrong) >= mostRemotes {
		f.wrong = map[[sha256.Size]byte]struct{}{}
	}
	f.wrong[what] = struct{}{}
	if f.guesses[remote].Sub(now) < guessesWhileWaiting*failureEvery { // they are forgotten again
		f.guesses = later(f.guesses, remote, now)
	}
}

// guessing reports whether somebody there goes on guessing.
func (f *failures) guessing(remote string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.guesses[remote].Sub(now) > (guessesWhileWaiting-1)*failureEvery
}

// later has one more forgotten after the others of an address.
func later(all map[string]time.Time, remote string, now time.Time) map[string]time.Time {
	if all == nil {
		all = map[string]time.Time{}
	}
	if len(all) >= mostRemotes {
		maps.DeleteFunc(all, func(_ string, until time.Time) bool { return until.Before(now) })
	}
	for key := range all {
		if len(all) < mostRemotes {
			break
		}
		delete(all, key) // any
	}
	until := all[remote]
	if until.Before(now) {
		until = now
	}
	all[remote] = until.Add(failureEvery)
	return all
}

func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

// mostVerified bounds the passwords that are known to be right.
const mostVerified = 1000

// verified remembers passwords that were right, by a keyed hash, and from where they came:
// checking one against a file of users takes a twentieth of a second on purpose, and a drive
// sends it each time.
type verified struct {
	key []byte
	mu  sync.Mutex
	all map[[sha256.Size]byte]string // what the user was, see Users.mark
}

func (v *verified) hash(name, password, from string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, v.key)
	_, _ = h.Write([]byte(strconv.Itoa(len(from)) + ":" + from + strconv.Itoa(len(name)) + ":" + name + password)) // never fails
	h.Sum(sum[:0])
	return sum
}

func (v *verified) holds(users *Users, name, password, from string) bool {
	key := v.hash(name, password, from)
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
func (v *verified) add(name, password, from, as string) {
	key := v.hash(name, password, from)
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
