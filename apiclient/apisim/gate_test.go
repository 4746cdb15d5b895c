package apisim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const contractA = "OCB0001234"

func TestGate(t *testing.T) {
	r := newRig(t, &Server{})
	other := newRig(t, &Server{Quirks: Quirks{UnknownNotFound: true}})
	expired := newRig(t, &Server{})
	expired.sim.ExpireTokens()
	revoked := newRig(t, &Server{})
	revoked.sim.RevokeTokens()
	withdrawn := newRig(t, &Server{})
	withdrawn.sim.WithdrawCredentials()
	method := func(m, path string) *http.Request {
		req := r.request(path, contractA)
		req.Method = m
		return req
	}
	for _, c := range []struct {
		name         string
		rig          *rig
		req          *http.Request
		status, code int
	}{
		{"good", r, r.request("/contracts", ""), 200, 0},
		{"Accept among others", r, r.request("/contracts", "", "Accept", "text/html, application/json;q=0.5"), 200, 0},
		{"no Accept", r, r.request("/contracts", "", "Accept", ""), 406, 62},
		{"a wildcard", r, r.request("/contracts", "", "Accept", "*/*"), 406, 62},
		{"no token", r, r.request("/contracts", "", "Authorization", ""), 401, 40},
		{"another scheme", r, r.request("/contracts", "", "Authorization", "Basic eDp5"), 401, 40},
		{"unknown token", r, r.request("/contracts", "", "Authorization", "Bearer x"), 401, 41},
		{"expired token", expired, expired.request("/contracts", ""), 401, 42},
		{"revoked token", revoked, revoked.request("/contracts", ""), 401, 41},
		{"withdrawn credentials", withdrawn, withdrawn.request("/contracts", ""), 401, 41},
		{"no API key", r, r.request("/contracts", "", "X-API-Key", ""), 400, 25},
		{"wrong API key", r, r.request("/contracts", "", "X-API-Key", "x"), 401, 41},
		{"no contract", r, r.request("/contract", ""), 400, 25},
		{"no contract for documents", r, r.request("/documents", ""), 400, 25},
		{"no contract for a file", r, r.request(filePath("1"), ""), 400, 25},
		{"unknown contract", r, r.request("/contract", "OCB9999999"), 403, 50},
		{"unknown contract, the other way", other, other.request("/contract", "OCB9999999"), 404, 60},
		{"unknown document", r, r.request(filePath("1"), contractA), 404, 60},
		{"unknown path", r, r.request("/invoices", contractA), 404, 60},
		{"document without file", r, r.request("/documents/1", contractA), 404, 60},
		{"POST", r, method(http.MethodPost, "/contracts"), 405, 61},
		{"HEAD", r, method(http.MethodHead, "/contracts"), 405, 0},
		{"HEAD of a file", r, method(http.MethodHead, filePath("1")), 405, 0},
	} {
		a := c.rig.do(c.req)
		if a.status != c.status || a.code() != c.code || a.err != nil {
			t.Errorf("%s: %d/%d, want %d/%d; %v", c.name, a.status, a.code(), c.status, c.code, a.err)
		}
		if c.code != 0 {
			var members map[string]any
			if err := json.Unmarshal([]byte(a.body), &members); err != nil || len(members) != 4 || members["infoURL"] == "" {
				t.Errorf("%s: body %s", c.name, a.body)
			}
		}
	}
}

func TestRequestIDsAreUnique(t *testing.T) {
	r := newRig(t, &Server{})
	seen := map[string]bool{}
	for _, path := range []string{"/contracts", "/contracts", "/nowhere", "/contract"} {
		id := r.get(path, "").header.Get("X-OAPI-Request-Id")
		if len(id) != 36 || seen[id] {
			t.Errorf("%s: request id %q", path, id)
		}
		seen[id] = true
	}
}

func TestTokenErrors(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, method, contentType, body, id, secret string
		status                                      int
		want                                        string
	}{
		{"good", "POST", form + ";charset=UTF-8", "grant_type=client_credentials&scope=", ClientID, ClientSecret, 200, ""},
		{"wrong secret", "POST", form, "grant_type=client_credentials", ClientID, "x", 401, "invalid_client"},
		{"wrong client", "POST", form, "grant_type=client_credentials", "x", ClientSecret, 401, "invalid_client"},
		{"no credentials", "POST", form, "grant_type=client_credentials", "", "", 401, "invalid_client"},
		{"no grant", "POST", form, "", ClientID, ClientSecret, 400, "invalid_request"},
		{"another grant", "POST", form, "grant_type=password", ClientID, ClientSecret, 400, "unsupported_grant_type"},
		{"JSON", "POST", "application/json", `{"grant_type":"client_credentials"}`, ClientID, ClientSecret, 400, "invalid_request"},
		{"GET", "GET", form, "", ClientID, ClientSecret, 405, ""},
	} {
		req := httptest.NewRequest(c.method, OAuthPath+"/token", strings.NewReader(c.body))
		req.Header.Set("Content-Type", c.contentType)
		if c.id != "" {
			req.SetBasicAuth(c.id, c.secret)
		}
		w := httptest.NewRecorder()
		(&Server{Account: &Account{}}).ServeHTTP(w, req)
		var answer struct{ Error string }
		err := json.Unmarshal(w.Body.Bytes(), &answer)
		if err != nil || w.Code != c.status || answer.Error != c.want {
			t.Errorf("%s: %d %q, want %d %q; %v", c.name, w.Code, answer.Error, c.status, c.want, err)
		}
		if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %d with WWW-Authenticate %q", c.name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
}

