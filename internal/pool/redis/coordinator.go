package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ccsfs/internal/pool"

	"github.com/gomodule/redigo/redis"
)

// Names of keys, after the prefix of the account.
const (
	rateKey    = "rate"
	leaseKey   = "lease"
	memberKey  = "member"
	untilKey   = ":until" // after leaseKey and memberKey
	newsKey    = "news"
	valueBegin = "value:"
)

func rateKeys() []string   { return []string{rateKey} }
func leaseKeys() []string  { return []string{leaseKey, leaseKey + untilKey} }
func memberKeys() []string { return []string{memberKey, memberKey + untilKey} }
func newsKeys() []string   { return []string{newsKey} }

// errAnswer is of an answer that no script of ours gives.
func (c *Coordinator) errAnswer(v any) error {
	return fmt.Errorf("redis at %s answers what was not asked for (%T): is a proxy between? %w", c.where, v, pool.ErrAway)
}

// Turn implements [pool.Coordinator].
func (c *Coordinator) Turn(ctx context.Context, r pool.Rate, most time.Duration) (wait time.Duration, taken bool, err error) {
	r = r.Bounded()
	n, err := c.numbers(ctx, 2, c.scripts.turn, rateKeys(), r.Every.Microseconds(), r.Burst, most.Microseconds())
	if err != nil {
		return 0, false, err
	}
	return time.Duration(n[0]) * time.Microsecond, n[1] == 1, nil
}

// Slow implements [pool.Coordinator].
func (c *Coordinator) Slow(ctx context.Context, sent, pause time.Duration) error {
	_, err := c.run(ctx, c.scripts.slow, rateKeys(), max(sent, 0).Microseconds(), pool.BoundedPause(pause).Microseconds())
	return err
}

// Pace implements [pool.Coordinator]. Of a rate that was forgotten it tells the pause that
// the next turn will meet.
func (c *Coordinator) Pace(ctx context.Context) (pool.Pace, error) {
	n, err := c.numbers(ctx, 3, c.scripts.pace, rateKeys())
	if err != nil {
		return pool.Pace{}, err
	}
	return pool.Pace{
		Ahead:  time.Duration(n[0]) * time.Microsecond,
		Paused: time.Duration(n[1]) * time.Microsecond,
		Halved: int(n[2]),
	}, nil
}

// Acquire implements [pool.Coordinator]. A holder that has the lease already has it for the
// new time: its first call may have been answered too late to be heard. What is given to
// somebody who does not wait for it any more is given back, unless he has asked again since.
func (c *Coordinator) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (by string, err error) {
	try := c.marks.Add(1)
	v, err := call(ctx, c, func(ctx context.Context) (any, error) {
		return c.eval(ctx, c.scripts.acquire, leaseKeys(), name, holder, pool.BoundedTTL(ttl).Microseconds(), try)
	}, func(v any) {
		if by, err := redis.String(v, nil); err == nil {
			c.giveBack(ctx, name, holder, by, try)
		}
	})
	if err != nil {
		return "", err
	}
	by, err = redis.String(v, nil)
	if err != nil {
		return "", c.errAnswer(v)
	}
	return by, nil
}

// giveBack gives back what a try of a holder was given, if it was: nobody waits for that any more.
func (c *Coordinator) giveBack(ctx context.Context, name, holder, by string, try int64) {
	if by != holder {
		return
	}
	behind, cancel := c.behind(ctx)
	defer cancel()
	_, _ = c.eval(behind, c.scripts.release, leaseKeys(), name, holder, try) // else it runs out
}

// Renew implements [pool.Coordinator].
func (c *Coordinator) Renew(ctx context.Context, name, holder string, ttl time.Duration) (held bool, err error) {
	v, err := c.run(ctx, c.scripts.renew, leaseKeys(), name, holder, pool.BoundedTTL(ttl).Microseconds())
	if err != nil {
		return false, err
	}
	n, ok := v.(int64)
	if !ok {
		return false, c.errAnswer(v)
	}
	return n == 1, nil
}

// Release implements [pool.Coordinator].
func (c *Coordinator) Release(ctx context.Context, name, holder string) error {
	_, err := c.run(ctx, c.scripts.release, leaseKeys(), name, holder)
	return err
}

// Leases implements [pool.Coordinator].
func (c *Coordinator) Leases(ctx context.Context) (map[string]string, error) {
	all, err := c.all(ctx, leaseKeys())
	for name, value := range all { // with the number of a try, see leaseLua
		if i := strings.LastIndexByte(value, ' '); i >= 0 {
			all[name] = value[:i]
		}
	}
	return all, err
}

