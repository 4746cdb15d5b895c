package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/cmd/ccsfs/internal/serve/who"
)

// Few pages are made at once, however many are asked for; who takes one slowly, or has left,
// keeps nobody from another, and what takes no time does not wait.
func TestFewPagesAreMadeAtOnce(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	var ends []func()
	r.page.making = view.NewFew(2)
	for range 2 {
		end, ok := r.page.making.Begin(t.Context())
		if !ok {
			t.Fatal("no turn")
		}
		ends = append(ends, end)
	}
	if a := b.get("/drive"); a.StatusCode != http.StatusOK {
		t.Errorf("what takes no time: %s", a.Status)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, at := range []string{"/", "/archive?month=2026-10", "/archive.zip?month=2026-10"} {
		w := httptest.NewRecorder()
		q := httptest.NewRequest(http.MethodGet, at, nil)
		if r.page.ServeHTTP(w, q.WithContext(who.With(left, who.User{Name: "claire"}))); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s of who has left: %d", at, w.Code)
		}
	}
	answers := make(chan answer)
	go func() { answers <- b.get("/?name=Invoice") }()
	select {
	case a := <-answers:
		t.Errorf("one more is made: %s", a.Status)
	default:
	}
	for _, end := range ends {
		end()
	}
	if a := <-answers; a.StatusCode != http.StatusOK {
		t.Errorf("then: %s", a.Status)
	}
	for _, at := range []string{"/", "/archive?month=2026-10", "/archive.zip?month=2026-10"} {
		slow := &slowly{ResponseRecorder: httptest.NewRecorder(), page: r.page}
		r.page.ServeHTTP(slow, httptest.NewRequest(http.MethodGet, at, nil).WithContext(who.With(t.Context(), who.User{Name: "claire"})))
		if slow.Code != http.StatusOK || slow.writes == 0 || slow.held > 0 {
			t.Errorf("%s: %d, %d of %d writes while a turn was held", at, slow.Code, slow.held, slow.writes)
		}
	}
}

// slowly is a client that looks, at each piece, whether it keeps anybody from their turn.
type slowly struct {
	*httptest.ResponseRecorder
	page         *Page
	writes, held int
}

func (s *slowly) Write(p []byte) (int, error) {
	s.writes++
	s.held += s.page.making.Now()
	return s.ResponseRecorder.Write(p)
}
