package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Gateways that ask one another in a circle would wait for each other without end. Tokens tell it
// to two of them (see gateways): of three, each has a token before the one that it asks has its
// own. So each says, too, with all that it asks, by which gateways it is asked itself.

const (
	// askersHeader has the gateways that ask by a request, the nearest first, with commas between.
	askersHeader = "X-Ccsfs-Askers"
	// askersMost is how many of them are told of and kept, and askerFor how long.
	askersMost = 16
	askerFor   = time.Minute
)

// askers are the gateways that asked of late.
type askers struct {
	mu   sync.Mutex
	last map[string]time.Time // by name
}

// Askers are the gateways that ask by what this one asks: itself, and those that asked it within
// the last minute.
func (g *Gateway) Askers() []string {
	if g.Name == "" {
		return nil
	}
	return append([]string{g.asking()}, g.askers.now(g.Now())...)
}

// asking is the name of this gateway where it asks. Those that ask it do not hear it, unlike Name:
// it is refused who says it.
func (g *Gateway) asking() string {
	mac := hmac.New(sha256.New, g.Clients.Key())
	mac.Write([]byte("asks as " + g.Name))
	return hex.EncodeToString(mac.Sum(nil))[:nameSize]
}

// asked takes in who asks, and refuses it if it is this gateway.
func (g *Gateway) asked(r *http.Request) *apiError {
	told := r.Header.Get(askersHeader)
	if told == "" || g.Name == "" {
		return nil
	}
	names := strings.SplitN(told, ",", askersMost+1)
	names = names[:min(len(names), askersMost)]
	if slices.Contains(names, g.asking()) {
		err := fail(http.StatusBadGateway, codeInternal, "This gateway asks itself, by others: one of them needs what Orange gave you, and the addresses of the API: leave out CCSFS_API_URL and CCSFS_OAUTH_URL there")
		err.settled = true
		return err
	}
	g.askers.add(names, g.Now())
	return nil
}

func (a *askers) add(names []string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(now)
	if a.last == nil {
		a.last = map[string]time.Time{}
	}
	for _, name := range names {
		if _, known := a.last[name]; len(name) == nameSize && (known || len(a.last) < askersMost) {
			a.last[name] = now
		}
	}
}

// now are those of late, the latest first.
func (a *askers) now(now time.Time) (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(now)
	for name := range a.last {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int { return a.last[y].Compare(a.last[x]) })
	return names
}

// forget forgets who asked long ago. a.mu is held.
func (a *askers) forget(now time.Time) {
	for name, at := range a.last {
		if now.Sub(at).Abs() > askerFor {
			delete(a.last, name)
		}
	}
}
