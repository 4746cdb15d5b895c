package redis_test

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/internal/pool/pooltest"
	"ccsfs/internal/pool/redis"
	"ccsfs/internal/pool/redis/redistest"
	"github.com/alicebob/miniredis/v2"
	redigo "github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Tests that are parallel wait most of the time: for that no processors are needed.
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() == "" { // those are as many as there are processors
		if err := flag.Set("test.parallel", "8"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a coordinator of an account, which waits for as long as it takes.
func open(t testing.TB, url, account string) *redis.Coordinator {
	t.Helper()
	address, err := redis.ParseAddress(url)
	check(t, err)
	return openConfig(t, redis.Config{Address: address, Account: account})
}

// openHasty opens one that waits as long as one that is used.
func openHasty(t testing.TB, url string) *redis.Coordinator {
	t.Helper()
	address, err := redis.ParseAddress(url)
	check(t, err)
	c, err := redis.Open(redis.Config{Address: address, Account: "a"})
	check(t, err)
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}

func openConfig(t testing.TB, cfg redis.Config) *redis.Coordinator {
	t.Helper()
	c, err := redis.OpenPatiently(cfg)
	check(t, err)
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}

// clock is the time of a server in memory.
type clock struct {
	server *miniredis.Miniredis
	mu     sync.Mutex
	now    time.Time
}

func newClock(server *miniredis.Miniredis) *clock {
	c := &clock{server: server, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	server.SetTime(c.now)
	return c
}

// sleep lets the time pass.
func (c *clock) sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.server.SetTime(c.now)
	c.server.FastForward(max(d, 0))
}

func TestCoordinatorWithAClockThatIsSet(t *testing.T) {
	t.Parallel()
	pooltest.RunCoordinator(t, pooltest.Kind{Parallel: true, Open: func(t *testing.T) pooltest.Engine {
		server := miniredis.RunT(t)
		c := newClock(server)
		return pooltest.Engine{Coordinator: open(t, "redis://"+server.Addr(), "a"), Sleep: c.sleep, Exact: true, Forget: server.FlushAll}
	}})
}

func TestCoordinator(t *testing.T) {
	t.Parallel()
	for _, program := range redistest.Programs() {
		t.Run(program, func(t *testing.T) {
			server := redistest.StartProgram(t, program)
			var accounts atomic.Int64
			pooltest.RunCoordinator(t, pooltest.Kind{Parallel: true, Open: func(t *testing.T) pooltest.Engine {
				account := fmt.Sprint("account", accounts.Add(1))
				return pooltest.Engine{
					Coordinator: open(t, server.URL(), account),
					Sleep:       time.Sleep,
					Forget:      func() { forget(t, server, account) },
				}
			}})
		})
	}
}

// forget removes all keys of an account.
func forget(t testing.TB, server *redistest.Server, account string) {
	t.Helper()
	c := client(t, server)
	keys, err := redigo.Values(c.Do("KEYS", "ccsfs:{"+account+"}:*"))
	check(t, err)
	if len(keys) == 0 {
		t.Error("there is nothing to be forgotten: are the keys others?")
	}
	tell(t, c, "DEL", keys...)
}

// client asks a server without what is tested, one question after the other.
func client(t testing.TB, server *redistest.Server) redigo.Conn {
	t.Helper()
	c, err := redigo.Dial("tcp", server.Addr())
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// tell gives a server a command, and expects it to obey.
func tell(t interface{ Fatal(...any) }, c redigo.Conn, command string, args ...any) {
	if _, err := c.Do(command, args...); err != nil {
		t.Fatal(err)
	}
}
