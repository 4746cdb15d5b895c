package apiclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// A gateway is believed of the server that says it: with its address for tokens alone, the API
// is asked at its own pace.
func TestAGatewayIsBelievedOfItself(t *testing.T) {
	handler := http.NewServeMux()
	handler.HandleFunc("/oauth/v3/token", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"token_type":"Bearer","access_token":"x","expires_in":3600,"ccsfs_gateway":1}`))
	})
	handler.HandleFunc("/cloud/b2b/v1/documents", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Age", "300")
		_, _ = w.Write([]byte(`[{"id":"1","filename":"a.pdf","ccsfs":{"size":5,"sha256":"` + r.Header.Get("Cache-Control") + `"}}]`))
	})
	gateway, other := httptest.NewServer(handler), httptest.NewServer(handler)
	t.Cleanup(gateway.Close)
	t.Cleanup(other.Close)
	for name, c := range map[string]struct {
		tokens string
		is     bool
	}{"of both": {gateway.URL, true}, "of tokens alone": {other.URL, false}} {
		cfg := DefaultConfig()
		cfg.APIURL, cfg.OAuthURL = gateway.URL+"/cloud/b2b/v1", c.tokens+"/oauth/v3"
		cfg.ClientID, cfg.ClientSecret, cfg.APIKey = "fake-id", "fake-secret", "fake-key"
		client, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		age := time.Duration(0)
		ctx := WithAfresh(WithAge(context.Background(), func(d time.Duration) { age = d }))
		docs, err := client.Documents(ctx, "OCB0001234", DocumentsQuery{Type: "bills"})
		if err != nil || len(docs) != 1 {
			t.Fatal(err)
		}
		stats := client.Stats()
		if known := docs[0].Content == (Content{5, "no-cache"}); known != c.is || stats.Gateway != c.is || (age == 5*time.Minute) != c.is || (stats.Rate > cfg.RateLimit) != c.is {
			t.Errorf("%s: %+v, a gateway: %v, %v old, %v a second", name, docs[0].Content, stats.Gateway, age, stats.Rate)
		}
		client.Close()
	}
}

// What a gateway says of one document alone, though it was had before, is no sign that documents
// are out of order: it has answered.
func TestWhatIsSettledIsAGoodWitness(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		token := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 200, map[string]any{"token_type": "Bearer", "access_token": testToken, "expires_in": 3600, gatewayMember: 1})
		})
		f.token.Store(&token)
		var broken atomic.Bool
		f.answer("/documents", 200, `[]`)
		f.api("/documents/{id}/file", func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !broken.Load():
				_, _ = io.WriteString(w, "bytes")
			case r.PathValue("id") == "had":
				w.Header().Set(settledHeader, "yes")
				writeJSON(w, 503, apiError(5, "unavailable"))
			default:
				writeJSON(w, 500, apiError(1, "internal error"))
			}
		})
		if _, err := c.Documents(t.Context(), "OCB0001234", DocumentsQuery{}); err != nil {
			t.Fatal(err)
		}
		read := func(id string) error {
			file, err := c.File(t.Context(), FileRequest{ContractID: "OCB0001234", DocumentID: id})
			if err == nil {
				err = file.Body.Close()
			}
			return err
		}
		if err := read("had"); err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		began := time.Now()
		if err := read("other"); !errors.Is(err, ErrServer) || Outage(err) {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// By which gateways answers come is told by a gateway alone, and whoever is one of them does not
// ask it, with a token of the pool neither.
func TestGatewaysThatAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		version int
		told    any
		heard   []string
		refused bool
	}{
		"two":          {1, []string{"a", "b"}, []string{"a", "b"}, false},
		"of before":    {1, nil, nil, false},
		"of another":   {1, "own", nil, false},
		"odd ones":     {1, []any{"a", 1, nil}, nil, false},
		"a long one":   {1, []string{"a", strings.Repeat("b", 1000)}, []string{"a"}, false},
		"many":         {1, slices.Repeat([]string{"a"}, 1000), slices.Repeat([]string{"a"}, gatewaysMost), false},
		"itself":       {1, []string{"a", "own", "b"}, nil, true},
		"not by a one": {0, []string{"a", "own"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, client := newFake(t)
				token := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					writeJSON(w, 200, map[string]any{"access_token": testToken, "expires_in": 3600, gatewayMember: c.version, gatewaysMember: c.told})
				})
				f.token.Store(&token)
				f.answer("/contracts", 200, `[]`)
				client.StandsIn("own")
				_, err := client.Contracts(t.Context())
				if refused := errors.Is(err, ErrProtocol); refused != c.refused || !refused && err != nil {
					t.Error(err)
				}
				if got := client.Gateways(); !slices.Equal(got, c.heard) {
					t.Errorf("heard of %q", got)
				}
			})
		})
	}
	inBubble(t, func(t *testing.T) {
		fl := newFleet(t, 2, &apisim.Server{Account: smallAccountOf(1)})
		first, second := fl.clients[0], fl.clients[1]
		if err := contracts(t)(first); err != nil {
			t.Fatal(err)
		}
		first.tokens.mu.Lock()
		told := *first.tokens.current
		first.tokens.mu.Unlock()
		told.gateways = []string{"a", "own"}
		first.tokens.pool.give(t.Context(), first.tokens.wallet.now.Load(), &told)
		second.StandsIn("own")
		if err := contracts(t)(second); err != nil || fl.sim.Calls().Token != 2 {
			t.Errorf("%v, %d tokens", err, fl.sim.Calls().Token)
		}
	})
}

// One server may be written in several ways.
func TestSameServer(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://gw.example.com/cloud/b2b/v1", "https://gw.example.com/oauth/v3", true},
		{"https://gw.example.com/cloud/b2b/v1", "https://GW.example.com:443/oauth/v3", true},
		{"http://[::1]:80/cloud/b2b/v1", "http://[::1]/oauth/v3", true},
		{"http://gw.example.com/cloud/b2b/v1", "https://gw.example.com/oauth/v3", false},
		{"https://gw.example.com:8443/cloud/b2b/v1", "https://gw.example.com/oauth/v3", false},
		{"https://gw.example.com/cloud/b2b/v1", "https://api.orange.com/oauth/v3", false},
		{"https://gw.example.com/cloud/b2b/v1", "://", false},
	} {
		if got := sameServer(c.a, c.b); got != c.same {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
}
