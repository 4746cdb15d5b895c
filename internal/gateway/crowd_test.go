package gateway

import (
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
)

// A document that waits behind those of many others for longer than a client's time-out comes
// all the same, and is asked for once.
func TestACrowdIsPatient(t *testing.T) {
	const machines, documents, rate = 5, 20, 20
	of := apisim.Synthetic(machines, documents, 2000, ".bin")
	r := newRig(t, of, func(c *account.Config) { c.Client.RateLimit = rate })
	var wg sync.WaitGroup
	for _, c := range of.Contracts {
		a := r.machine("one", func(c *account.Config) { c.Client.Timeout = time.Second })
		for _, n := range r.documents(a, c.ID) {
			wg.Go(func() {
				if n := len(r.read(a, n)); n != 2000 {
					t.Errorf("%d bytes", n)
				}
			})
		}
	}
	wg.Wait()
	if c := r.sim.Calls(); c.File != machines*documents || c.MaxPerSecond > 25 {
		t.Errorf("%d documents were asked for %d times, %d in a second", machines*documents, c.File, c.MaxPerSecond)
	}
}
