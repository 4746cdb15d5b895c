//go:build linux

package integration

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// gateways are machines of a pool that are asked in place of the API, by clients that have
// caches of their own and nothing to do with the pool. They have the same file of clients,
// and a balancer before them.
type gateways struct {
	*machines
	at       []string // the address of each, without a path
	balancer *balancer
	file     string   // of the clients
	as       []string // what a client has in its environment, but for addresses and a cache
	named    struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
		Key    string `json:"api_key"`
	}
}

// newGateways starts so many, with more in their environment; pooled: they share the account.
func newGateways(t *testing.T, count int, pooled bool, account *apisim.Account, env ...string) *gateways {
	t.Helper()
	g := &gateways{machines: newMachines(t, count, account), at: make([]string, count), balancer: newBalancer(t)}
	g.file = filepath.Join(g.home, "clients.json")
	for _, v := range g.env {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "CCSFS_SHARED") && !strings.HasPrefix(name, "AWS_") {
			g.as = append(g.as, v)
		}
	}
	if !pooled {
		g.env = g.as
	}
	g.env = append(slices.Clip(g.env), env...)
	out, err := g.ccsfs(nil, "gateway", "client", "add", "tests", "--json", "--clients-file="+g.file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &g.named); err != nil {
		t.Fatal(err)
	}
	g.as = append(g.as, "CCSFS_CLIENT_ID="+g.named.ID, "CCSFS_CLIENT_SECRET="+g.named.Secret, "CCSFS_API_KEY="+g.named.Key)
	for i := range count {
		g.serve(i)
	}
	return g
}

// serve starts a gateway, at the address that it had, and waits until it answers.
func (g *gateways) serve(i int, flags ...string) {
	g.t.Helper()
	listen := "127.0.0.1:0"
	if g.at[i] != "" {
		listen = strings.TrimPrefix(g.at[i], "http://")
	}
	said := g.run(i, g.env, append([]string{"serve", "--faces=api", "--listen=" + listen, "--clients-file=" + g.file}, flags...)...)
	at := regexp.MustCompile(`serving (http://\S+)/;`)
	eventually(g.t, "a gateway serves", func() bool {
		if m := at.FindStringSubmatch(said.text()); m != nil {
			g.at[i] = m[1]
			return true
		}
		if g.ended(i) {
			g.t.Fatalf("ended instead of serving:\n%s", said.text())
		}
		return false
	})
	g.balancer.have(g.at[i])
}

// run starts a command, as one of the machines, with a cache of its own.
func (g *gateways) run(i int, env []string, args ...string) *logBook {
	g.t.Helper()
	cmd := g.ccsfs(nil, args...)
	cmd.Env = append(append([]string{}, env...), "CCSFS_CACHE_DIR="+filepath.Join(g.home, "gateway-"+string(rune('a'+i))))
	said := &logBook{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, 10*time.Second
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.cmds[i], g.said[i] = cmd, said
	g.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return said
}

// ended reports whether a machine has.
func (g *gateways) ended(i int) bool {
	p := program{cmd: g.cmds[i]}
	return p.ended()
}

// end ends a gateway, and waits until it is gone.
func (g *gateways) end(i int, sig unix.Signal) {
	g.t.Helper()
	g.balancer.lose(g.at[i])
	g.cmds[i].Process.Signal(sig)
	g.wait(i)
}

// client is a ccsfs that asks at an address, with a cache of its own.
type client struct {
	*exec.Cmd
	said *logBook
}

// client prepares one, unlike any before: what it keeps goes by its name.
func (g *gateways) client(name, at string, args ...string) *client {
	g.t.Helper()
	c := &client{g.ccsfs(nil, args...), &logBook{}}
	c.Env = append(append([]string{}, g.as...), "CCSFS_CACHE_DIR="+filepath.Join(g.home, "client-"+name),
		"CCSFS_API_URL="+at+apisim.APIPath, "CCSFS_OAUTH_URL="+at+apisim.OAuthPath)
	c.Stdout, c.Stderr, c.WaitDelay = c.said, c.said, 10*time.Second
	return c
}

// launch starts it.
func (c *client) launch(t *testing.T) *client {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// done fails unless it ended well.
func (c *client) done(t *testing.T) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %v\n%s", c.Args[1:], err, tail(c.said.text(), 20))
	}
}

// balancer leads each connection to a server that takes it, as those do that stand before
// several machines. It knows nothing of requests.
type balancer struct {
	address string

	mu      sync.Mutex
	servers []string // HOST:PORT
	next    int
}

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{address: "http://" + l.Addr().String()}
	var open sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { b.lead(conn) })
		}
	})
	return b
}

func (b *balancer) have(at string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = append(b.servers, strings.TrimPrefix(at, "http://"))
}

func (b *balancer) lose(at string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range b.servers {
		if s == strings.TrimPrefix(at, "http://") {
			b.servers = append(b.servers[:i:i], b.servers[i+1:]...)
			return
		}
	}
}

