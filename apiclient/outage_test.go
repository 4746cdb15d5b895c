package apiclient

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// outage is a way for the API to be away.
type outage struct {
	name string
	most int   // calls in a second of it, once what was on its way has failed
	dial error // of connections; nil: they come about
	meet func(w http.ResponseWriter, r *http.Request, over <-chan struct{})
}

func outages() []outage {
	abort := func(http.ResponseWriter, *http.Request, <-chan struct{}) { panic(http.ErrAbortHandler) }
	status := func(status, code int) func(http.ResponseWriter, *http.Request, <-chan struct{}) {
		return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			if code == 0 {
				w.WriteHeader(status)
				io.WriteString(w, "<html>gateway</html>")
				return
			}
			writeJSON(w, status, apiError(code, "No"))
		}
	}
	return []outage{
		{"refused", 5, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, abort},
		{"no route", 5, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}, func(_ http.ResponseWriter, r *http.Request, _ <-chan struct{}) { <-r.Context().Done() }},
		{"no name server", 5, &net.DNSError{Err: "server misbehaving", Name: "api.orange.com"}, abort},
		{"TLS in disorder", 5, tls.AlertError(80), abort},
		{"reset", 5, nil, abort},
		{"bad gateway", 5, nil, status(502, 0)},
		{"page of a gateway", 5, nil, status(503, 0)},
		{"unavailable", 5, nil, status(503, 5)},
		// In the first second witnesses are asked whether it is one.
		{"internal error", 8, nil, status(500, 1)},
		{"gateway in the words of the API", 8, nil, status(504, 1)},
		// Each contract by itself: two probes a second at first, and what had failed before.
		{"bodies that break off", 20, nil, func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			if strings.HasSuffix(r.URL.Path, "/documents") { // each by one call here, which is no outage
				io.WriteString(w, "[]")
				return
			}
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "[")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"silence until it is over", 16, nil, func(_ http.ResponseWriter, r *http.Request, over <-chan struct{}) {
			select {
			case <-r.Context().Done():
			case <-over:
				panic(http.ErrAbortHandler)
			}
		}},
	}
}

