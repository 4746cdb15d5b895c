//go:build linux

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/pool/redis/redistest"
	"ccsfs/internal/pool/s3/s3test"
	"ccsfs/internal/pool/seal"
)

// machines are processes that share an account and nothing else but a pool: each has a
// cache of its own.
type machines struct {
	*program
	redis *redistest.Server
	store *s3test.Server
	files []file
	count int
	dest  string
	mixed bool // every other one copies its mount, and does not pull

	mu   sync.Mutex
	cmds []*exec.Cmd
	said []*logBook
}

func newMachines(t *testing.T, count int, account *apisim.Account) *machines {
	t.Helper()
	key, text, err := seal.Generate()
	if err != nil || key.ID() == "" {
		t.Fatal(err)
	}
	m := &machines{redis: redistest.Start(t, "--save", "", "--appendonly", "no"), store: s3test.Start(t), count: count, dest: t.TempDir()}
	m.program = newProgram(t, options{account: account, quirks: apisim.Quirks{Dates: true}})
	m.sim.Latency = 60 * time.Millisecond
	m.env = append(m.env, "CCSFS_RATE_LIMIT=20", "CCSFS_LOG_LEVEL=warn", "CCSFS_TIMEOUT=60s",
		"CCSFS_SHARED="+m.redis.URL(), "CCSFS_SHARED_STORE="+m.store.Address, "CCSFS_SHARED_KEY="+text)
	m.env = append(m.env, m.store.Environment()...)
	m.files = expected(t, m.sim, nil)
	m.cmds, m.said = make([]*exec.Cmd, count), make([]*logBook, count)
	return m
}

// tree is where the copies of a machine go.
func (m *machines) tree(i int) string { return filepath.Join(m.dest, fmt.Sprint(i)) }

