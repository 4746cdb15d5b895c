package gateway

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Behind many others an answer may take longer than a client waits in silence: a thousand
// documents that nobody has yet take the API fifty seconds. A ccsfs says for how long it
// does, and hears meanwhile that it is not forgotten, by interim answers (102, of RFC 2518);
// no other client is sent those, and none behind a proxy: nginx takes the first for the
// answer (measured, 1.22).

// patienceHeader has how long a client waits for a sign, as a duration, and the scheme by
// which it asks.
const patienceHeader = "X-Ccsfs-Patience"

// direct is how long a client waits for a sign, false if it does not say so, or if a proxy may
// be between. By TLS a ccsfs asks by HTTP/2, which nginx does not to those behind it.
func direct(r *http.Request) (patience time.Duration, yes bool) {
	text, scheme, _ := strings.Cut(r.Header.Get(patienceHeader), " ")
	patience, err := time.ParseDuration(text)
	for _, header := range [...]string{"Via", "Forwarded", "X-Forwarded-For"} {
		if r.Header.Get(header) != "" {
			return 0, false
		}
	}
	if r.TLS != nil {
		return patience, err == nil && patience > 0 && scheme == "https" && r.ProtoMajor >= 2
	}
	return patience, err == nil && patience > 0 && scheme == "http" && !r.Close
}

// Bounds of how often a client hears something.
const (
	leastBeat = 50 * time.Millisecond
	mostBeat  = 10 * time.Second
)

// beating sends interim answers until the answer begins.
type beating struct {
	http.ResponseWriter
	own http.Header // of the answer: the headers below may be on their way

	mu    sync.Mutex
	begun bool
}

// beat returns a writer of answers that keeps a client waiting, if that wants it. stop must be
// called before the handler returns.
func beat(w http.ResponseWriter, r *http.Request) (_ http.ResponseWriter, stop func()) {
	patience, ok := direct(r)
	if !ok {
		return w, func() {}
	}
	b := &beating{ResponseWriter: w, own: http.Header{}}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(min(max(patience/3, leastBeat), mostBeat))
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				b.sign()
			}
		}
	})
	return b, func() {
		close(done)
		wg.Wait()
	}
}

// sign sends an interim answer, unless the answer has begun.
func (b *beating) sign() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		b.ResponseWriter.WriteHeader(http.StatusProcessing)
	}
}

// Unwrap lets http.ResponseController through.
func (b *beating) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// Header implements http.ResponseWriter.
func (b *beating) Header() http.Header { return b.own }

// WriteHeader implements http.ResponseWriter.
func (b *beating) WriteHeader(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		b.begun = true
		maps.Copy(b.ResponseWriter.Header(), b.own)
		b.ResponseWriter.WriteHeader(status)
	}
}

// Write implements io.Writer.
func (b *beating) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.ResponseWriter.Write(p)
}
