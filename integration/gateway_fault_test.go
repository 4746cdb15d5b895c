//go:build linux

package integration

import (
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// exit is the status of a client that was waited for.
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

func TestXFaults(t *testing.T) {
	begin(t)
	t.Run("all", func(t *testing.T) {
		for name, fault := range map[string]apisim.Fault{
			"cut":      {After: 5000, Cut: true},
			"truncate": {After: 5000, Truncate: true},
			"429":      {Status: 429, Code: 53},
			"403":      {Status: 403, Code: 50},
			"403-53":   {Status: 403, Code: 53},
			"500":      {Status: 500, Code: 1},
			"503":      {Status: 503, Code: 5},
			"html":     {Body: apisim.HTMLPage},
			"401":      {Status: 401, Code: 42},
			"stall":    {After: 5000, Stall: true},
		} {
			for _, way := range []string{"direct", "gateway"} {
				t.Run(name+" "+way, func(t *testing.T) {
					t.Parallel()
					g := newGateways(t, 1, false, apisim.Synthetic(1, 20, 30_000, ".pdf"), "CCSFS_TIMEOUT=5s")
					bad := g.files[3]
					g.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, fault)
					c := g.pull("anna", g.at[0])
					if way == "direct" {
						c.Env = append(append([]string{}, g.env...), "CCSFS_CACHE_DIR="+filepath.Join(g.home, "client-direct"))
					}
					c.launch(t)
					began := time.Now()
					code := c.exit()
					calls := g.sim.Calls()
					t.Logf("RES %s %s: exit %d after %v, bad asked %d, all %d, tokens %d; %v\n%s", name, way, code, time.Since(began).Round(time.Millisecond), calls.Files[bad.id], calls.File, calls.Token, difference(t, filepath.Join(g.dest, "anna"), g.files), tail(c.said.text(), 2))
					g.end(0, 15)
				})
			}
		}
	})
}

var _ = io.EOF
var _ = http.StatusOK
