package redis_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/pooltest"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/redis/redistest"
	redigo "github.com/gomodule/redigo/redis"
)

func TestCheck(t *testing.T) {
	for _, program := range redistest.Programs() {
		t.Run(program, func(t *testing.T) {
			for name, test := range map[string]struct {
				args   []string
				want   redis.Report
				evicts bool
			}{
				"as it comes": {nil, redis.Report{Role: "master", Policy: "noeviction", Persistence: "none"}, false},
				"evicts": {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"},
					redis.Report{Role: "master", MaxMemory: 100 << 20, Policy: "allkeys-lru", Persistence: "none"}, true},
				"bounded": {[]string{"--maxmemory", "100mb"},
					redis.Report{Role: "master", MaxMemory: 100 << 20, Policy: "noeviction", Persistence: "none"}, false},
				"policy without a bound": {[]string{"--maxmemory-policy", "allkeys-lru"},
					redis.Report{Role: "master", Policy: "allkeys-lru", Persistence: "none"}, false},
				"log":       {[]string{"--appendonly", "yes"}, redis.Report{Role: "master", Policy: "noeviction", Persistence: "appendonly"}, false},
				"snapshots": {[]string{"--save", "900", "1"}, redis.Report{Role: "master", Policy: "noeviction", Persistence: "snapshots"}, false},
			} {
				t.Run(name, func(t *testing.T) {
					server := redistest.StartProgram(t, program, test.args...)
					got, err := open(t, server.URL(), "a").Check(t.Context())
					check(t, err)
					name := strings.Replace(program, "keydb", "redis", 1) // that is what it says it is
					if !strings.HasPrefix(name, got.Server) || !strings.Contains(got.Version, ".") || got.RoundTrip <= 0 ||
						got.Skew.Abs() > got.RoundTrip || len(got.Denied) > 0 {
						t.Errorf("%+v", got)
					}
					if got.Evicts() != test.evicts {
						t.Errorf("evicts: %v", got.Evicts())
					}
					test.want.Server, test.want.Version, test.want.RoundTrip, test.want.Skew = got.Server, got.Version, got.RoundTrip, got.Skew
					if got.Role != test.want.Role || got.MaxMemory != test.want.MaxMemory || got.Policy != test.want.Policy || got.Persistence != test.want.Persistence {
						t.Errorf("%+v, want %+v", got, test.want)
					}
					if keys, err := redigo.Strings(client(t, server).Do("KEYS", "*")); err != nil || len(keys) > 0 {
						t.Errorf("it leaves %q (%v)", keys, err)
					}
				})
			}
		})
	}
}

// The least that a user must be permitted is enough, and what is not is told by name.
func TestCheckTellsWhatIsDenied(t *testing.T) {
	needed := "+time +eval +evalsha +hset +hget +hmget +hgetall +hdel +zadd +zscore +zrangebyscore +zrem +zcount " +
		"+xadd +xrange +xrevrange +set +get +pexpire +del"
	for name, test := range map[string]struct {
		rules  string
		denied []string
	}{
		"enough":        {"~ccsfs:{a}:* " + needed, nil},
		"no stream":     {"~ccsfs:{a}:* " + needed + " -xadd -xrange", []string{"xadd", "xrange"}},
		"no scripts":    {"~ccsfs:{a}:* " + needed + " -evalsha -eval", []string{"eval", "evalsha"}},
		"no clock":      {"~ccsfs:{a}:* " + needed + " -time", []string{"time"}},
		"other keys":    {"~other:* " + needed, []string{"keys"}},
		"info as well":  {"~ccsfs:{a}:* +info " + needed, nil},
		"nothing of it": {"~* -@all", nil},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--user", "ccsfs", "on", ">pw"}, strings.Fields(test.rules)...)
			server := redistest.Start(t, args...)
			c := open(t, "redis://ccsfs:pw@"+server.Addr(), "a")
			got, err := c.Check(t.Context())
			check(t, err)
			if name == "nothing of it" {
				if len(got.Denied) != len(strings.Fields(needed)) {
					t.Errorf("%q", got.Denied)
				}
				wantAll(t, c, pool.ErrRefused, "(ACL)")
				return
			}
			if !slices.Equal(got.Denied, test.denied) {
				t.Errorf("%q, want %q", got.Denied, test.denied)
			}
			if (got.Server != "") != (name == "info as well") {
				t.Errorf("%+v", got)
			}
			for call, err := range pooltest.EveryCall(t.Context(), c) {
				if test.denied == nil && err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

// Members on two machines, and on one that goes by a socket, are one.
func TestSockets(t *testing.T) {
	server := redistest.Start(t)
	socket, port := open(t, "unix://"+server.Socket(), "a"), open(t, server.URL(), "a")
	other, database := open(t, server.URL(), "b"), open(t, server.URL()+"/3", "a")
	by, err := socket.Acquire(t.Context(), "n", "h", time.Minute)
	check(t, err)
	for c, want := range map[*redis.Coordinator]string{socket: by, port: by, other: "i", database: "i"} {
		if got, err := c.Acquire(t.Context(), "n", "i", time.Minute); err != nil || got != want {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
}
