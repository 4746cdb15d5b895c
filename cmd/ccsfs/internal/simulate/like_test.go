package simulate

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/observed"
)

// anyTable is one that can be read, whoever made it.
func anyTable(t *rapid.T) *observed.Table {
	value := rapid.OneOf(
		rapid.SampledFrom([]string{"yes", "no", "id", "name", "period", "no id", "no offer", "no bills", "documents", "nothing", "null", "documents=null", "9999999999",
			"0", "-1", "10", "number 9999999999", "9999-99-99", "weak", "gzip", "member total", "header link", "206", "error=code", "bills", "creditNotes", "x-rate limit", "(other)", "text"}),
		rapid.StringMatching(`[A-Za-z0-9 ()<>=:;,.@_/*+-]{1,80}`))
	table := &observed.Table{Format: observed.Format, Version: observed.Version}
	for _, q := range observed.Questions() {
		table.Observations = append(table.Observations, observed.Observation{
			Name: q.Name, Answer: rapid.SampledFrom([]string{observed.Yes, observed.No, observed.NotSeen}).Draw(t, "answer"),
			Values: rapid.MapOfN(value, rapid.IntRange(0, 1_000_000_000), 0, 5).Draw(t, "values"),
		})
	}
	data, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	read, err := observed.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// An API that was seen to limit calls does it in the same way, at the rate that is set.
func TestLikeARateLimit(t *testing.T) {
	o := observed.NewObserver()
	o.Seen(apiclient.Answer{Op: "documents", Method: http.MethodGet, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"5"}}, Body: []byte(`{"code":53,"message":"x"}`)})
	api := apisim.Server{Quirks: apisim.Quirks{RateLimit: 1}}
	like(o.Table(), &api)
	var w *httptest.ResponseRecorder
	for range 2 {
		w = httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, apisim.APIPath+"/contracts", nil))
	}
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// Whatever a table says, what is made of it is an API that answers.
func TestLikeAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var api apisim.Server
		l := like(anyTable(t), &api)
		if api.Latency < 0 || api.Latency > 10e9 || api.Quirks.TokenLifetime < 0 || len(l.missing) > len(observed.Questions()) {
			t.Fatalf("%v, %+v", api.Latency, api.Quirks)
		}
		for _, text := range l.missing {
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("%q", text)
			}
		}
		api.Latency = 0
		ask := func(method, path, body string, header ...string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
			for i := 0; i+1 < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			return w
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, apisim.OAuthPath+"/token", strings.NewReader("grant_type=client_credentials"))
		r.SetBasicAuth(apisim.ClientID, apisim.ClientSecret)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		var token struct {
			Value string `json:"access_token"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &token); err != nil || token.Value == "" {
			t.Fatalf("%s: %v", w.Body, err)
		}
		for _, path := range []string{"/contracts", "/contract", "/documents?documentType=bills&limit=5", "/documents?documentType=&limit=50"} {
			w := ask(http.MethodGet, apisim.APIPath+path, "", "Authorization", "Bearer "+token.Value, "X-API-Key", apisim.APIKey, "Accept", "application/json", "X-ECCS-Contract-Id", "OCB0001234")
			body, err := io.ReadAll(w.Body)
			if err != nil || w.Code < 400 && !json.Valid(body) {
				t.Fatalf("%s: %d %s, %v", path, w.Code, body, err)
			}
			if path == "/contract" && !bytes.Contains(body, []byte(`"id":"OCB0001234"`)) {
				t.Fatalf("%d %s", w.Code, body)
			}
		}
	})
}
