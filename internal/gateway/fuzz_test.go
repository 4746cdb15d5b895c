package gateway

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// only is a gateway's one client.
type only struct{ c Client }

func (o only) Client(id string) (Client, bool) { return o.c, id == o.c.ID }
func (only) Key() []byte                       { return []byte("fake key of tests") }

// Whatever stands in the headers of a request, nobody comes in but with what was given out,
// and nothing panics.
func FuzzHeaders(f *testing.F) {
	at := time.Unix(1_800_000_000, 0)
	c := Client{Name: "one", ID: "one", Secret: sha256.Sum256([]byte(testSecret)), APIKey: sha256.Sum256([]byte(testKey))}
	g := New(Config{Clients: only{c}, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return at }})
	token := g.issue(&c)
	f.Add("Bearer "+token, testKey, "no-cache, max-age=5", "15s https")
	f.Add("Bearer b25lLjE4MDAwMDM2MDA.00", "", "max-age=-1", "1h")
	f.Add("bearer . .", "x", "max-age=99999999999999999999", " http")
	f.Fuzz(func(t *testing.T, authorization, key, control, patience string) {
		r := httptest.NewRequest(http.MethodGet, APIPath+"/contracts", nil)
		r.Header["Authorization"], r.Header["X-Api-Key"] = []string{authorization}, []string{key}
		r.Header["Cache-Control"], r.Header[patienceHeader] = []string{control}, []string{patience}
		_, err := g.authorize(r)
		scheme, given, _ := strings.Cut(authorization, " ")
		if good := strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(given) == token && key == testKey; (err == nil) != good {
			t.Errorf("let in: %v, with %q and %q", err == nil, authorization, key)
		}
		if err != nil && err.status != http.StatusUnauthorized && err.status != http.StatusBadRequest {
			t.Errorf("%+v", err)
		}
		if most, ok := maxAge(r.Header); ok && most < 0 {
			t.Errorf("%q: %v", control, most)
		}
		if wait, ok := direct(r); ok && wait <= 0 {
			t.Errorf("%q: %v", patience, wait)
		}
	})
}