// lead leads a connection to the next server that takes it.
func (b *balancer) lead(from net.Conn) {
	defer from.Close()
	b.mu.Lock()
	b.next++
	servers, next := b.servers, b.next
	b.mu.Unlock()
	for i := range servers {
		to, err := net.Dial("tcp", servers[(next+i)%len(servers)])
		if err != nil {
			continue
		}
		defer to.Close()
		var both errgroup.Group
		for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
			both.Go(func() error {
				_, err := io.Copy(way[0], way[1])
				from.Close() // whoever ended it, all of it has ended
				to.Close()
				return err
			})
		}
		_ = both.Wait() // as connections end
		return
	}
}

// pull has a client copy everything, from an address, into a directory of its name.
func (g *gateways) pull(name, at string) *client {
	g.t.Helper()
	return g.client(name, at, "pull", filepath.Join(g.dest, name))
}

// TestGatewaysAskOnce: two gateways share a pool, each has a client of its own, which begin
// at once: each document is asked for once, with one token, at one rate.
func TestGatewaysAskOnce(t *testing.T) {
	begin(t)
	_, documents := fleetSize()
	g := newGateways(t, 2, true, apisim.Synthetic(2, documents, 30_000, ".pdf"))
	var clients []*client
	for i, name := range []string{"anna", "bob"} {
		clients = append(clients, g.pull(name, g.at[i]).launch(t))
	}
	for i, name := range []string{"anna", "bob"} {
		clients[i].done(t)
		sameTree(t, filepath.Join(g.dest, name), g.files)
	}
	g.wantCalls(0, 1)
}

// TestAGatewayIsKilled: clients are led to two gateways by a balancer, and one of those is
// killed while they copy: they end well, with everything, and what was in its hand is asked
// for once more, no more.
func TestAGatewayIsKilled(t *testing.T) {
	begin(t)
	_, documents := fleetSize()
	g := newGateways(t, 2, true, apisim.Synthetic(2, documents, 30_000, ".pdf"))
	names := []string{"anna", "bob", "carol"}
	var clients []*client
	for _, name := range names {
		clients = append(clients, g.pull(name, g.balancer.address).launch(t))
	}
	eventually(t, "documents are on their way", func() bool { return g.sim.Calls().File > len(g.files)/4 })
	g.end(0, unix.SIGKILL)
	for i, name := range names {
		clients[i].done(t)
		sameTree(t, filepath.Join(g.dest, name), g.files)
	}
	g.wantCalls(inFlight, 2)
}

// TestAGatewayRestarts: one that shares with nobody is ended, and started again at the same
// address, while a client copies: that ends well, with everything.
func TestAGatewayRestarts(t *testing.T) {
	begin(t)
	for name, sig := range map[string]unix.Signal{"killed": unix.SIGKILL, "ended": unix.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			_, documents := fleetSize()
			g := newGateways(t, 1, false, apisim.Synthetic(2, documents, 30_000, ".pdf"))
			c := g.pull("anna", g.at[0]).launch(t)
			eventually(t, "documents are on their way", func() bool { return g.sim.Calls().File > len(g.files)/4 })
			g.end(0, sig)
			g.serve(0)
			c.done(t)
			sameTree(t, filepath.Join(g.dest, "anna"), g.files)
			g.wantCalls(inFlight, 2)
		})
	}
}

// TestAMachineBehindAGatewaySeesSizes: what was read through one gateway another one has the
// sizes of, and so have its clients: the first `ls -l` of a machine that was never there
// before has the API asked for nothing.
func TestAMachineBehindAGatewaySeesSizes(t *testing.T) {
	begin(t)
	const documents = 500
	g := newGateways(t, 1, true, apisim.Synthetic(1, documents, 2_000, ".pdf"), "CCSFS_RATE_LIMIT=200")
	g.pull("anna", g.at[0]).launch(t).done(t)
	if n := g.sim.Calls().File; n != documents {
		t.Errorf("%d calls for %d documents", n, documents)
	}
	g.end(0, unix.SIGTERM)
	if err := os.RemoveAll(filepath.Join(g.home, "gateway-a")); err != nil { // it is another machine now
		t.Fatal(err)
	}
	g.serve(0)
	before := calls(g.sim)
	c := g.client("bob", g.at[0], "mount", g.dir).launch(t)
	eventually(t, "it is mounted", func() bool { return strings.Contains(c.said.text(), "ccsfs: mounted at ") })
	out, err := run(t, "ls", "-l", filepath.Join(g.dir, g.files[0].contract))
	if n := strings.Count(out, " 2000 "); err != nil || n != documents {
		t.Errorf("ls -l shows %d documents of their size, %v", n, err)
	}
	if n := calls(g.sim) - before; n != 0 {
		t.Errorf("%d calls for it: %+v", n, g.sim.Calls())
	}
	c.Process.Signal(unix.SIGTERM)
	c.done(t)
}
