package apisim

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// newListeningRig serves on a [Listener].
func newListeningRig(t *testing.T, sim *Server) *rig {
	t.Helper()
	web := httptest.NewUnstartedServer(sim)
	web.Listener.Close()
	l, err := sim.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web.Listener = l
	web.Start()
	t.Cleanup(func() {
		sim.ComeBack()
		web.Client().CloseIdleConnections()
		web.Close()
	})
	r := &rig{t: t, sim: sim, web: web}
	r.token = r.newToken()
	return r
}

// TestOutages: each way, with a port that can be closed and without; then all is
// as before.
func TestOutages(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, way := range append(Outages(), Disguised()...) {
		for name, serve := range map[string]func(*testing.T, *Server) *rig{"listener": newListeningRig, "handler": newRig} {
			t.Run(way.String()+" with a "+name, func(t *testing.T) {
				r := serve(t, &Server{Account: oneDocument(textDocument("b.pdf"))})
				r.web.Client().CloseIdleConnections() // else net/http repeats a GET whose connection breaks
				back := r.sim.GoAway(way, Match{}, 0)
				if way == OutageHang {
					time.AfterFunc(20*time.Millisecond, back)
				}
				a := r.get("/contracts", "")
				refused := way == OutageRefused && name == "listener"
				switch way {
				case OutageGateway:
					if a.status != 502 || a.body != gatewayPage {
						t.Errorf("%d %q, %v", a.status, a.body, a.err)
					}
				case OutageUnavailable:
					if a.status != 503 || a.code() != 5 {
						t.Errorf("%d %q, %v", a.status, a.body, a.err)
					}
				case OutageError:
					if a.status != 500 || a.code() != 1 {
						t.Errorf("%d %q, %v", a.status, a.body, a.err)
					}
				case OutagePage, OutageNothing:
					if want := map[Outage]string{OutagePage: HTMLPage}[way]; a.status != 200 || a.body != want {
						t.Errorf("%d %q, %v", a.status, a.body, a.err)
					}
				case OutageObject:
					if a.status != 200 || a.code() != 1 {
						t.Errorf("%d %q, %v", a.status, a.body, a.err)
					}
				default:
					if a.err == nil || refused != isRefused(a.err) {
						t.Errorf("%d, %v", a.status, a.err)
					}
				}
				back()
				back()
				if a := r.get(filePath("1"), "A"); a.body != text {
					t.Errorf("afterwards: %d %q, %v", a.status, a.body, a.err)
				}
				c, reqs := r.sim.Calls(), r.sim.Requests()
				if refused {
					if c.Away != 0 || c.Contracts != 0 {
						t.Errorf("a call came through a closed port: %+v", c)
					}
				} else if c.Away != 1 || c.Contracts != 1 || len(reqs) != 3 || !reqs[1].Away || reqs[2].Away {
					t.Errorf("%+v, %+v", c, reqs)
				}
			})
		}
	}
}

// TestOutageBreaksWhatIsOpen: a body on its way ends with an error.
func TestOutageBreaksWhatIsOpen(t *testing.T) {
	for _, way := range []Outage{OutageRefused, OutageReset} {
		r := newListeningRig(t, &Server{Account: oneDocument(textDocument("b.pdf"))})
		r.sim.Faults.Add(Match{Op: OpFile}, 1, Fault{Stall: true, After: 7})
		resp, err := r.web.Client().Do(r.request(filePath("1"), "A"))
		if err != nil {
			t.Fatal(err)
		}
		r.sim.GoAway(way, Match{}, 0)
		if b, err := io.ReadAll(resp.Body); err == nil || len(b) > 7 {
			t.Errorf("%v: %q, %v", way, b, err)
		}
		resp.Body.Close()
		r.sim.ComeBack()
		if a := r.get(filePath("1"), "A"); a.body != text {
			t.Errorf("%v, afterwards: %q, %v", way, a.body, a.err)
		}
	}
}

// TestOutageOfSome: only what matches, and for that long only.
func TestOutageOfSome(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount()})
	defer r.sim.GoAway(OutageUnavailable, Match{Op: OpDocuments}, 0)()
	back := r.sim.GoAway(OutageGateway, Match{Op: OpToken}, 0)
	if a := r.get("/documents", "A"); a.status != 503 {
		t.Errorf("listing: %d", a.status)
	}
	if a := r.get(filePath("700"), "A"); a.status != 200 {
		t.Errorf("document: %d", a.status)
	}
	if r.newToken() != "" {
		t.Error("a token from an endpoint that is away")
	}
	back()
	if r.newToken() == "" {
		t.Error("no token from an endpoint that is back")
	}
	if a := r.get("/documents", "A"); a.status != 503 {
		t.Errorf("listing while the other outage goes on: %d", a.status)
	}
}

