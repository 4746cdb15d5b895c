package gateway

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"ccsfs/internal/catalog"
)

// How old a list may be. The gateway's own listings are believed for its --listing-ttl; the
// answer says how old it is in the header Age, of HTTP, in which whoever keeps it counts
// that in. A request whose Cache-Control has no-cache, or a max-age, is about a newer one.

// leastAge is the age, at least, of what is asked for anew: seven calls at once, and as many
// machines, ask the API once.
const leastAge = 10 * time.Second

// renewals has everybody who asks for something anew at once wait for the same.
type renewals struct{ singleflight.Group }

// do renews something, for all who ask meanwhile; who leaves does not take it along.
func (r *renewals) do(ctx context.Context, key string, renew func(context.Context) error) error {
	done := r.DoChan(key, func() (any, error) { return nil, renew(context.WithoutCancel(ctx)) })
	select {
	case got := <-done:
		return got.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tooOld reports whether a client wants something newer.
func (g *Gateway) tooOld(c *call, fetched time.Time) bool {
	most, ok := maxAge(c.Header)
	return ok && g.Now().Sub(fetched) > max(most, leastAge)
}

// maxAge is how old an answer may be at most, by the headers of a request.
func maxAge(h http.Header) (most time.Duration, ok bool) {
	for _, line := range h.Values("Cache-Control") {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
			switch seconds, err := strconv.ParseUint(value, 10, 31); {
			case name == "no-cache":
				return 0, true
			case name == "max-age" && err == nil:
				return time.Duration(seconds) * time.Second, true
			}
		}
	}
	return 0, false
}

// aged says how old an answer is, rounded up.
func (g *Gateway) aged(c *call, fetched time.Time) {
	age := max(g.Now().Sub(fetched), 0)
	c.w.Header().Set("Age", strconv.FormatInt(int64((age+time.Second-1)/time.Second), 10))
}

// contractList is the list of contracts, as fresh as it is wanted.
func (g *Gateway) contractList(c *call) (*catalog.Contracts, *apiError) {
	ctx := catalog.WithPatience(c.Context())
	list, err := g.Catalog.Contracts(ctx)
	if err == nil && g.tooOld(c, list.FetchedAt) {
		if err = g.renew.do(ctx, "", g.Catalog.RefreshContracts); err == nil {
			list, err = g.Catalog.Contracts(ctx)
		}
	}
	switch {
	case err != nil:
		return nil, of(err)
	case list.Stale != nil:
		return nil, old(list.Stale)
	}
	return list, nil
}

// listing is that of a contract, as fresh as it is wanted.
func (g *Gateway) listing(c *call) (*catalog.Listing, *apiError) {
	ctx := catalog.WithPatience(c.Context())
	l, err := g.Catalog.Listing(ctx, c.contract)
	if err == nil && g.tooOld(c, l.FetchedAt) {
		err = g.renew.do(ctx, c.contract, func(ctx context.Context) error { return g.Catalog.Refresh(ctx, c.contract) })
		if err == nil {
			l, err = g.Catalog.Listing(ctx, c.contract)
		}
	}
	switch {
	case err != nil:
		return nil, aboutContract(err)
	case l.Stale != nil:
		return nil, old(l.Stale)
	}
	return l, nil
}

// partial says that a list is not what it should be: by the API's own word, or since it shows
// what is not listed any more (certain), or as is to be feared. It does so in a way that is
// known of other APIs: a ccsfs doubts it, too, and others may look at it. To a ccsfs it is
// another thing if nothing is certain.
func partial(h http.Header, certain, feared bool, have int) {
	if certain || feared {
		h.Set("X-Total-Count", strconv.Itoa(have+1))
	}
	if feared && !certain {
		h.Set(fearedHeader, "1")
	}
}

// fearedHeader tells a ccsfs that a list may not be all of it, though the API does not say so.
const fearedHeader = "X-Ccsfs-Feared"