// contractsCode asks for the contracts without a network, for synctest.
func contractsCode(s *Server, token string) (int, int) {
	req := httptest.NewRequest(http.MethodGet, APIPath+"/contracts", nil)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-API-Key", APIKey)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	return w.Code, answer{body: w.Body.String()}.code()
}

func tokenAnswer(t *testing.T, s *Server) (token string, expires any) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, OAuthPath+"/token", strings.NewReader("grant_type=client_credentials"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(ClientID, ClientSecret)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	var a map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	token, _ = a["access_token"].(string)
	return token, a["expires_in"]
}

func TestTokenLifetime(t *testing.T) {
	for _, c := range []struct {
		name      string
		quirks    Quirks
		announced any
		life      time.Duration
	}{
		{"one hour", Quirks{}, 3600.0, time.Hour},
		{"a string", Quirks{ExpiresString: true}, "3600", time.Hour},
		{"short", Quirks{TokenLifetime: 10 * time.Second}, 10.0, 10 * time.Second},
		{"a lie", Quirks{TokenLifetime: 10 * time.Second, TokenAnnounced: time.Hour}, 3600.0, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Server{Account: &Account{}, Quirks: c.quirks}
				first, announced := tokenAnswer(t, s)
				if announced != c.announced {
					t.Errorf("expires_in %v, want %v", announced, c.announced)
				}
				time.Sleep(c.life - time.Second)
				second, _ := tokenAnswer(t, s)
				if status, _ := contractsCode(s, first); status != 200 || first == second {
					t.Errorf("a second before its end the first token gives %d", status)
				}
				time.Sleep(time.Second)
				if status, code := contractsCode(s, first); status != 401 || code != 42 {
					t.Errorf("at its end the first token gives %d/%d", status, code)
				}
				if status, _ := contractsCode(s, second); status != 200 {
					t.Errorf("the second token gives %d", status)
				}
			})
		})
	}
}

// TestCredentialsLookReal: lengths and alphabet as api.md gives them.
func TestCredentialsLookReal(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString(APIKey)
	if err != nil || len(key) < 900 || len(APIKey) != 1280 || !strings.Contains(APIKey, "+") || !strings.Contains(APIKey, "/") || !strings.HasSuffix(APIKey, "=") {
		t.Errorf("API key of %d characters, %v", len(APIKey), err)
	}
	if len(ClientID) != 32 || len(ClientSecret) != 16 {
		t.Errorf("client id of %d characters, secret of %d", len(ClientID), len(ClientSecret))
	}
}

func TestSetCredentials(t *testing.T) {
	s := &Server{Account: &Account{}}
	s.WithdrawCredentials()
	if token, _ := tokenAnswer(t, s); token != "" {
		t.Error("a token after the credentials were withdrawn")
	}
	s.SetCredentials(ClientID, ClientSecret, "another")
	token, _ := tokenAnswer(t, s)
	if status, code := contractsCode(s, token); token == "" || status != 401 || code != 41 {
		t.Errorf("token %q, then with the old API key %d/%d", token, status, code)
	}
}

func TestRateLimits(t *testing.T) {
	for _, c := range []struct {
		name         string
		quirks       Quirks
		every        time.Duration
		calls, good  int
		status, code int
	}{
		{"off", Quirks{}, 0, 200, 200, 0, 0},
		{"burst", Quirks{RateLimit: 25}, 0, 40, 25, 403, 53},
		{"burst, 429", Quirks{RateLimit: 25, RateAs429: true}, 0, 40, 25, 429, 53},
		{"steady below", Quirks{RateLimit: 25}, 40 * time.Millisecond, 100, 100, 0, 0},
		{"steady above", Quirks{RateLimit: 25}, 20 * time.Millisecond, 100, 50, 403, 53},
		{"strict", Quirks{RateLimit: 1, RateWindow: 40 * time.Millisecond}, 20 * time.Millisecond, 100, 50, 403, 53},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Server{Account: &Account{}, Quirks: c.quirks}
				token, _ := tokenAnswer(t, s)
				good := 0
				for range c.calls {
					status, code := contractsCode(s, token)
					switch {
					case status == 200:
						good++
					case status != c.status || code != c.code:
						t.Fatalf("refused with %d/%d", status, code)
					}
					time.Sleep(c.every)
				}
				if got := s.Calls(); good != c.good || got.Limited != c.calls-c.good || got.Contracts != c.calls {
					t.Errorf("%d of %d good, want %d; %+v", good, c.calls, c.good, got)
				}
			})
		})
	}
}

func TestTokenLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Account: &Account{}, Quirks: Quirks{TokenLimit: 50}}
		good := 0
		for range 60 {
			if token, _ := tokenAnswer(t, s); token != "" {
				good++
			}
		}
		time.Sleep(time.Minute)
		if token, _ := tokenAnswer(t, s); good != 50 || token == "" || s.Calls().Limited != 10 {
			t.Errorf("%d good, then %q; %+v", good, token, s.Calls())
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tokenAnswer(t, &Server{Account: &Account{}, Latency: 300 * time.Millisecond})
		if d := time.Since(start); d != 300*time.Millisecond {
			t.Errorf("an answer took %v", d)
		}
	})
}
