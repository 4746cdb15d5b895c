package apiclient

import (
	"context"
	"net/http"
	"sync"
)

// door is where calls wait for the breaker, and where probes begin.
type door struct {
	next    http.RoundTripper
	breaker *breaker
}

func (d *door) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	t, err := d.breaker.enter(req.Context(), cl)
	if err != nil {
		return nil, err
	}
	cl.ticket = t
	if t.probe {
		return d.probe(req, cl)
	}
	return d.next.RoundTrip(req)
}

// probe sends a request that does not end with its caller: others wait for what
// it finds. Its time-outs are those of any request.
func (d *door) probe(req *http.Request, cl *call) (*http.Response, error) {
	type result struct {
		resp *http.Response
		err  error
	}
	own := *cl // the probe may outlive the call
	ctx := newDetached(req.Context(), d.breaker.life)
	results, left := make(chan result), make(chan struct{})
	ok := d.breaker.start(func() {
		resp, err := d.next.RoundTrip(req.WithContext(withCall(ctx, &own)))
		d.breaker.ended(own.ticket)
		select {
		case results <- result{resp, err}:
		case <-left:
			if err == nil {
				resp.Body.Close()
			}
			ctx.end(context.Canceled)
		}
	})
	if !ok {
		d.breaker.ended(cl.ticket)
		return nil, errClosed
	}
	select {
	case r := <-results:
		*cl = own
		if r.err != nil {
			ctx.end(context.Canceled)
			return nil, r.err
		}
		stop := ctx.follow(req.Context())
		r.resp.Body = &slotBody{ReadCloser: r.resp.Body, release: sync.OnceFunc(func() { stop() })}
		return r.resp, nil
	case <-req.Context().Done():
		close(left)
		return nil, cl.left(req.Context())
	}
}
