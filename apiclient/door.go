package apiclient

import (
	"context"
	"errors"
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
	if err := d.enter(req.Context(), cl); err != nil {
		return nil, err
	}
	next := d.next.RoundTrip
	if cl.ticket.probe {
		next = func(req *http.Request) (*http.Response, error) { return d.probe(req, cl) }
	}
	resp, err := next(req)
	var e *Error
	if err == nil {
		d.breaker.remember(cl, req)
	} else if errors.As(err, &e) && e.aboutThis() && e.Op == cl.op {
		d.doubt(req.Context(), cl, e)
	}
	return resp, err
}

// enter waits until the call may go. Witnesses that are due go first.
func (d *door) enter(ctx context.Context, cl *call) error {
	for {
		t, err := d.breaker.enter(ctx, cl)
		switch {
		case err != nil:
			return err
		case t.witness == nil:
			cl.ticket = t
			return nil
		case !d.breaker.start(func() { d.hear(t.witness, t.heard) }):
			d.breaker.ended(t.heard.ticket)
			return errClosed
		}
	}
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
