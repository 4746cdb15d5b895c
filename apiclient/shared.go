package apiclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ccsfs/internal/osfile"
)

const (
	sharedBytes = 1024        // of the file, always: writing never changes its length
	sharedAgain = time.Second // until a file that could not be used is tried again

	// sharedLock is how long the lock is waited for. It is held for microseconds of
	// its holder's time, but on a busy machine that may lose the processor meanwhile.
	sharedLock = time.Second

	// supersedeTries is how often the lock is tried under which a file is superseded,
	// a millisecond apart.
	supersedeTries = 50

	aheadMost = 4 * time.Second // that the turns given away may lie in the future
	costMost  = time.Second     // of a turn, for processes with a very low rate
)

// sharedState is what all processes that use the same application know together.
// Times are those of the pacer's clock.
type sharedState struct {
	Boot string `json:"boot,omitempty"` // that the times are of

	// TAT is when the next turn would be due if all were taken evenly: the
	// theoretical arrival time of the generic cell rate algorithm (ITU-T I.371).
	// That one number is the whole limiter: it needs no process to keep it.
	TAT time.Duration `json:"tat"`

	Token   time.Duration `json:"token,omitempty"`   // TAT of the token endpoint, which has a limit of its own
	Paused  time.Duration `json:"paused,omitempty"`  // nothing goes before
	Slowed  time.Duration `json:"slowed,omitempty"`  // when the rate was last halved
	Recover time.Duration `json:"recover,omitempty"` // when it doubles again
	Halved  int           `json:"halved,omitempty"`  // how often it is halved now

	Refused      string        `json:"refused,omitempty"`       // digest of the credentials that the token endpoint refused last
	RefusedTimes int           `json:"refused_times,omitempty"` // in a row
	RefusedUntil time.Duration `json:"refused_until,omitempty"` // not asked with them before
}

// clamp makes what another process wrote, or chance, plausible: no clock and no
// damage may stop the requests for longer than what can have been meant.
func (s *sharedState) clamp(now time.Duration) {
	s.TAT = min(s.TAT, now+aheadMost)
	s.Token = min(s.Token, now+(exchangeBurst+1)*exchangeEvery)
	s.Paused = min(s.Paused, now+pauseMost)
	s.Slowed = min(s.Slowed, now)
	s.Recover = min(s.Recover, now+pauseMost+slowFor)
	s.Halved = min(max(s.Halved, 0), slowMost)
	s.RefusedUntil = min(s.RefusedUntil, now+refusedFirst)
	if s.Halved > 0 && s.Recover <= 0 {
		s.Recover = now + slowFor
	}
}

// sharedFile is the state in a file. Processes that end, however they do, leave
// nothing behind that would have to be cleared up: the lock is the kernel's
// (flock(2)), and turns that were taken pass.
type sharedFile struct {
	path  string
	boot  string
	clock func() time.Duration
	sleep func(time.Duration)
	log   *slog.Logger

	mu      sync.Mutex
	f       *os.File
	again   time.Duration // not tried before
	stopped bool          // the lock was waited for in vain, and was not to be had since
	before  *sharedState  // of the file that another one took the place of; nil: none
	said    bool
}

func newSharedFile(path string, clock func() time.Duration, log *slog.Logger) *sharedFile {
	return &sharedFile{path: path, boot: bootID(), clock: clock, sleep: time.Sleep, log: log}
}

// update lets change alter the state while no other process can; fresh makes the
// state that a new file begins with. False: the file cannot be used now.
func (s *sharedFile) update(fresh func(now time.Duration) sharedState, change func(st *sharedState, now time.Duration)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if s.again > now && s.again <= now+sharedAgain {
		return false
	}
	s.again = 0
	err := s.locked(func() error {
		now = s.clock()
		before, st, ok := s.read()
		if !ok || st.Boot != s.boot {
			st = fresh(now)
			st.inherit(s.before)
			st.Boot = s.boot
		}
		s.before = nil
		st.clamp(now)
		change(&st, now)
		return s.write(&st, before)
	})
	if err == nil {
		return true
	}
	if !errors.Is(err, errLocked) {
		s.again = now + sharedAgain
		s.drop()
	}
	if !s.said {
		s.said = true
		s.log.Warn("cannot share the rate limit with other processes, this one keeps to it alone", "path", s.path, "error", err)
	}
	return false
}

