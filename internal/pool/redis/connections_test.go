package redis_test

import (
	"net"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/internal/pool/redis/redistest"
	redigo "github.com/gomodule/redigo/redis"
)

// counted is a server that counts connections, and has a value for each key.
func counted(t *testing.T) (addr string, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	serve := saying(false, func([]string) string { return "$1\r\nv\r\n" })
	return listen(t, func(conn net.Conn) {
		connections.Add(1)
		serve(conn)
	}), connections
}

// Connections are used again, and there are no more than the address allows.
func TestConnectionsAreFew(t *testing.T) {
	for option, most := range map[string]int64{"": 8, "?pool_size=3": 3, "?pool_size=1": 1} {
		addr, connections := counted(t)
		c := open(t, "redis://"+addr+option, "a")
		get := func() error { _, err := c.Get(t.Context(), "k"); return err }
		for range 20 {
			check(t, get())
		}
		if n := connections.Load(); n != 1 {
			t.Errorf("%q: %d connections for one call after the other", option, n)
		}
		for range 20 {
			many(t, 64, get)
		}
		if n := connections.Load(); n > most {
			t.Errorf("%q: %d connections, want %d at most", option, n, most)
		}
	}
}

// What is not used for a while, or is old, is closed.
func TestConnectionsThatAreOld(t *testing.T) {
	for option, again := range map[string]bool{
		"conn_max_idle_time=1ms": true, "conn_max_lifetime=1ms": true,
		"conn_max_idle_time=1h": false, "conn_max_lifetime=1h": false, "conn_max_idle_time=0&conn_max_lifetime=0": false,
	} {
		addr, connections := counted(t)
		c := open(t, "redis://"+addr+"?"+option, "a")
		for range 2 {
			_, err := c.Get(t.Context(), "k")
			check(t, err)
			time.Sleep(5 * time.Millisecond)
		}
		if n := connections.Load(); (n == 2) != again {
			t.Errorf("%q: %d connections", option, n)
		}
	}
}

// What an address says of a connection is what the server knows of it.
func TestGreetings(t *testing.T) {
	server := redistest.Start(t, "--user", "ccsfs", "on", ">pw", "~*", "+@all")
	c := open(t, "redis://ccsfs:pw@"+server.Addr()+"/3?client_name=who", "a")
	check(t, c.Set(t.Context(), "k", []byte("v"), time.Minute))
	list, err := redigo.String(client(t, server).Do("CLIENT", "LIST"))
	check(t, err)
	if !regexp.MustCompile(`(?m)^.* name=who .* db=3 .* user=ccsfs .*$`).MatchString(list) {
		t.Errorf("the server has\n%s", list)
	}
}
