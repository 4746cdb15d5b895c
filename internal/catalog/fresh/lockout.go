package fresh

import (
	"errors"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// Refusals of the credentials, which are about everything at once.

// LockoutFile tells other processes that the account's credentials were refused.
const LockoutFile = "lockout.json"

// lockout is what the last answer of the API says of the account's credentials.
// A 401 is about the account: without this, each of a thousand values, and
// each process, would find out by a call of its own.
type lockout struct {
	store *Store

	mu     sync.Mutex
	last   Failure // a 401, or nothing
	of     string  // the credentials that it is about, as Config.Credentials tells them
	epoch  uint64  // how often one has passed
	seen   stamp   // of the file
	looked time.Time
	shared bool   // last is in the file: that this is gone means that it has passed
	noted  string // SHA-256 of what the pool told last
}

// look takes in what other processes found out, and that others are asked with than
// were refused. l.mu is held.
func (l *lockout) look(now time.Time) {
	l.looked = now
	if l.last.Err != nil && !l.store.scope.concern(l.of) {
		l.pass()
	}
	s := l.store.stamp(LockoutFile)
	if s == l.seen {
		return
	}
	l.seen = s
	if s == (stamp{}) {
		if l.shared {
			l.pass()
		}
		return
	}
	r := l.store.refusal(LockoutFile)
	if r != nil && errors.Is(r.Err, apiclient.ErrUnauthorized) && l.store.scope.concerns(r) && r.at.After(l.last.at) {
		l.last, l.of, l.shared = r.Failure, r.credentials, true
	}
}

// pass ends the lockout. l.mu is held.
func (l *lockout) pass() {
	if l.last.Err != nil {
		l.epoch++
	}
	l.last, l.shared = Failure{}, false
}

// locked returns the refusal of the account's credentials while it is believed.
func (l *lockout) locked(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look(now)
	if l.last.Err == nil || l.last.due(now) || l.last.at.Before(l.store.scope.afresh) {
		return nil
	}
	return l.last.Err
}

// note learns from the result of a call that was made, and reports whether that is news.
func (l *lockout) note(err error, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, apiclient.ErrUnauthorized):
		if !l.last.due(now) && !l.last.at.Before(l.store.scope.afresh) {
			return false // it was under way together with the first
		}
		l.last, l.of = l.last.next(err, now, true), l.store.scope.credentials()
		l.shared = l.store.saveRefusal(LockoutFile, &l.last)
		l.seen = l.store.stamp(LockoutFile)
		return true
	case (err == nil || Denied(err)) && l.last.Err != nil: // the account was let in
		l.lift()
		return true
	}
	return false
}

// lift ends the lockout for all processes. l.mu is held.
func (l *lockout) lift() {
	l.pass()
	l.store.Remove(LockoutFile)
	l.seen = stamp{}
}

// lifted reports whether a lockout of an earlier epoch has passed.
func (l *lockout) lifted(epoch uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := now.Sub(l.looked); since < 0 || since >= LookEvery {
		l.look(now)
	}
	return epoch != l.epoch
}

func (l *lockout) current() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}