// copying makes calls as a copy of a tree does, sixteen at once, and takes up
// again what breaks off, as the content store does.
func copying(t *testing.T, c *Client, documents int) {
	var wg sync.WaitGroup
	var next atomic.Int32
	for range 16 {
		wg.Go(func() {
			for {
				n := int(next.Add(1))
				if n > documents {
					return
				}
				if err := copyOne(t, c, n); err != nil {
					t.Errorf("document %d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
}

func copyOne(t *testing.T, c *Client, n int) (err error) {
	if n%10 == 0 {
		_, err := c.Documents(t.Context(), fmt.Sprint("OCB", n%4), DocumentsQuery{Type: "bills"})
		return err
	}
	pause := 250 * time.Millisecond
	for try := 0; try < 4; try++ {
		var f *File
		if f, err = c.File(t.Context(), FileRequest{ContractID: fmt.Sprint("OCB", n%4), DocumentID: fmt.Sprint(n)}); err != nil {
			return err
		}
		_, err = io.ReadAll(f.Body)
		f.Body.Close()
		if err == nil {
			return nil
		}
		if Outage(err) {
			try, pause = 0, 250*time.Millisecond
		}
		time.Sleep(pause)
		pause *= 2
	}
	return err
}

// away is a server that has outages, and notes what comes during them.
type away struct {
	mu    sync.Mutex
	kind  *outage // nil: all is well
	over  chan struct{}
	step  time.Duration
	times []time.Time // of what came during an outage
}

func (a *away) set(kind *outage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kind = kind; kind != nil {
		a.over = make(chan struct{})
	} else {
		close(a.over)
	}
}

func (a *away) note() (*outage, chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kind != nil {
		a.times = append(a.times, time.Now())
	}
	return a.kind, a.over
}

func (a *away) handler(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// Somewhere in the middle of this the outage may begin.
		for range 3 {
			if kind, over := a.note(); kind != nil {
				kind.meet(w, r, over)
				return
			}
			time.Sleep(a.step)
		}
		io.WriteString(w, answer)
	}
}

// worst is the most that came in a second, after the first moment in which what
// was on its way broke.
func (a *away) worst() int { return a.worstAfter(100 * time.Millisecond) }

func (a *away) worstAfter(begin time.Duration) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	most := 0
	for i, from := range a.times {
		n := 0
		for _, at := range a.times[i:] {
			if at.Sub(from) < time.Second && at.Sub(a.times[0]) > begin {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// An outage of any kind and length at any moment of a copy costs no document, and
// little more time than it lasted.
func TestOutages(t *testing.T) {
	for _, kind := range outages() {
		for _, length := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 10 * time.Second, 60 * time.Second} {
			t.Run(fmt.Sprint(kind.name, " ", length), func(t *testing.T) {
				sample(t)
				start := time.Duration(1000+rand.IntN(8000)) * time.Millisecond
				inBubble(t, func(t *testing.T) {
					f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
					a := &away{step: 100 * time.Millisecond}
					f.api("/documents", a.handler(`[]`))
					f.api("/documents/{id}/file", a.handler("bytes"))
					began := time.Now()
					time.AfterFunc(start, func() {
						a.set(&kind)
						if kind.dial != nil {
							f.net.fail.Store(&kind.dial)
							c.transport.CloseIdleConnections()
						}
						time.AfterFunc(length, func() {
							f.net.fail.Store(nil)
							a.set(nil)
						})
					})
					copying(t, c, 200)
					if took := time.Since(began); took > 10500*time.Millisecond+length+20*time.Second {
						t.Errorf("outage after %v: took %v", start, took)
					}
					if n := a.worst(); n > kind.most {
						t.Errorf("outage after %v: %d calls in a second of it", start, n)
					}
					if s := c.Stats(); s.Breaker != "closed" || s.Rejected != 0 {
						t.Errorf("outage after %v: %+v", start, s)
					}
					time.Sleep(time.Minute)
				})
			})
		}
	}
}

// The same of the token endpoint alone: nothing fails that needs a token meanwhile,
// though a token is asked for by one call at a time only.
func TestOutagesOfTheTokenEndpoint(t *testing.T) {
	for _, kind := range append(outages(), pages()...) {
		if kind.dial != nil {
			continue // the network knows no endpoints
		}
		kind.most = max(kind.most, 5)
		for _, length := range []time.Duration{300 * time.Millisecond, 5 * time.Second, 25 * time.Second, 55 * time.Second} {
			t.Run(fmt.Sprint(kind.name, " ", length), func(t *testing.T) {
				sample(t)
				inBubble(t, func(t *testing.T) {
					f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
					a := &away{step: 10 * time.Millisecond}
					f.onToken(func(w http.ResponseWriter, r *http.Request) {
						if kind, over := a.note(); kind != nil {
							kind.meet(w, r, over)
							return
						}
						writeJSON(w, 200, map[string]any{"access_token": testToken, "expires_in": 6})
					})
					slow := &away{step: 100 * time.Millisecond}
					f.api("/documents", slow.handler(`[]`))
					f.api("/documents/{id}/file", slow.handler("bytes"))
					began := time.Now()
					time.AfterFunc(4*time.Second, func() {
						a.set(&kind)
						time.AfterFunc(length, func() { a.set(nil) })
					})
					copying(t, c, 200)
					if took := time.Since(began); took > 10500*time.Millisecond+length+20*time.Second {
						t.Errorf("took %v", took)
					}
					if n := a.worst(); n > kind.most {
						t.Errorf("%d calls in a second", n)
					}
					time.Sleep(time.Minute)
				})
			})
		}
	}
}

// A server that comes and goes several times a second for minutes.
func TestFlapping(t *testing.T) {
	for _, kind := range outages() {
		t.Run(kind.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
				a := &away{step: 10 * time.Millisecond}
				f.api("/documents", a.handler(`[]`))
				f.api("/documents/{id}/file", a.handler("bytes"))
				// An API that was never reached is given up after four seconds: how many
				// calls that costs is up to chance, and not what this is about.
				if err := copyOne(t, c, 0); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				stop := make(chan struct{})
				done := make(chan struct{})
				go func() {
					defer close(done)
					for on := true; ; on = !on {
						if on {
							a.set(&kind)
						} else {
							a.set(nil)
						}
						select {
						case <-time.After(time.Duration(200+rand.IntN(200)) * time.Millisecond):
						case <-stop:
							return
						}
					}
				}()
				time.AfterFunc(3*time.Minute, func() { close(stop) })
				copied, failed := 0, 0
				for n := 1; time.Since(start) < 3*time.Minute; n++ {
					before := time.Now()
					if err := copyOne(t, c, n); err == nil {
						copied++
					} else if failed++; !Temporary(err) {
						t.Error(err)
					}
					if d := time.Since(before); d > testPatience+2*c.cfg.Timeout {
						t.Errorf("a call took %v", d)
					}
					time.Sleep(50 * time.Millisecond)
				}
				<-done
				most := 10
				if kind.name == "bodies that break off" { // each of which is met by whoever reads it
					most += copied / 10
				}
				if kind.name != "no route" && copied < 150 || failed > most { // of no route each loss costs half a time-out
					t.Errorf("%d copied, %d not; %+v", copied, failed, c.Stats())
				}
				if n := a.worst(); n > 12 {
					t.Errorf("%d calls in a second of it", n)
				}
			})
		})
	}
}

// Who wants a size only closes the body unread, and an answer of 304 has none: after
// an outage of bodies that must end it, too, however long nobody reads any.
func TestBodiesThatNobodyReadsEndAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var broken atomic.Bool
		broken.Store(true)
		f.api("/documents/{id}/file", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			if broken.Load() {
				io.WriteString(w, "b")
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, "bytes")
		})
		for n := range cutsMost {
			file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: fmt.Sprint(n % 2)})
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, file.Body)
			file.Body.Close()
		}
		broken.Store(false)
		time.Sleep(10 * time.Minute)
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: fmt.Sprint(n)})
				if err != nil {
					t.Error(err)
					return
				}
				file.Body.Close()
			})
		}
		wg.Wait()
		if s := c.Stats(); s.Rejected != 0 {
			t.Errorf("%+v", s)
		}
	})
}