// Get implements [pool.Coordinator].
func (c *Coordinator) Get(ctx context.Context, key string) ([]byte, error) {
	v, err := call(ctx, c, func(ctx context.Context) (any, error) { return c.do(ctx, "GET", c.key(valueBegin+key)) }, nil)
	if v == nil || err != nil {
		return nil, err
	}
	value, err := redis.Bytes(v, nil)
	if err != nil {
		return nil, c.errAnswer(v)
	}
	return value, nil
}

// Set implements [pool.Coordinator].
func (c *Coordinator) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	v, err := call(ctx, c, func(ctx context.Context) (any, error) {
		if value == nil {
			return c.do(ctx, "DEL", c.key(valueBegin+key))
		}
		return c.do(ctx, "SET", c.key(valueBegin+key), value, "PX", pool.BoundedTTL(ttl).Milliseconds())
	}, nil)
	if err != nil {
		return err
	}
	if _, removed := v.(int64); removed != (value == nil) || !removed && v != any("OK") {
		return c.errAnswer(v)
	}
	return nil
}

// Tell implements [pool.Coordinator].
func (c *Coordinator) Tell(ctx context.Context, news string) error {
	_, err := c.run(ctx, c.scripts.tell, newsKeys(), c.newMark(), news)
	return err
}

// News implements [pool.Coordinator]. Where some was missed it tells none of the rest.
func (c *Coordinator) News(ctx context.Context, after string) (news []string, last string, missed bool, err error) {
	id, mark, ok := placeOf(after)
	v, err := c.run(ctx, c.scripts.news, newsKeys(), c.newMark(), id, mark)
	if err != nil {
		return nil, "", false, err
	}
	list, _ := v.([]any)
	if len(list) < 2 {
		return nil, "", false, c.errAnswer(v)
	}
	lost, _ := list[0].(int64)
	for i, item := range list[1:] {
		text, err := redis.String(item, nil)
		switch {
		case err != nil:
			return nil, "", false, c.errAnswer(item)
		case i == 0:
			last = text
		default:
			news = append(news, text)
		}
	}
	return news, last, lost != 0 || !ok, nil
}

// placeOf takes a place of the news apart: the id of an entry of the stream, and whose it is.
// ok is false for a text that is no place.
func placeOf(place string) (id, mark string, ok bool) {
	if place == "" {
		return "", "", true
	}
	id, mark, _ = strings.Cut(place, ".")
	for _, part := range strings.SplitN(id, "-", 2) {
		if _, err := strconv.ParseUint(part, 10, 64); err != nil {
			return "", "", false
		}
	}
	return id, mark, true
}

// Beat implements [pool.Coordinator].
func (c *Coordinator) Beat(ctx context.Context, member string, about []byte, ttl time.Duration) (members int, err error) {
	if ttl <= 0 {
		_, err := c.run(ctx, c.scripts.drop, memberKeys(), member)
		return 0, err
	}
	v, err := c.run(ctx, c.scripts.set, memberKeys(), member, about, pool.BoundedTTL(ttl).Microseconds())
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok {
		return 0, c.errAnswer(v)
	}
	return int(n), nil
}

// Members implements [pool.Coordinator].
func (c *Coordinator) Members(ctx context.Context) (map[string][]byte, error) {
	texts, err := c.all(ctx, memberKeys())
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte, len(texts))
	for member, about := range texts {
		all[member] = []byte(about)
	}
	return all, nil
}

// all tells what is in a table now.
func (c *Coordinator) all(ctx context.Context, keys []string) (map[string]string, error) {
	v, err := c.run(ctx, c.scripts.all, keys)
	if err != nil {
		return nil, err
	}
	answer, _ := v.([]any)
	if len(answer) != 2 {
		return nil, c.errAnswer(v)
	}
	all, err := redis.StringMap(answer[0], nil)
	if err != nil {
		return nil, c.errAnswer(answer[0])
	}
	over, err := redis.Strings(answer[1], nil)
	if err != nil {
		return nil, c.errAnswer(answer[1])
	}
	for _, name := range over {
		delete(all, name)
	}
	return all, nil
}

// numbers runs a script that returns n numbers.
func (c *Coordinator) numbers(ctx context.Context, n int, s *redis.Script, keys []string, args ...any) ([]int64, error) {
	v, err := c.run(ctx, s, keys, args...)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	if len(list) != n {
		return nil, c.errAnswer(v)
	}
	numbers := make([]int64, n)
	for i, item := range list {
		number, ok := item.(int64)
		if !ok {
			return nil, c.errAnswer(item)
		}
		numbers[i] = number
	}
	return numbers, nil
}
