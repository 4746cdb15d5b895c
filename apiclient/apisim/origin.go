package apisim

import (
	"net/http"
	"strings"
	"sync"
)

// originPath is where the other origin keeps documents.
const originPath = "/signed/"

// origin is another host that serves documents, as a store of objects does.
type origin struct {
	mu     sync.Mutex
	signed map[string]*entry // by path, each good for one GET
}

// sign makes a path under which a document can be had once.
func (o *origin) sign(d *entry) string {
	path := originPath + randomHex(16)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.signed == nil {
		o.signed = make(map[string]*entry)
	}
	o.signed[path] = d
	return path
}

// take finds a signed path, and uses it up.
func (o *origin) take(path string, keep bool) (*entry, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d, ok := o.signed[path]
	if !keep {
		delete(o.signed, path)
	}
	return d, ok
}

// Origin is the handler of the other origin that Quirks.Redirect points to.
// It knows nothing of tokens: a signed path is good for one GET, then 403.
// What reaches it is in Requests as OpOrigin, so that a test can see that no
// credentials came along.
func (s *Server) Origin() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.once.Do(s.start)
		c := &call{w: w, r: r, op: OpOrigin, query: r.URL.Query()}
		defer s.calls.begin(c)()
		if !sleep(r.Context(), s.Latency) {
			panic(http.ErrAbortHandler)
		}
		head := r.Method == http.MethodHead
		if r.Method != http.MethodGet && !head || !strings.HasPrefix(r.URL.Path, originPath) {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		d, ok := s.origin.take(r.URL.Path, head)
		if !ok {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return
		}
		c.document = d.ID
		if s.faulty(c) {
			return
		}
		if err := s.sendDocument(c, d); err != nil {
			err.write(c.w)
		}
	})
}
