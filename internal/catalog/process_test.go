package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/billing"
)

// A process of a test: it shares the directory that processVariable names, and
// counts its calls in a file that all append to.
const processVariable = "CATALOG_TEST_DIRECTORY"

// process lists contract C1 for each line of its standard input, "list" or
// "refresh", and says how many documents there are.
func process() int {
	root := os.Getenv(processVariable)
	calls, err := os.OpenFile(filepath.Join(root, "calls"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	api := newFake("C1", "C2")
	api.docs["C1"] = monthly(billing.TypeBills, 11, 1)
	api.slow = func(ctx context.Context, k call) {
		if _, err := fmt.Fprintln(calls, k.op, k.contract, k.typ); err != nil {
			panic(err)
		}
		wait(ctx, 50*time.Millisecond)
	}
	c, err := New(Config{Dir: filepath.Join(root, "saved")}, api)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "refresh" {
			err = errors.Join(err, c.Refresh(context.Background(), "C1"))
		}
		l, lerr := c.Listing(context.Background(), "C1")
		if err = errors.Join(err, lerr); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(len(l.Documents), l.Stale)
	}
	return 0
}

type child struct {
	cmd *exec.Cmd
	in  interface{ Write([]byte) (int, error) }
	out *bufio.Reader
}

// begin starts a process, which ends with the test if not before.
func begin(t *testing.T, root string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), processVariable+"="+root)
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

func (c *child) say(line string) { _, _ = c.in.Write([]byte(line + "\n")) } // who was killed says nothing back

func (c *child) hear() string {
	line, _ := c.out.ReadString('\n') // the same
	return strings.TrimSpace(line)
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	_ = c.cmd.Wait()
}

// callsOf counts the calls of all processes.
func callsOf(t *testing.T, root, op string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, op+" ") {
			n++
		}
	}
	return n
}

func TestRealProcessesAskOnce(t *testing.T) {
	root := t.TempDir()
	var all []*child
	for range 4 {
		all = append(all, begin(t, root))
	}
	for _, c := range all {
		c.say("list")
	}
	for _, c := range all {
		if got := c.hear(); got != "11 <nil>" {
			t.Errorf("%q", got)
		}
	}
	if a, b := callsOf(t, root, "contracts"), callsOf(t, root, "documents"); a != 1 || b != 7 {
		t.Errorf("%d calls for contracts and %d for documents, want those of one process", a, b)
	}
}

// A process that is killed while it refreshes costs the others a moment: the
// next one asks in its place.
func TestAKilledProcessIsReplaced(t *testing.T) {
	root := t.TempDir()
	first := begin(t, root)
	first.say("list")
	if got := first.hear(); got != "11 <nil>" {
		t.Fatalf("%q", got)
	}
	first.say("refresh")
	for callsOf(t, root, "documents") < 8 {
		time.Sleep(time.Millisecond)
	}
	others := []*child{begin(t, root), begin(t, root), begin(t, root)}
	for _, c := range others {
		c.say("refresh")
	}
	first.kill()
	for _, c := range others {
		if got := c.hear(); got != "11 <nil>" {
			t.Errorf("%q", got)
		}
	}
	if n := callsOf(t, root, "documents"); n > 7+7+3*7 {
		t.Errorf("%d calls", n)
	}
}

// Three processes of which one after the other is killed at any moment.
func TestProcessesKilledAtRandom(t *testing.T) {
	rounds := 15
	if testing.Short() {
		rounds = 3
	}
	root := t.TempDir()
	all := []*child{begin(t, root), begin(t, root), begin(t, root)}
	for round := range rounds {
		victim := rand.IntN(len(all))
		for _, c := range all {
			c.say([]string{"list", "refresh"}[rand.IntN(2)])
		}
		time.Sleep(rand.N(120 * time.Millisecond))
		all[victim].kill()
		for i, c := range all {
			if got := c.hear(); i != victim && got != "11 <nil>" {
				t.Errorf("round %d: %q", round, got)
			}
		}
		all[victim] = begin(t, root)
	}
	// Nothing is left behind that a new one stumbles over.
	c := begin(t, root)
	c.say("list")
	if got := c.hear(); got != "11 <nil>" {
		t.Errorf("at the end: %q", got)
	}
}
