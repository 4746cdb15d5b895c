//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// What goes wrong before, in and behind a gateway, while a ccsfs asks it.

// exit is the status of a client that was waited for, -1 for one that was killed.
func (c *client) exit() int {
	err := c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// TestADocumentCannotBeHadBehindAGateway: one document cannot be had, in each of the ways
// in which the API goes wrong: a client copies all others, says so, and costs the API no
// more calls than one that asks it itself.
func TestADocumentCannotBeHadBehindAGateway(t *testing.T) {
	begin(t)
	t.Run("all", func(t *testing.T) {
		for name, fault := range map[string]apisim.Fault{
			"breaks off":        {After: 5000, Cut: true},
			"ends too early":    {After: 5000, Truncate: true},
			"refused":           {Status: 403, Code: 50},
			"not there":         {Status: 404, Code: 60},
			"an error":          {Status: 500, Code: 1},
			"a page":            {Body: apisim.HTMLPage},
			"another's expires": {Status: 401, Code: 42},
		} {
			survive(t, name, func(t *testing.T) {
				g := newGateways(t, 1, false, apisim.Synthetic(1, 20, 30_000, ".pdf"))
				bad := g.files[3]
				g.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, fault)
				c := g.pull("anna", g.at[0]).launch(t)
				if code := c.exit(); code != 6 || !strings.Contains(c.said.text(), bad.path) {
					t.Errorf("exit %d:\n%s", code, tail(c.said.text(), 5))
				}
				var good []file
				for _, f := range g.files {
					if f.id != bad.id {
						good = append(good, f)
					}
				}
				sameTree(t, filepath.Join(g.dest, "anna"), good)
				const rounds, tries = 3, 4 // who reads it, who reads ahead, and a witness
				if n := g.sim.Calls().Files[bad.id]; n > rounds*tries {
					t.Errorf("%d calls for one document", n)
				}
				g.end(0, unix.SIGTERM)
			})
		}
	})
}

// TestClientsHangUp: ten clients leave in the midst of a document that the API sends slowly;
// one that comes then gets all of it, by the call that was under way.
func TestClientsHangUp(t *testing.T) {
	begin(t)
	g := newGateways(t, 1, false, apisim.Synthetic(1, 1, 4<<20, ".pdf"), "CCSFS_STREAM_ABOVE=1MiB")
	g.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Drip: 50 * time.Millisecond, Chunk: 64 << 10})
	f := g.files[0]
	var transfers []string
	for i := range 10 {
		transfers = append(transfers, g.transfer(f, filepath.Join(g.dest, fmt.Sprint("left", i)))+"\nmax-time = 1\nnext")
	}
	if _, err := g.curl(f.contract, 10, transfers); err == nil {
		t.Error("nobody has left")
	}
	to := filepath.Join(g.dest, "all")
	if _, err := g.curl(f.contract, 1, []string{g.transfer(f, to)}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(to); err != nil || !bytes.Equal(b, f.data) {
		t.Errorf("%d bytes of %d, or others: %v", len(b), len(f.data), err)
	}
	if n := g.sim.Calls().File; n != 1 {
		t.Errorf("%d calls for one document", n)
	}
	g.end(0, unix.SIGTERM)
}

// TestADiskOfAGatewayIsFull: what a gateway cannot keep it sends all the same.
func TestADiskOfAGatewayIsFull(t *testing.T) {
	begin(t)
	disk := tmpfs(t, 4<<20)
	g := newGateways(t, 1, false, apisim.Synthetic(1, 44, 200_000, ".pdf"))
	g.end(0, unix.SIGTERM)
	g.serve(0, "--cache-dir="+filepath.Join(disk, "cache"))
	for _, name := range []string{"anna", "bob"} {
		g.pull(name, g.at[0]).launch(t).done(t)
		sameTree(t, filepath.Join(g.dest, name), g.files)
	}
	if n := g.sim.Calls().File; n > 3*len(g.files) {
		t.Errorf("%d calls for %d documents, twice", n, len(g.files))
	}
	g.end(0, unix.SIGTERM)
}

// TestAClientIsTakenOut: a client that is given other credentials while it copies ends, and
// says why. With those it copies the rest, at once, and no document is asked for twice.
func TestAClientIsTakenOut(t *testing.T) {
	begin(t)
	_, documents := fleetSize()
	g := newGateways(t, 1, false, apisim.Synthetic(2, documents, 30_000, ".pdf"))
	c := g.pull("anna", g.at[0]).launch(t)
	eventually(t, "documents are on their way", func() bool { return g.sim.Calls().File > len(g.files)/4 })
	out, err := g.ccsfs(nil, "gateway", "client", "renew", "tests", "--clients-file="+g.file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if code := c.exit(); code != 6 || !strings.Contains(c.said.text(), "client secret") {
		t.Errorf("exit %d:\n%s", code, tail(c.said.text(), 6))
	}
	g.as = append(g.as, strings.Fields(string(out))...)
	g.pull("anna", g.at[0]).launch(t).done(t)
	sameTree(t, filepath.Join(g.dest, "anna"), g.files)
	g.wantCalls(0, 1)
	g.end(0, unix.SIGTERM)
}
