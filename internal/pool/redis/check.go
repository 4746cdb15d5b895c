package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccsfs/internal/pool"
	"github.com/gomodule/redigo/redis"
)

// Report is what a server is, for a diagnosis. What it does not let us know is empty.
type Report struct {
	Server      string // "redis" or "valkey"
	Version     string
	Role        string // "master", or "slave", which cannot be written to
	Cluster     bool   // a node of a cluster, which is not served
	Sentinel    bool   // which is not served either
	TLS         bool
	MaxMemory   int64  // bytes; 0: no bound, or not known
	Policy      string // maxmemory-policy
	Persistence string // "appendonly", "snapshots" or "none"
	// Denied are the commands that are needed and not permitted, or not known, and "keys" where
	// keys that begin as ours may not be touched. Of what is not served they are not asked for.
	Denied    []string
	RoundTrip time.Duration // of one call, with a connection that is there
	// Skew is how far the clock of the server is ahead of that of this machine; it is known
	// to half the round trip. Nothing depends on it but logs.
	Skew time.Duration
}

// Evicts tells whether the server may drop what is kept in it, to make room: then a lease
// can be had twice. It must not: maxmemory-policy noeviction, or no maxmemory.
func (r Report) Evicts() bool { return r.MaxMemory > 0 && r.Policy != "noeviction" && r.Policy != "" }

// Check asks the server what it is, with a connection of its own kind and a few calls, each
// of which is waited for as any other. It fails where the server is away or lets nobody in.
func (c *Coordinator) Check(ctx context.Context) (Report, error) {
	r := Report{TLS: c.tls}
	// The first call makes the connection.
	for range 2 {
		sent := time.Now()
		clock, err := call(ctx, c, c.time, nil)
		if errors.Is(err, pool.ErrRefused) && (strings.Contains(err.Error(), "NOPERM") || strings.Contains(err.Error(), "unknown command")) {
			break // TIME is told with the others
		}
		if err != nil {
			return Report{}, err
		}
		r.RoundTrip = time.Since(sent)
		r.Skew = clock.Sub(sent.Add(r.RoundTrip / 2))
	}
	if err := c.inform(ctx, &r); err != nil {
		return Report{}, err
	}
	if r.Cluster || r.Sentinel || r.Role == "slave" {
		return r, nil // it lets nobody write, which would be told in place of why
	}
	denied, err := c.denied(ctx)
	if err != nil {
		return Report{}, err
	}
	r.Denied = denied
	return r, nil
}

// time asks for the clock of the server.
func (c *Coordinator) time(ctx context.Context) (time.Time, error) {
	clock, err := redis.Int64s(c.do(ctx, "TIME"))
	if err != nil {
		return time.Time{}, err
	}
	if len(clock) != 2 { // seconds and microseconds
		return time.Time{}, fmt.Errorf("redis: a time of %d parts", len(clock))
	}
	return time.Unix(clock[0], clock[1]*1000), nil
}

// inform asks what server it is. What it does not permit to be asked is left empty.
func (c *Coordinator) inform(ctx context.Context, r *Report) error {
	text, err := call(ctx, c, func(ctx context.Context) (string, error) {
		text, err := redis.String(c.do(ctx, "INFO"))
		return text, permitted(err)
	}, nil)
	if err != nil {
		return err
	}
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	r.Server, r.Version, r.Role = "redis", info["redis_version"], info["role"]
	if version := info["valkey_version"]; version != "" {
		r.Server, r.Version = "valkey", version
	}
	if text == "" {
		r.Server = ""
	}
	r.Cluster = info["cluster_enabled"] == "1"
	r.Sentinel = info["redis_mode"] == "sentinel" || info["server_mode"] == "sentinel"
	r.MaxMemory, _ = strconv.ParseInt(info["maxmemory"], 10, 64)
	r.Policy = info["maxmemory_policy"]
	save, err := call(ctx, c, func(ctx context.Context) (map[string]string, error) {
		save, err := redis.StringMap(c.do(ctx, "CONFIG", "GET", "save"))
		return save, permitted(err)
	}, nil)
	if err != nil {
		return err
	}
	switch snapshots, known := save["save"]; {
	case info["aof_enabled"] == "1":
		r.Persistence = "appendonly"
	case snapshots != "":
		r.Persistence = "snapshots"
	case known:
		r.Persistence = "none"
	}
	return nil
}

// permitted drops the error of what is not permitted, or not known: services leave commands
// out.
func permitted(err error) error {
	if begins(err, "NOPERM") || begins(err, "unknown command") {
		return nil
	}
	return err
}

// denied does once what the scripts do, on keys of its own, and returns what is not permitted.
func (c *Coordinator) denied(ctx context.Context) ([]string, error) {
	return call(ctx, c, func(ctx context.Context) ([]string, error) {
		hash, sorted, stream, value := c.key("check:h"), c.key("check:z"), c.key("check:s"), c.key("check:v")
		script := c.scripts.pace
		needed := [][]any{
			{"time"}, {"eval", "return 1", 0}, {"evalsha", script.Hash(), 1, c.key(rateKey)},
			{"hset", hash, "f", "v"}, {"hget", hash, "f"}, {"hmget", hash, "f"}, {"hgetall", hash}, {"hdel", hash, "g"},
			{"zadd", sorted, 1, "m"}, {"zscore", sorted, "m"}, {"zrangebyscore", sorted, 0, 0}, {"zrem", sorted, "n"}, {"zcount", sorted, 0, 0},
			{"xadd", stream, "MAXLEN", 1, "*", "f", "v"}, {"xrange", stream, "-", "+"}, {"xrevrange", stream, "+", "-"},
			{"set", value, "v", "PX", 1000}, {"get", value}, {"pexpire", value, 1000},
			{"del", hash, sorted, stream, value},
		}
		answers, err := c.together(ctx, needed)
		if err != nil {
			return nil, err
		}
		var denied []string
		for i, answer := range answers {
			refusal, refused := answer.(redis.Error)
			text := string(refusal)
			switch {
			case !refused, begins(refusal, "NOSCRIPT"):
			case begins(refusal, "NOPERM") && strings.Contains(text, "access") && strings.Contains(text, "key"):
				denied = append(denied, "keys")
			case begins(refusal, "NOPERM"), begins(refusal, "unknown command"):
				denied = append(denied, needed[i][0].(string))
			default:
				return nil, refusal
			}
		}
		slices.Sort(denied)
		return slices.Compact(denied), nil
	}, nil)
}

// together gives commands at once, and returns an answer for each, which may be a
// [redis.Error].
func (c *Coordinator) together(ctx context.Context, commands [][]any) ([]any, error) {
	return redis.Values(c.with(ctx, func(conn redis.Conn) (any, error) {
		for _, command := range commands {
			name, args := command[0].(string), command[1:]
			if err := conn.Send(name, args...); err != nil {
				return nil, err
			}
		}
		return redis.DoContext(conn, ctx, "") // which is: what was sent
	}))
}
