//go:build linux

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

const (
	// apiLimit is how many calls a second the API takes of one account.
	apiLimit = 25
	// inFlight is how many documents one process asks for at once, at most.
	inFlight = 16
)

// crew is four processes on one cache and one account: two pulls, a cp by exec,
// and a mount that is read.
type crew struct {
	*program
	files []file
	dest  string // where their copies go
	pull  []string
	cmds  map[string]*exec.Cmd
	said  map[string]*logBook
	gate  atomic.Pointer[chan struct{}] // calls wait until it is closed; nil: they do not
}

// members of a crew, each of which makes a copy under its name.
func members() []string { return []string{"pull-1", "pull-2", "exec", "mount"} }

func newCrew(t *testing.T, account *apisim.Account) *crew {
	t.Helper()
	c := &crew{dest: t.TempDir(), pull: []string{"pull"}}
	p := newProgram(t, options{account: account, quirks: apisim.Quirks{Dates: true}, wrap: func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if gate := c.gate.Load(); gate != nil {
				select {
				case <-*gate:
				case <-r.Context().Done():
				}
			}
			api.ServeHTTP(w, r)
		})
	}})
	p.sim.Latency = 80 * time.Millisecond
	p.env = append(p.env, "CCSFS_RATE_LIMIT=20", "CCSFS_LOG_LEVEL=warn", "CCSFS_TIMEOUT=60s")
	c.program, c.files = p, expected(t, p.sim, nil)
	return c
}

// work starts all four at once.
func (c *crew) work() {
	c.t.Helper()
	c.cmds, c.said = make(map[string]*exec.Cmd), make(map[string]*logBook)
	for _, name := range members() {
		to := filepath.Join(c.dest, name)
		switch name {
		case "exec":
			c.launch(name, c.ccsfs(nil, "exec", "--", "cp", "-r", ".", to))
		case "mount":
			// The mount ends with the script, however that ends.
			c.launch(name, c.ccsfs([]string{"bash", "-c", `
				"$@" & mount=$!
				trap 'kill $mount; wait $mount' EXIT
				until mountpoint -q "$MNT"; do kill -0 $mount || exit 1; sleep 0.02; done
				cp -r "$MNT" "$TO"`, "bash"}, "mount", c.dir))
		default:
			c.launch(name, c.ccsfs(nil, append(c.pull, to)...))
		}
	}
}

func (c *crew) launch(name string, cmd *exec.Cmd) {
	c.t.Helper()
	said := &logBook{}
	cmd.Env = append(cmd.Env, "MNT="+c.dir, "TO="+filepath.Join(c.dest, name))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, 10*time.Second
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.cmds[name], c.said[name] = cmd, said
	c.t.Cleanup(func() { cmd.Process.Kill() })
}

// finish waits for all, and compares what they made; the killed one, if there
// is one, may have made anything.
func (c *crew) finish(killed string) {
	c.t.Helper()
	for _, name := range members() {
		err := c.cmds[name].Wait()
		if name == killed {
			continue
		}
		if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			c.t.Errorf("%s: %v\n%s", name, err, c.said[name].text())
			continue
		}
		sameTree(c.t, filepath.Join(c.dest, name), c.files)
	}
	unix.Unmount(c.dir, unix.MNT_DETACH) // what a killed one left
}

// kill ends one in the hard way.
func (c *crew) kill(name string) { c.signal(name, unix.SIGKILL) }

// signal sends one a signal. Of the mount that is ccsfs, not the script.
func (c *crew) signal(name string, sig unix.Signal) {
	c.t.Helper()
	pid := c.cmds[name].Process.Pid
	if name == "mount" {
		pid = child(c.t, pid)
	}
	if pid > 0 {
		unix.Kill(pid, sig)
	}
}

// child is the ccsfs that a script has started, 0 if it has ended.
func child(t testing.TB, pid int) int {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		list, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var pids []int
		for rest := string(list); ; {
			var n int
			if k, _ := fmt.Sscan(rest, &n); k != 1 {
				break
			}
			pids = append(pids, n)
			rest = rest[len(fmt.Sprint(n)):]
		}
		for _, n := range pids {
			if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", n)); exe == os.Getenv(binaryVariable) {
				return n
			}
		}
	}
	return 0
}

// startTogether lets nobody ask the API for anything until all have begun: who asks
// afresh takes what others ask for from then on.
func (c *crew) startTogether() {
	begun := make(chan struct{})
	c.gate.Store(&begun)
	c.work()
	defer close(begun)
	eventually(c.t, "all have begun", func() bool {
		for _, name := range members() {
			pid := c.cmds[name].Process.Pid
			if name == "mount" {
				pid = child(c.t, pid)
			}
			if pid == 0 || !opened(pid, "/catalog/leases") {
				return false
			}
		}
		return true
	})
}

// opened reports whether a process has a file open whose path ends so.
func opened(pid int, end string) bool {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false // not yet, or not any more
	}
	for _, e := range entries {
		if target, _ := os.Readlink(dir + e.Name()); strings.HasSuffix(target, end) {
			return true
		}
	}
	return false
}

