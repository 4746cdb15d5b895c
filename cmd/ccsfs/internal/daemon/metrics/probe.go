package metrics

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Probes are what is asked of a mount.
type Probes struct {
	// Alive tells whether the mount answers. It may hang.
	Alive func() bool
	// Ready is nil if the folder can be used. The note is then what should be known of
	// it all the same, "" if nothing. Both are for everybody: they name no document,
	// no contract, and nothing that the API has said.
	Ready func() (note string, err error)
}

// state is what is served; it is replaced, not changed.
type state struct {
	metrics http.Handler // nil: none yet
	probes  Probes
	alive   *bounded // of probes
	unready string   // why it is not ready whatever the probes say; "" if they decide
}

// Mounted says that there is a mount from now on.
func (s *Server) Mounted(metrics http.Handler, p Probes) {
	s.state.Store(&state{metrics: metrics, probes: p, alive: &bounded{check: p.Alive}})
}

// Stopping says that the mount is being taken away.
func (s *Server) Stopping() {
	now := *s.state.Load()
	now.unready = "unmounting"
	s.state.Store(&now)
}

func (s *Server) scrape(w http.ResponseWriter, r *http.Request) {
	now := s.state.Load()
	if now.metrics == nil {
		answer(w, http.StatusServiceUnavailable, "no metrics: "+now.unready)
		return
	}
	now.metrics.ServeHTTP(w, r)
}

// healthz tells whether this process does its work: a restart mends it if not.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	now := s.state.Load()
	if now.alive != nil && now.unready == "" && !now.alive.ask(aliveWait) {
		answer(w, http.StatusServiceUnavailable, "the mount does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

// readyz tells whether the folder can be used.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	now := s.state.Load()
	switch {
	case now.unready != "":
		answer(w, http.StatusServiceUnavailable, "not ready: "+now.unready)
		return
	case !now.alive.ask(aliveWait):
		answer(w, http.StatusServiceUnavailable, "not ready: the mount does not answer")
		return
	}
	note, err := now.probes.Ready()
	switch {
	case err != nil:
		answer(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
	case note != "":
		answer(w, http.StatusOK, "ready: "+note)
	default:
		answer(w, http.StatusOK, "ready")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // whoever asked may have left
}

// aliveWait is how long a mount may take to answer a probe: less than the shortest that
// Kubernetes and the like wait for, unless told otherwise (1 s).
const aliveWait = 800 * time.Millisecond

// bounded asks what may hang, once at a time: probes come again and again.
type bounded struct {
	check func() bool

	mu  sync.Mutex
	now *asked // nil: nobody asks
}

type asked struct {
	done chan struct{}
	ok   bool // once done is closed
}

// ask waits for an answer, also for that to an earlier question; none in time is a no.
func (b *bounded) ask(wait time.Duration) bool {
	b.mu.Lock()
	a := b.now
	if a == nil {
		a = &asked{done: make(chan struct{})}
		b.now = a
		go func() {
			a.ok = b.check()
			b.mu.Lock()
			b.now = nil
			b.mu.Unlock()
			close(a.done)
		}()
	}
	b.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-a.done:
		return a.ok
	case <-timer.C:
		return false
	}
}
