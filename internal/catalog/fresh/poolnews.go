package fresh

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool"
)

// What members tell each other at once: that something was refused, and is to be shown
// nowhere any more, or is back; and that the credentials are refused, or are not any more.
// News is a hint to look at what the pool has, nothing else is believed of it.

// hearers bounds how many pieces of news are looked at at once.
const hearers = 4

// hearer is a value, whatever it is of.
type hearer interface {
	hear(ctx context.Context)
	shown(now time.Time) bool
}

// newsState is what was told, and not looked at yet.
type newsState struct {
	dirs []string // where files of values are

	mu      sync.Mutex
	values  map[string]hearer // by their files; nil: there is no pool
	queue   []string          // files
	running int
}

// join has the scope hear what members of a pool tell.
func (s *Scope) join(p *pool.Pool, dirs []string) {
	s.pool = p
	s.news.dirs = append([]string{""}, dirs...)
	s.news.values = make(map[string]hearer)
	p.OnNews(func(news string) {
		if file, ok := strings.CutPrefix(news, poolName("")); ok {
			s.heard(filepath.FromSlash(file))
		}
	}, s.missed)
}

// enlist has a value hear what is told of it.
func (s *Scope) enlist(file string, v hearer) {
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	s.news.values[file] = v
}

// missed looks at all that is shown without a look at the pool, since news may have got lost.
// What is older than that is looked at when it is wanted.
func (s *Scope) missed() {
	now, lists := s.Now(), []string{}
	s.news.mu.Lock()
	for file, v := range s.news.values {
		if v.shown(now) {
			lists = append(lists, file)
		}
	}
	s.news.mu.Unlock()
	for _, dir := range s.news.dirs {
		for _, name := range s.Store.Names(dir) {
			file := filepath.Join(dir, name)
			if at := s.Store.stamp(file).modified; s.isValue(file) && now.Sub(at).Abs() < 2*s.ttl {
				lists = append(lists, file)
			}
		}
	}
	slices.Sort(lists)
	s.heard(slices.Compact(lists)...)
	s.begun(func() { s.lock.hear(s.ctx, false) })
}

// isValue tells whether a file may be one of a value, and not what else there is.
func (s *Scope) isValue(file string) bool {
	return strings.HasSuffix(file, ".json") && !strings.HasPrefix(filepath.Base(file), ".") && file != LockoutFile
}

// heard has somebody look at files, and does not wait for that.
func (s *Scope) heard(files ...string) {
	n := &s.news
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, file := range files {
		if !slices.Contains(n.queue, file) {
			n.queue = append(n.queue, file)
		}
	}
	for n.running < min(len(n.queue), hearers) && s.begun(s.hearAll) {
		n.running++
	}
}

// begun runs f in a goroutine of its own, unless all is closed.
func (s *Scope) begun(f func()) bool {
	if !s.begin() {
		return false
	}
	go func() {
		defer s.wg.Done()
		f()
	}()
	return true
}

// hearAll looks at what was heard, until nothing is left.
func (s *Scope) hearAll() {
	n := &s.news
	for {
		n.mu.Lock()
		if len(n.queue) == 0 || s.ctx.Err() != nil {
			n.running--
			n.mu.Unlock()
			return
		}
		file := n.queue[0]
		n.queue = n.queue[1:]
		v := n.values[file]
		n.mu.Unlock()
		switch {
		case file == LockoutFile:
			s.lock.hear(s.ctx, true)
		case v != nil:
			v.hear(s.ctx)
		case slices.Contains(s.news.dirs, strings.TrimSuffix(filepath.Dir(file), ".")) && s.isValue(file):
			s.hearFile(file)
		}
	}
}

// shown reports whether the value is handed out, as far as is known here, before anybody
// looks at the pool.
func (c *Value[T]) shown(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value != nil && c.age(now) < 2*c.scope.ttl
}

// hear looks at what the pool says of a value by now, if there is anything to show of it.
func (c *Value[T]) hear(ctx context.Context) {
	c.mu.Lock()
	read := c.look(c.scope.Now(), true)
	known := c.value != nil || c.evicted || c.fail.Denied()
	c.mu.Unlock()
	c.tellTouched(read)
	if !known {
		return
	}
	note, _ := c.scope.pool.Noted(ctx, poolName(c.source.File(c.key))) // else the copy says it
	if r := c.parseNote(note); r != nil && withdrawn(r.Err) {
		c.takeDenied(r, true, time.Time{})
		return
	}
	_, _ = c.takeFromPool(ctx, nil, nil) // else it is found when it is due
}

// hearFile takes in a refusal of something that this process has not looked at: another one
// may show its file.
func (s *Scope) hearFile(file string) {
	st := s.Store.stamp(file)
	if st == (stamp{}) {
		return
	}
	k, err := s.copyInPool(s.ctx, poolName(file))
	if err != nil || !k.Refused {
		return
	}
	payload, err := Unseal(RefusedMagic, k.data)
	if err != nil {
		return
	}
	r, err := parseRefusal(payload, file)
	if err != nil || !withdrawn(r.Err) || !s.concerns(r) || s.Store.refusal(file) != nil || r.at.Add(clockSlack).Before(st.modified) {
		return
	}
	if now := s.Now(); Future(r.at, now) {
		r.at, r.Since, r.Retry = now, now, now.Add(r.delay)
	}
	s.Store.saveRefusalOf(file, &r.Failure, r.Before)
}

// tellLockout lets the other members know what is known of the credentials now.
func (s *Scope) tellLockout() {
	s.begun(func() {
		ctx, done := s.giving(context.Background())
		defer done()
		note, ttl := s.lock.told()
		if err := s.pool.Note(ctx, poolName(LockoutFile), note, ttl); err == nil {
			s.tell(ctx, poolName(LockoutFile))
		}
	})
}

// told is the note of the lockout, nil if there is none, and for how long it is one.
func (l *lockout) told() (note []byte, ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.Err == nil {
		return nil, 0
	}
	note, ok := l.store.scope.refusalData(LockoutFile, &l.last, nil)
	if !ok {
		return nil, 0
	}
	l.noted = sumOf(note)
	return note, max(l.last.delay, answerNoted)
}

// hear takes in what the pool says of the credentials. That it says nothing means that they
// are let in only if somebody told so: notes get lost. A note is as young as its time to live
// says, whatever its date.
func (l *lockout) hear(ctx context.Context, told bool) {
	s := l.store.scope
	note, err := s.pool.Noted(ctx, poolName(LockoutFile))
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if note == nil {
		if told && l.last.Err != nil {
			l.lift()
		}
		return
	}
	sum := sumOf(note)
	payload, err := Unseal(RefusedMagic, note)
	if err != nil || l.noted == sum {
		return
	}
	r, err := parseRefusal(payload, LockoutFile)
	if err != nil || !errors.Is(r.Err, apiclient.ErrUnauthorized) || !s.concerns(r) {
		return
	}
	l.noted = sum
	now := s.Now()
	if f := &r.Failure; Future(f.at, now) || now.Sub(f.at) > f.delay+clockSlack {
		f.at, f.Since, f.Retry = now, now, now.Add(f.delay)
	}
	if !r.at.After(l.last.at) {
		return
	}
	l.last, l.of = r.Failure, r.credentials
	l.shared = l.store.saveRefusal(LockoutFile, &l.last)
	l.seen = l.store.stamp(LockoutFile)
}
