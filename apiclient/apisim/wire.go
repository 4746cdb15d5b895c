package apisim

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// faulty lets a call meet its fault, if there is one for it, and reports
// whether that was the answer.
func (s *Server) faulty(c *call) bool {
	f, freed, ok := s.Faults.take(c)
	if !ok {
		return false
	}
	ctx := c.r.Context()
	if f.Delay > 0 && !pause(ctx, freed, f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Reset:
		reset(c.w)
	case f.Never:
		hang(ctx, freed)
	}
	c.fault = f
	if f.IgnoreIfRange {
		c.r.Header.Del("If-Range")
	}
	if f.Cut || f.Stall || f.Truncate || f.Drip > 0 {
		c.w = &wire{ResponseWriter: c.w, ctx: ctx, freed: freed, f: f, left: f.After}
	}
	if f.Status == 0 && f.Code == 0 && f.Body == "" && f.Pad == 0 {
		return false
	}
	f.answer(c.w)
	return true
}

// answer sends what stands in for the answer.
func (f *Fault) answer(w http.ResponseWriter) {
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Code != 0 {
		fail(status, f.Code, "A fault of the simulator").write(w)
		return
	}
	contentType := f.ContentType
	switch {
	case contentType != "":
	case strings.HasPrefix(f.Body, "<"):
		contentType = "text/html; charset=utf-8"
	default:
		contentType = "application/json"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(f.Body))+f.Pad, 10))
	if f.Chunked {
		w = &chunked{w}
	}
	w.WriteHeader(status)
	// A client that left is no concern of the server's.
	_, _ = io.Copy(w, io.MultiReader(strings.NewReader(f.Body), io.LimitReader(spaces{}, f.Pad)))
}

// spaces is white space without end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// hang waits for the client to leave or the faults to be cleared, then drops
// the connection.
func hang(ctx context.Context, freed <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-freed:
	}
	panic(http.ErrAbortHandler)
}

// reset drops the connection with a TCP reset where it can be had.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2: the stream is reset
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if t, ok := conn.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0) // unsent data is dropped and a reset sent
	}
	_ = raw.Close()
	panic(http.ErrAbortHandler)
}

// wire sends a body in the way of a bad connection.
type wire struct {
	http.ResponseWriter
	ctx   context.Context
	freed <-chan struct{}
	f     Fault
	left  int64 // until Cut, Stall or Truncate
}

// Unwrap is for http.ResponseController.
func (w *wire) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *wire) WriteHeader(status int) {
	h := w.Header()
	length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err == nil && w.f.Truncate && length > w.f.After {
		h.Set("Content-Length", strconv.FormatInt(w.f.After, 10))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *wire) Write(p []byte) (int, error) {
	if w.f.Drip > 0 {
		return w.drip(p)
	}
	return w.pass(p)
}

// drip writes p in chunks with pauses.
func (w *wire) drip(p []byte) (int, error) {
	chunk := max(w.f.Chunk, 1)
	for n := 0; n < len(p); {
		if !pause(w.ctx, w.freed, w.f.Drip) {
			panic(http.ErrAbortHandler)
		}
		k, err := w.pass(p[n:min(n+chunk, len(p))])
		n += k
		if err != nil {
			return n, err
		}
		w.flush()
	}
	return len(p), nil
}

// pass writes p, or as much of it as the fault lets out.
func (w *wire) pass(p []byte) (int, error) {
	if !w.f.Cut && !w.f.Stall && !w.f.Truncate {
		return w.ResponseWriter.Write(p)
	}
	n, err := w.ResponseWriter.Write(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	if err != nil || w.left > 0 {
		return n, err
	}
	if w.f.Truncate {
		return len(p), nil // the rest goes nowhere
	}
	w.flush()
	if w.f.Stall {
		hang(w.ctx, w.freed)
	}
	panic(http.ErrAbortHandler)
}

func (w *wire) flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// pause waits d, and reports false if the client left or faults were cleared.
func pause(ctx context.Context, freed <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-freed:
		return false
	case <-ctx.Done():
		return false
	}
}