// start has a machine copy everything.
func (m *machines) start(i int) {
	m.t.Helper()
	cmd := m.ccsfs(nil, "pull", m.tree(i))
	if m.mixed && i%2 == 1 {
		cmd = m.ccsfs(nil, "exec", "--", "cp", "-r", ".", m.tree(i))
	}
	cmd.Env = append(cmd.Env, "CCSFS_CACHE_DIR="+filepath.Join(m.home, fmt.Sprintf("cache-%d", i)))
	said := &logBook{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, 10*time.Second
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cmds[i], m.said[i] = cmd, said
	m.t.Cleanup(func() { cmd.Process.Kill() })
}

// wait returns how the pull of a machine ended.
func (m *machines) wait(i int) error {
	err := m.cmds[i].Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// wantCalls checks that documents were asked for once, but for so many, with so many tokens at
// the most, and at the rate of the API.
func (m *machines) wantCalls(again, tokens int) {
	m.t.Helper()
	calls := m.sim.Calls()
	if calls.MaxPerSecond > apiLimit {
		m.t.Errorf("%d calls in a second", calls.MaxPerSecond)
	}
	if calls.File > len(m.files)+again {
		m.t.Errorf("%d calls of /file for %d documents, %d more at most", calls.File, len(m.files), again)
	}
	if calls.Token > tokens {
		m.t.Errorf("%d tokens were asked for", calls.Token)
	}
	m.t.Logf("%d calls of /file for %d documents on %d machines, %d of /documents, %d of contracts, %d in the worst second", calls.File, len(m.files), m.count, calls.Documents, calls.Contracts, calls.MaxPerSecond)
}

// fleetSize is how many machines, and how many documents of a contract there are.
func fleetSize() (machines, documents int) {
	if os.Getenv("CCSFS_SOAK") != "" {
		return 16, 500
	}
	return 6, 60
}

// TestMachinesAskOnce: machines with caches of their own, all at once and empty at first:
// each gets every byte, each document is asked for once, at one rate, by one token; and one
// that comes later asks for no document. Listings are asked for once, too, where those that
// others had just now will do.
func TestMachinesAskOnce(t *testing.T) {
	begin(t)
	for name, known := range map[string]bool{"listings of now": false, "listings that are known will do": true} {
		t.Run(name, func(t *testing.T) {
			count, documents := fleetSize()
			m := newMachines(t, count+1, apisim.Synthetic(2, documents, 30_000, ".pdf"))
			if m.mixed = true; known {
				m.env = append(m.env, "CCSFS_LISTING_TTL=10m")
			}
			for i := range count {
				m.start(i)
			}
			for i := range count {
				if err := m.wait(i); err != nil {
					t.Fatalf("machine %d: %v\n%s", i, err, m.said[i].text())
				}
			}
			before := m.sim.Calls().File
			m.start(count)
			m.wantLater(count, before)
			for i := range count {
				sameTree(t, m.tree(i), m.files)
			}
			m.wantCalls(0, 1)
			if calls := m.sim.Calls(); known && (calls.Contracts != 1 || calls.Documents != 2*7) {
				t.Errorf("%d calls of the contracts, %d of the listings of two, each of seven types", calls.Contracts, calls.Documents)
			}
		})
	}
}

// wantLater waits for a machine that must find all documents in the pool.
func (m *machines) wantLater(i, before int) {
	m.t.Helper()
	if err := m.wait(i); err != nil {
		m.t.Fatalf("the machine that came later: %v\n%s", err, m.said[i].text())
	}
	sameTree(m.t, m.tree(i), m.files)
	if n := m.sim.Calls().File - before; n > 0 {
		m.t.Errorf("%d calls of /file by the one that came later", n)
	}
}

// TestMachinesAreKilled: members, Redis and the store are killed at random, and started
// again: nothing is missing, nothing is wrong, and what was in the hand of the dead is asked
// for once more, no more.
func TestMachinesAreKilled(t *testing.T) {
	begin(t)
	survive(t, "machines, Redis and the store are killed", func(t *testing.T) {
		r := seeded(t)
		end := time.Now().Add(soakTime(t, 6*time.Second))
		for round := 0; (round < 1 || time.Now().Before(end)) && !t.Failed(); round++ {
			t.Run("round", func(t *testing.T) { killMachines(t, r) }) // whose servers end with it
		}
	})
}

func killMachines(t *testing.T, r *rand.Rand) {
	t.Helper()
	count, documents := fleetSize()
	m := newMachines(t, count, apisim.Synthetic(2, documents, 30_000, ".pdf"))
	for i := range count {
		m.start(i)
	}
	const events = 4
	again := 0
	for range events {
		time.Sleep(time.Duration(500+r.IntN(1500)) * time.Millisecond)
		switch victim := r.IntN(6); victim {
		case 0: // all leases are forgotten: whatever is in hand may be asked for by another, too
			t.Log("Redis is killed")
			m.redis.Kill()
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			m.redis.Restart()
			again += count * inFlight
		case 1: // what is fetched meanwhile is noted, and lost with whoever fetched it
			t.Log("the store is killed")
			m.store.Kill()
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			m.store.Restart()
			again += count * inFlight
		case 2: // what it was about to send is too late when it goes on
			i, still := r.IntN(count), time.Duration(r.IntN(3000))*time.Millisecond
			t.Logf("machine %d stands still for %v", i, still)
			m.cmds[i].Process.Signal(unix.SIGSTOP)
			time.Sleep(still)
			m.cmds[i].Process.Signal(unix.SIGCONT)
		default:
			i := r.IntN(count)
			t.Logf("machine %d is killed", i)
			m.cmds[i].Process.Signal(unix.SIGKILL)
			m.wait(i)
			m.start(i)
			again += inFlight
		}
	}
	for i := range count { // who met an engine that was away said so, and is run again, as by cron
		for try := 0; m.wait(i) != nil && try < 3; try++ {
			if said := m.said[i].text(); !strings.Contains(said, "cannot be used since") && !strings.Contains(said, "out of reach") {
				t.Errorf("machine %d failed for another reason:\n%s", i, said)
			}
			m.start(i)
		}
		sameTree(t, m.tree(i), m.files)
	}
	m.wantCalls(again, 1+events) // the token goes with Redis, or with who asks for it
	m.close()
}

// TestMachinesShareADirectory: the store is a directory, and members are killed while they read
// it and write there: nothing is missing, nothing is wrong, and nothing there is damaged.
func TestMachinesShareADirectory(t *testing.T) {
	begin(t)
	survive(t, "machines that share a directory are killed", func(t *testing.T) {
		r := seeded(t)
		count, documents := fleetSize()
		m := newMachines(t, count, apisim.Synthetic(2, documents, 30_000, ".pdf"))
		m.mixed = true
		m.env = append(m.env, "CCSFS_SHARED_STORE=file://"+t.TempDir())
		m.shared("init")
		for i := range count {
			m.start(i)
		}
		const kills = 6
		for range kills {
			time.Sleep(time.Duration(300+r.IntN(700)) * time.Millisecond)
			i := r.IntN(count)
			m.cmds[i].Process.Signal(unix.SIGKILL)
			m.wait(i)
			m.start(i)
		}
		for i := range count {
			if err := m.wait(i); err != nil {
				t.Errorf("machine %d: %v\n%s", i, err, m.said[i].text())
			}
			sameTree(t, m.tree(i), m.files)
		}
		m.wantCalls(kills*inFlight, 1+kills)
		m.shared("verify")
		m.shared("prune")
	})
}

// shared runs a command of ccsfs shared, which must end well.
func (m *machines) shared(command string) {
	m.t.Helper()
	if out, err := m.ccsfs(nil, "shared", command).CombinedOutput(); err != nil {
		m.t.Errorf("shared %s: %v\n%s", command, err, out)
	}
}
