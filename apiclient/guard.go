package apiclient

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// guard is the last layer before a request is sent.
type guard struct {
	next    http.RoundTripper
	breaker *breaker
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	if g.breaker.stale(cl) {
		return nil, cl.turnBack()
	}
	g.breaker.sending(cl)
	resp, err := g.next.RoundTrip(req)
	if turnedBack(err) {
		g.breaker.unsent(cl)
		return nil, err
	}
	g.breaker.settle(cl, err)
	if err == nil {
		resp.Body = &guardedBody{ReadCloser: resp.Body, breaker: g.breaker, call: cl}
	}
	return resp, err
}

// guardedBody tells the breaker how a body ended, once.
type guardedBody struct {
	io.ReadCloser
	breaker *breaker
	call    *call
	once    sync.Once
}

func (b *guardedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		if own, ok := b.ReadCloser.(interface{ slowest() time.Duration }); ok {
			b.breaker.bodyCame(b.call, own.slowest())
		}
		b.end(nil)
	case err != nil:
		b.end(err)
	}
	return n, err
}

// Close says nothing of a body that was not read to its end.
func (b *guardedBody) Close() error {
	b.end(errCallerLeft)
	return b.ReadCloser.Close()
}

func (b *guardedBody) end(err error) {
	b.once.Do(func() { b.breaker.bodyEnded(b.call, err) })
}