// withinBudget fails if the API was called faster than it may be, or the list of
// contracts, or listings, were asked for more often than so often.
func (c *crew) withinBudget(contracts, listings int) {
	c.t.Helper()
	calls := c.sim.Calls()
	if calls.MaxPerSecond > apiLimit {
		c.t.Errorf("%d calls in a second", calls.MaxPerSecond)
	}
	if calls.Contracts > contracts || calls.Token > len(members())+1 { // and one that comes later
		c.t.Errorf("%d lists of contracts, %d tokens", calls.Contracts, calls.Token)
	}
	for contract, types := range calls.Listings {
		for typ, n := range types {
			if n > listings {
				c.t.Errorf("%s: %d listings of %s", contract, n, typ)
			}
		}
	}
}

// askedOnce fails if documents were asked for more than once, but for so many.
func (c *crew) askedOnce(again int) {
	c.t.Helper()
	calls := c.sim.Calls()
	for _, f := range c.files {
		if n := calls.Files[f.id]; n < 1 || n > 1+min(again, 1) {
			c.t.Errorf("%s: %d calls of /file", f.path, n)
		}
	}
	if calls.File > len(c.files)+again {
		c.t.Errorf("%d calls of /file for %d documents", calls.File, len(c.files))
	}
}

// TestFourProcessesOneCache: two pulls, a cp by exec and a mount that is read, at
// once, on one cache that is empty at first: each gets every byte, each document
// is asked for once, and all together keep to the API's rate. The list of contracts
// and each listing are asked for once, too: also for a pull or an exec that wants them
// to be of now, if the question leaves when it has begun.
func TestFourProcessesOneCache(t *testing.T) {
	begin(t)
	for name, pull := range map[string][]string{
		"listings that are known will do": {"pull", "--listing-ttl=10m"}, "listings of now": {"pull"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrew(t, apisim.Synthetic(2, 40, 30_000, ".pdf"))
			c.pull = pull
			c.startTogether()
			c.finish("")
			c.withinBudget(1, 1)
			c.askedOnce(0)
			c.sim.ResetCalls()
			cmd := c.ccsfs(nil, "pull", filepath.Join(c.dest, "later"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			sameTree(t, filepath.Join(c.dest, "later"), c.files)
			if calls := c.sim.Calls(); calls.File != 0 {
				t.Errorf("%d calls of /file by the one that came later", calls.File)
			}
		})
	}
}

// TestOneOfFourIsKilled: whichever it is, at any moment: the others get every
// byte, and what the dead one was asking for is asked for once more, no more.
func TestOneOfFourIsKilled(t *testing.T) {
	begin(t)
	survive(t, "one of four is killed", func(t *testing.T) {
		r := seeded(t)
		end := time.Now().Add(soakTime(t, 6*time.Second))
		for round := 0; (round < 2 || time.Now().Before(end)) && !t.Failed(); round++ {
			killOne(t, r)
		}
	})
}

// TestSomeOfFourStandStill: stopped (Ctrl-Z, a machine that sleeps) at any moment, again
// and again, one or all, and going on at once: each gets every byte, and what they were
// about to ask for when they stopped does not make them too fast.
func TestSomeOfFourStandStill(t *testing.T) {
	begin(t)
	survive(t, "some of four stand still", func(t *testing.T) {
		r := seeded(t)
		end := time.Now().Add(soakTime(t, 6*time.Second))
		for round := 0; (round < 1 || time.Now().Before(end)) && !t.Failed(); round++ {
			c := newCrew(t, apisim.Synthetic(2, 40, 30_000, ".pdf"))
			c.work()
			for range 10 {
				var still []string
				for _, name := range members() {
					if r.IntN(3) > 0 {
						still = append(still, name)
						c.signal(name, unix.SIGSTOP)
					}
				}
				time.Sleep(time.Duration(50+r.IntN(800)) * time.Millisecond)
				for _, name := range still {
					c.signal(name, unix.SIGCONT)
				}
				time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			}
			c.finish("")
			if n := c.sim.Calls().MaxPerSecond; n > apiLimit {
				t.Errorf("%d calls in a second", n)
			}
			c.close()
		}
	})
}

func killOne(t *testing.T, r *rand.Rand) {
	t.Helper()
	c := newCrew(t, apisim.Synthetic(2, 25, 30_000, ".pdf"))
	victim := members()[r.IntN(len(members()))]
	after := time.Duration(r.IntN(3000)) * time.Millisecond
	t.Logf("%s is killed after %v", victim, after)
	c.work()
	time.Sleep(after)
	c.kill(victim)
	c.finish(victim)
	cmd := c.ccsfs(nil, "pull", filepath.Join(c.dest, "later"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the one that came later: %v\n%s", err, out)
	}
	sameTree(t, filepath.Join(c.dest, "later"), c.files)
	c.withinBudget(4, 3)
	c.askedOnce(inFlight)
	if out, err := c.ccsfs(nil, "exec", "--", "true").CombinedOutput(); err != nil { // clears what a killed one left
		t.Errorf("exec: %v\n%s", err, out)
	}
	for _, m := range mounts(t) {
		if strings.HasPrefix(m, c.home) {
			t.Errorf("left behind: %s", m)
		}
	}
	c.close()
}
