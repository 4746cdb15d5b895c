package apiclient

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// sender sends one request, follows redirects, and checks the answer: it
// returns a response only for 200, 206 and 304, with a body that watches
// itself. Everything else is an *Error, and the connection is free.
type sender struct {
	http      *http.Client
	timeout   time.Duration
	agent     string
	clean     *redactor
	counts    *counters
	log       *slog.Logger
	suspended suspension
}

func (s *sender) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	parent := req.Context()
	ctx, cancel := context.WithCancelCause(parent)
	cl.started, cl.foreign = time.Now(), false
	if s.suspended.slept(cl.started) {
		s.http.CloseIdleConnections() // what was at their other ends has forgotten them
	}
	limit := s.limit(cl)
	timer := newDeadline(limit, func() { cancel(&silenceError{limit}) })
	ended := func() bool { return true }
	if era := cl.era; era != nil { // the call has another one when it is sent again
		ended = context.AfterFunc(era, func() { cancel(context.Cause(era)) })
	}
	if cl.op != opToken {
		Sent(parent)
	}
	resp, err := s.http.Do(s.prepare(req, patiently(inTurn(ctx, cancel, cl, timer), cl, timer, limit)))
	ended()
	var e *Error
	switch {
	case err != nil:
		e = s.broken(cl, parent, ctx, err)
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent && resp.StatusCode != http.StatusNotModified:
		e = s.refused(cl, resp)
	}
	timer.timer.Stop()
	if e == nil || !e.again && !e.away { // else it was not sent
		s.report(ctx, cl, resp, e)
	}
	if e != nil {
		cancel(e)
		if e.is(ErrTimeout) && e.Status == 0 {
			s.http.CloseIdleConnections() // they may be as dead as this one
		}
		return nil, e
	}
	resp.Body = s.watch(cl, parent, ctx, cancel, resp)
	return resp, nil
}

// limit is how long the answer may take. The tries of a call share the time-out,
// but each gets half of it. Where answers have always come fast, the first try
// gets no more than that, on its own account: its connection may have died
// without a word, or the request got lost in a short outage.
func (s *sender) limit(cl *call) time.Duration {
	cl.hurrying = cl.brisk && !cl.hurried
	if cl.hurrying {
		cl.hurried = true
		return s.timeout / 2
	}
	return max(s.timeout-cl.spent, s.timeout/2)
}

// bodyLimit is the same of the bytes of a body, where those have always come fast.
func (s *sender) bodyLimit(cl *call) time.Duration {
	if cl.hurrying && cl.fluent && !cl.patient {
		return s.timeout / 2
	}
	return s.timeout
}

func (s *sender) prepare(req *http.Request, ctx context.Context) *http.Request {
	req = req.Clone(ctx)
	req.Header.Set("Accept", "application/json") // without it the platform answers 406
	req.Header.Set("User-Agent", s.agent)
	return req
}

// watch wraps the body of an answer.
func (s *sender) watch(cl *call, parent, ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response) *body {
	op, status, id := cl.op, resp.StatusCode, s.requestID(resp)
	return &body{
		src:     resp.Body,
		want:    announced(resp),
		timeout: s.bodyLimit(cl),
		cancel:  cancel,
		broken: func(err error) *Error {
			e := s.broken(&call{op: op}, parent, ctx, err)
			e.RequestID = id
			if e.cause != nil && !errors.Is(e, errCallerLeft) {
				s.counts.failed(e)
				s.log.LogAttrs(parent, slog.LevelDebug, "API body broke", slog.String("op", op),
					slog.Int("status", status), slog.String("request_id", id), slog.String("error", e.Error()))
			}
			return e
		},
	}
}

// announced returns how many bytes the body must have, -1 if that is not known.
// A part that ends before the document does counts as cut, for its reader asked
// for all the rest.
func announced(resp *http.Response) int64 {
	cr, ok := parseContentRange(resp.Header.Get("Content-Range"))
	switch {
	case resp.StatusCode == http.StatusNotModified:
		return 0
	case resp.StatusCode != http.StatusPartialContent || !ok:
		return resp.ContentLength
	case cr.Total < 0:
		return cr.Last - cr.First + 1
	}
	return cr.Total - cr.First
}

// report counts and logs one request.
func (s *sender) report(ctx context.Context, cl *call, resp *http.Response, e *Error) {
	result := resultOf(e)
	s.counts.sent(cl.op, result, cl.attempt > 1)
	if !s.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", cl.op), slog.Int("attempt", cl.attempt), slog.String("result", result),
		slog.Float64("duration_seconds", time.Since(cl.started).Seconds()),
	}
	if cl.contract != "" {
		attrs = append(attrs, slog.String("contract", s.clean.clean(cl.contract)))
	}
	if cl.document != "" {
		attrs = append(attrs, slog.String("document", s.clean.clean(cl.document)))
	}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.String("request_id", s.requestID(resp)))
	}
	if e != nil {
		attrs = append(attrs, slog.String("error", e.Error()))
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "API request", attrs...)
}
