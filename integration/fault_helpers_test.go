//go:build linux

package integration

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
)

// small is an account of two contracts with two documents of each type, most of
// a few kilobytes and one of a few hundred.
func small() *apisim.Account {
	a := &apisim.Account{}
	seed := uint64(0)
	for c := 1; c <= 2; c++ {
		contract := apisim.Contract{
			ID: fmt.Sprintf("OCB000000%d", c), Name: "Contract", CreatedAt: "2026-08-01T00:00:00Z", Offer: "Flexible Engine",
		}
		for i, typ := range billing.Types() {
			for n := 1; n <= 2; n++ {
				seed++
				size := int64(1000 + 100*i + n)
				if i == 0 && n == 1 {
					size = 300_000
				}
				name := fmt.Sprintf("%s-%d%s", typ, n, []string{".pdf", ".xlsx", ".csv"}[i%3])
				contract.Documents = append(contract.Documents, apisim.Document{
					ID: fmt.Sprint(100*c + 10*i + n), Type: typ, Filename: name, Period: fmt.Sprintf("20260%d", 8+n-1),
					Content: apisim.Pseudo(seed, size, name),
				})
			}
		}
		a.Contracts = append(a.Contracts, contract)
	}
	return a
}

// allRight copies everything and compares it with the account as it is now.
func (r *rig) allRight(hidden func(*apisim.Document) bool) {
	r.t.Helper()
	if r.opt.face == asDrive {
		if wrong := r.walk(expected(r.t, r.sim, hidden)); wrong != "" {
			r.t.Error(wrong)
		}
		return
	}
	sameTree(r.t, r.sh(`cp -r "$MNT/." "$OUT"`), expected(r.t, r.sim, hidden))
}

// ended waits until nothing is under way: what began while something was wrong may end badly
// after it is well, and is remembered as of then.
func (r *rig) ended() {
	r.t.Helper()
	eventually(r.t, "what was under way has ended", func() bool {
		return r.client.Stats().InFlight == 0 && r.content.Stats().Running == 0 && r.catalog.Stats().Refreshing == 0
	})
}

// gets fails unless a path reads as these bytes.
func (a *agent) gets(path string, want []byte) {
	a.t.Helper()
	if x := a.readAll(path); x.Errno != "" || !bytes.Equal(x.Data, want) {
		a.t.Errorf("%s: %d bytes of %d, or others, %s", path, len(x.Data), len(want), x.Errno)
	}
}

// fails fails unless reading a path does, in one of these ways, without a byte.
func (a *agent) fails(path string, errnos ...string) {
	a.t.Helper()
	a.failed(path, a.readAll(path), errnos...)
}

// lists fails unless a directory cannot be listed, in one of these ways.
func (a *agent) failsToList(path string, errnos ...string) {
	a.t.Helper()
	a.failed(path, a.list(path), errnos...)
}

func (a *agent) failed(path string, x answer, errnos ...string) {
	a.t.Helper()
	for _, e := range errnos {
		if a.drive != nil && e == "EBUSY" { // too many requests are a service that is not available
			e = "EHOSTUNREACH"
		}
		if x.Errno == e && len(x.Data) == 0 && len(x.Names) == 0 {
			return
		}
	}
	a.t.Errorf("%s: errno %q, %d bytes, %d names; want %v and nothing", path, x.Errno, len(x.Data), len(x.Names), errnos)
}

// names fails unless a directory has this many entries besides the generated ones.
func (a *agent) names(path string, want int) {
	a.t.Helper()
	x := a.list(path)
	n := 0
	for _, name := range x.Names {
		if name != layout.ContractFile && name != layout.DocumentsFile {
			n++
		}
	}
	if x.Errno != "" || n != want {
		a.t.Errorf("%s: %d entries, want %d; %s", path, n, want, x.Errno)
	}
}

// logBook is a log to look into, at the level of debugging.
type logBook struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

func (l *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// within runs f, which must end long before a time-out that it might run into.
// The bound is generous: it tells milliseconds from the time-out, no more.
func within(t testing.TB, bound time.Duration, what string, f func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Errorf("%s: not done within %v", what, bound)
		<-done
	}
}

// quickly gives a client a time-out that tests can wait for.
func quickly(d time.Duration) func(*apiclient.Config) {
	return func(c *apiclient.Config) { c.Timeout = d }
}

// calls is how many calls have reached the API.
func calls(sim *apisim.Server) int {
	c := sim.Calls()
	return c.Token + c.Contracts + c.Contract + c.Documents + c.File + c.Head + c.Other
}

// instead answers calls that f takes in place of the API.
func instead(f func(w http.ResponseWriter, r *http.Request) bool) func(http.Handler) http.Handler {
	return func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !f(w, r) {
				api.ServeHTTP(w, r)
			}
		})
	}
}