var errLocked = errors.New("another process holds its lock")

// locked calls do with the lock on the file that is at the path now.
func (s *sharedFile) locked(do func() error) error {
	for range 3 {
		if err := s.open(); err != nil {
			return err
		}
		err := s.lock()
		if errors.Is(err, errLocked) && s.supersede() {
			continue
		}
		if err != nil {
			return err
		}
		if s.there() {
			defer osfile.Unlock(s.f) //nolint:errcheck // closing gives it back, if nothing else does
			return do()
		}
		s.drop() // it was removed or replaced
	}
	return errors.New("it is being replaced all the time")
}

func (s *sharedFile) open() error {
	if s.f != nil {
		return nil
	}
	f, err := osfile.Open(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // the cache was removed, which all others notice, too
		if err = os.MkdirAll(filepath.Dir(s.path), 0o700); err == nil {
			f, err = osfile.Open(s.path, os.O_RDWR|os.O_CREATE, 0o600)
		}
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no regular file: %w", fs.ErrInvalid)
	}
	if err != nil {
		f.Close()
		return err
	}
	s.f = f
	return nil
}

// lock does not wait for ever: a process can be stopped at any moment. Once that
// seems to be so it does not wait at all, until the lock is to be had again.
func (s *sharedFile) lock() error {
	for pause, waited := 20*time.Microsecond, time.Duration(0); ; pause = min(2*pause, 5*time.Millisecond) {
		err := osfile.TryLock(s.f)
		switch {
		case err == nil:
			s.stopped = false
			return nil
		case !errors.Is(err, osfile.ErrLocked):
			return err
		case s.stopped || waited >= sharedLock:
			s.stopped = true
			return errLocked
		}
		s.sleep(pause)
		waited += pause
	}
}

// supersede removes the file whose holder stands still, so that all others make another
// one and go on to share it, and reports whether that could be done: each at its own
// rate would be too fast together. The holder moves on, too, when it goes on: what it
// took from the old one is too late to be used (see turn).
func (s *sharedFile) supersede() bool {
	// One after the other: who comes second finds another file there already.
	var dir io.Closer
	for try := 1; ; try++ {
		var err error
		if dir, err = osfile.TryLockDir(filepath.Dir(s.path)); err == nil {
			break
		}
		if !errors.Is(err, osfile.ErrLocked) || try == supersedeTries {
			return false
		}
		s.sleep(time.Millisecond)
	}
	defer dir.Close()
	if s.there() {
		if osfile.Remove(s.path) != nil {
			return false
		}
		s.log.Info("another process holds the file of the shared rate and stands still; there is another file from now on", "path", s.path)
	}
	if _, st, ok := s.read(); ok && st.Boot == s.boot {
		s.before = &st
	}
	s.drop()
	s.stopped = false
	return true
}

// inherit takes over what an earlier file said, if there was one.
func (s *sharedState) inherit(before *sharedState) {
	if before == nil {
		return
	}
	tat := max(s.TAT, before.TAT)
	*s = *before
	s.TAT = tat
}

// there reports whether the file is still the one at the path.
func (s *sharedFile) there() bool {
	mine, err := s.f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(s.path)
	return err == nil && os.SameFile(mine, now)
}

func (s *sharedFile) drop() {
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
}

func (s *sharedFile) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

// read returns what is in the file, as bytes too, and whether that is a state.
func (s *sharedFile) read() (raw []byte, st sharedState, ok bool) {
	raw = make([]byte, sharedBytes)
	n, err := s.f.ReadAt(raw, 0)
	raw = raw[:n]
	if err != nil && !errors.Is(err, io.EOF) {
		return raw, st, false
	}
	err = json.NewDecoder(bytes.NewReader(raw)).Decode(&st) // of the first line
	return raw, st, err == nil && n == sharedBytes
}

// write puts the state into the file, padded to its one length, so that a process
// killed at any moment leaves a whole one.
func (s *sharedFile) write(st *sharedState, before []byte) error {
	line, err := json.Marshal(st)
	if err != nil {
		return err
	}
	raw := bytes.Repeat([]byte{' '}, sharedBytes)
	copy(raw, line)
	raw[sharedBytes-1] = '\n'
	if bytes.Equal(raw, before) {
		return nil
	}
	_, err = s.f.WriteAt(raw, 0)
	return err
}
