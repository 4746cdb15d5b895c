package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A gateway is another ccsfs that stands in for the API (package internal/gateway). It says
// so with the access token; then this client paces itself no more, since the gateway paces
// for all of its clients, hears how old a list is, may ask for a newer one, and takes what
// is known of documents beyond what the API lists. The API itself says nothing of the kind.

// gatewayMember is the member of the token answer in which a gateway tells its version.
const gatewayMember = "ccsfs_gateway"

// gatewaysMember is the member in which it tells by which gateways its answers come: itself, the
// one that it asks, and so on, as far as it knows.
const gatewaysMember = "ccsfs_gateways"

// gatewaysMost is how many of them are heard of, and gatewayName how long a name may be, in bytes.
const (
	gatewaysMost = 16
	gatewayName  = 64
)

// StandsIn says which gateway the client asks for. What asks that itself is refused then, by its
// token: each would wait for the other without end.
func (c *Client) StandsIn(gateway string) { c.gateway.Store(&gateway) }

// AsksFor has the client tell the gateway that it asks, with each request, for which gateways it
// asks, the nearest first: what asks for itself is refused. askers must not wait.
func (c *Client) AsksFor(askers func() []string) { c.askers.Store(&askers) }

// asksFor are the gateways that the client asks for, as they are told.
func (c *Client) asksFor() string {
	askers := c.askers.Load()
	if askers == nil {
		return ""
	}
	all := (*askers)()
	return strings.Join(all[:min(len(all), gatewaysMost)], ",")
}

// Gateways are those by which answers come, the nearest first, as the last token told.
func (c *Client) Gateways() []string {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	if c.tokens.current == nil {
		return nil
	}
	return c.tokens.current.gateways
}

// inCircle reports whether one of these gateways is the one that the client asks for.
func (c *Client) inCircle(gateways []string) bool {
	own := c.gateway.Load()
	return own != nil && slices.Contains(gateways, *own)
}

// gatewayRate is how many requests a second a gateway is asked, at most.
const gatewayRate = 1000

// gatewaySlack is an age up to which a list counts as just asked for: a gateway asks the API
// once for all who want something newer within such a time.
const gatewaySlack = 10 * time.Second

// Content is what a gateway knows of a document's bytes.
type Content struct {
	Size   int64  // bytes; 0: it does not tell
	SHA256 string // hex, "" if only the size is known
}

type (
	ageKey    struct{}
	afreshKey struct{}
)

// WithAge returns a context whose calls tell f how old what they bring is, if it comes from
// a gateway that had it for a while. Calls may tell at the same time.
func WithAge(ctx context.Context, f func(age time.Duration)) context.Context {
	return context.WithValue(ctx, ageKey{}, f)
}

// WithAfresh returns a context whose calls are about what the API has now, and not a while
// ago: a gateway asks it anew.
func WithAfresh(ctx context.Context) context.Context {
	return context.WithValue(ctx, afreshKey{}, true)
}

// patienceHeader tells a gateway for how long silence is put up with: it has the client hear
// something before that, as long as it is at work. The scheme beside it tells the gateway
// whether a proxy is between.
const patienceHeader = "X-Ccsfs-Patience"

// askersHeader tells a gateway which gateways ask by a request. The API itself never hears it.
const askersHeader = "X-Ccsfs-Askers"

// settledHeader is of a gateway's error that came of asking the API as often as is worthwhile,
// while other things could be had: to have it asked again at once, by each client, would only
// multiply the calls.
const settledHeader = "X-Ccsfs-Settled"

// fearedHeader is of a gateway's list that may not be all of it, though the API does not say so.
const fearedHeader = "X-Ccsfs-Feared"

// gatewaySigns is how often a gateway may say that it is still at work on one request: with
// the usual time-out that is ten minutes.
const gatewaySigns = 120

// sameServer reports whether two addresses are of one server. Whoever has a gateway's address
// for tokens alone, and the API's for the rest, by mistake, must not ask that at a gateway's
// rate.
func sameServer(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && sameOrigin(x, y)
}

// toGateway prepares a request to a gateway, by a client with a time-out that asks for others.
func toGateway(req *http.Request, timeout time.Duration, askers string) {
	callOf(req).gateway = true
	req.Header.Set(patienceHeader, (timeout/2).String()+" "+req.URL.Scheme)
	if askers != "" {
		req.Header.Set(askersHeader, askers)
	}
	if req.Context().Value(afreshKey{}) != nil {
		req.Header.Set("Cache-Control", "no-cache")
	}
}

// fromGateway takes in what a gateway says besides its answer.
func fromGateway(resp *http.Response) {
	f, ok := resp.Request.Context().Value(ageKey{}).(func(time.Duration))
	seconds, err := strconv.ParseUint(resp.Header.Get("Age"), 10, 31)
	if age := time.Duration(seconds) * time.Second; ok && err == nil && age > gatewaySlack {
		f(age)
	}
}
