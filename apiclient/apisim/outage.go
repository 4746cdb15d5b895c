package apisim

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Outage is a way in which the API can be away.
type Outage int

// The ways. What is open breaks when the first two begin, if the server has a
// [Listener].
const (
	OutageRefused     Outage = iota // connections are refused; reset without a [Listener], or if only some calls are meant
	OutageReset                     // connections are reset without an answer
	OutageHang                      // nothing is answered; what waits is reset at the end
	OutageGateway                   // 502 with a gateway's HTML page
	OutageUnavailable               // 503/5 in the form of the API
	OutageError                     // 500/1 in the form of the API
	OutagePage                      // 200 with an HTML page
	OutageObject                    // 200 with an error object
	OutageNothing                   // 200 with an empty body
)

// Outages are the ways that tell by their status, or by none.
func Outages() []Outage {
	return []Outage{OutageRefused, OutageReset, OutageHang, OutageGateway, OutageUnavailable, OutageError}
}

// Disguised are the ways that have the status of an answer.
func Disguised() []Outage { return []Outage{OutagePage, OutageObject, OutageNothing} }

func (o Outage) String() string {
	return [...]string{"refused", "reset", "hang", "gateway", "unavailable", "error", "page", "error object", "nothing"}[o]
}

// outages are those under way.
type outages struct {
	mu  sync.Mutex
	all []*outage
}

type outage struct {
	way   Outage
	match Match
	over  chan struct{}
}

// GoAway makes calls that match fail in one way for a time; 0 is until back is
// called, or [Server.ComeBack]. An outage comes before any fault, and before
// Latency. Calls that met one are counted in Calls.Away.
func (s *Server) GoAway(way Outage, m Match, d time.Duration) (back func()) {
	s.once.Do(s.start)
	o := &outage{way: way, match: m, over: make(chan struct{})}
	s.outages.mu.Lock()
	defer s.outages.mu.Unlock()
	s.outages.all = append(s.outages.all, o)
	if m == (Match{}) && s.listener != nil {
		switch way {
		case OutageRefused:
			s.listener.refuse()
		case OutageReset:
			s.listener.breakAll()
		}
	}
	back = sync.OnceFunc(func() { s.end(o) })
	if d > 0 {
		time.AfterFunc(d, back)
	}
	return back
}

// ComeBack ends all outages.
func (s *Server) ComeBack() {
	s.outages.mu.Lock()
	all := slices.Clone(s.outages.all)
	s.outages.mu.Unlock()
	for _, o := range all {
		s.end(o)
	}
}

// end may be called again.
func (s *Server) end(o *outage) {
	s.outages.mu.Lock()
	defer s.outages.mu.Unlock()
	i := slices.Index(s.outages.all, o)
	if i < 0 {
		return
	}
	s.outages.all = slices.Delete(s.outages.all, i, i+1)
	close(o.over)
	refused := slices.ContainsFunc(s.outages.all, func(o *outage) bool { return o.way == OutageRefused && o.match == (Match{}) })
	if s.listener != nil && !refused {
		s.listener.accept()
	}
}

// of finds the outage that a call meets.
func (o *outages) of(c *call) *outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, x := range o.all {
		if x.match.fits(c) {
			return x
		}
	}
	return nil
}

// answer is what a call gets in an outage.
func (o *outage) answer(ctx context.Context, w http.ResponseWriter) {
	switch o.way {
	case OutageGateway:
		writeBody(w, http.StatusBadGateway, "text/html; charset=utf-8", gatewayPage)
	case OutageUnavailable:
		fail(http.StatusServiceUnavailable, codeUnavailable, "The service is away").write(w)
	case OutageError:
		fail(http.StatusInternalServerError, codeInternal, "Something is wrong").write(w)
	case OutagePage:
		writeBody(w, http.StatusOK, "text/html; charset=utf-8", HTMLPage)
	case OutageObject:
		e := fail(http.StatusInternalServerError, codeInternal, "Something is wrong")
		e.status = http.StatusOK
		e.write(w)
	case OutageNothing:
		writeBody(w, http.StatusOK, "application/octet-stream", "")
	case OutageHang:
		select {
		case <-ctx.Done():
		case <-o.over:
		}
		reset(w)
	default:
		reset(w)
	}
}

const gatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