// TestOutageEnds by itself, to the instant; what hung until then is reset.
func TestOutageEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := &Server{}
		ask := func() (status int, dropped bool) {
			defer func() {
				err, _ := recover().(error)
				dropped = errors.Is(err, http.ErrAbortHandler)
			}()
			w := httptest.NewRecorder()
			sim.ServeHTTP(w, httptest.NewRequest("GET", APIPath+"/contracts", nil))
			return w.Code, false
		}
		start := time.Now()
		sim.GoAway(OutageHang, Match{}, 3*time.Second)
		if status, dropped := ask(); !dropped || time.Since(start) != 3*time.Second {
			t.Errorf("status %d, dropped %v, after %v", status, dropped, time.Since(start))
		}
		sim.GoAway(OutageUnavailable, Match{}, time.Second)
		time.Sleep(time.Second - time.Nanosecond)
		if status, _ := ask(); status != 503 {
			t.Errorf("just before the end: %d", status)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if status, _ := ask(); status != 401 {
			t.Errorf("at the end: %d", status)
		}
	})
}

// TestOutagesWhileRunning is for the race detector.
func TestOutagesWhileRunning(t *testing.T) {
	r := newListeningRig(t, &Server{Account: smallAccount()})
	var wg sync.WaitGroup
	for _, way := range Outages() {
		wg.Go(func() {
			for range 20 {
				r.sim.GoAway(way, Match{}, time.Millisecond)
				r.get(filePath("700"), "A")
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	r.sim.ComeBack()
	if a := r.get(filePath("700"), "A"); a.status != 200 {
		t.Errorf("afterwards: %d, %v", a.status, a.err)
	}
}

// TestMaxPerSecond slides over every second, whole or not.
func TestMaxPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := &Server{}
		call := func(path string) {
			sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}
		start := time.Now()
		for _, at := range []int{0, 0, 600, 900, 1000, 1500, 1599, 1600, 4000} {
			time.Sleep(time.Duration(at)*time.Millisecond - time.Since(start))
			call(APIPath + "/contracts")
			call(OAuthPath + "/token")
		}
		if c := sim.Calls(); c.MaxPerSecond != 5 || c.Contracts != 9 { // 600 to 1599
			t.Errorf("%+v", c)
		}
		if at := sim.Requests()[17].At.Sub(start); at != 4*time.Second {
			t.Errorf("the last came after %v", at)
		}
		sim.ResetCalls()
		call(APIPath + "/contracts")
		if c := sim.Calls(); c.MaxPerSecond != 1 {
			t.Errorf("after a reset: %+v", c)
		}
	})
}

// TestSlowListings: of one contract, of one type.
func TestSlowListings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := &Server{Account: smallAccount()}
		sim.Faults.Add(Match{Op: OpDocuments, Contract: "B"}, 0, Fault{Delay: 4 * time.Second})
		sim.Faults.Add(Match{Op: OpDocuments, Type: typeBills}, 0, Fault{Delay: 2 * time.Second})
		token := sim.tokenFor(t)
		for _, c := range []struct {
			contract, docType string
			want              time.Duration
		}{{"A", typeBills, 2 * time.Second}, {"A", typeReports, 0}, {"B", typeBills, 4 * time.Second}, {"B", typeReports, 4 * time.Second}} {
			req := (&rig{t: t, web: &httptest.Server{}, token: token}).request("/documents?limit=9&documentType="+c.docType, c.contract)
			start := time.Now()
			w := httptest.NewRecorder()
			sim.ServeHTTP(w, req)
			if d := time.Since(start); d != c.want || c.contract == "A" && w.Code != 200 {
				t.Errorf("%s of %s: %d after %v", c.docType, c.contract, w.Code, d)
			}
		}
	})
}

// isRefused tells whether an error is that nobody listens: Windows has a number of its own
// for it, WSAECONNREFUSED.
func isRefused(err error) bool {
	const windows = syscall.Errno(10061)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windows)
}
