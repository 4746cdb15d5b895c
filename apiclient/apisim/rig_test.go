package apisim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// rig is a server with a client that knows the headers.
type rig struct {
	t     *testing.T
	sim   *Server
	web   *httptest.Server
	token string
}

func newRig(t *testing.T, sim *Server) *rig {
	t.Helper()
	web := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Faults.Clear()
		web.Client().CloseIdleConnections()
		web.Close()
	})
	r := &rig{t: t, sim: sim, web: web}
	web.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.token = r.newToken()
	return r
}

// newToken asks for a token and gives "" if there is none.
func (r *rig) newToken() string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.web.URL+OAuthPath+"/token",
		strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth(ClientID, ClientSecret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := r.do(req)
	var answer struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(a.body), &answer)
	return answer.Token
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	length int64
	err    error // of the request or of reading the body
}

func (r *rig) do(req *http.Request) answer {
	return roundTrip(r.web.Client(), req)
}

func roundTrip(client *http.Client, req *http.Request) answer {
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b), resp.ContentLength, err}
}

// request is a GET below APIPath with all headers; those in pairs are set
// after, an empty value removes one.
func (r *rig) request(path, contract string, pairs ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.web.URL+APIPath+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("X-API-Key", APIKey)
	if contract != "" {
		req.Header.Set("X-ECCS-Contract-Id", contract)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			req.Header.Del(pairs[i])
			continue
		}
		req.Header.Set(pairs[i], pairs[i+1])
	}
	return req
}

func (r *rig) get(path, contract string, pairs ...string) answer {
	r.t.Helper()
	return r.do(r.request(path, contract, pairs...))
}

func filePath(id string) string { return "/documents/" + url.PathEscape(id) + "/file" }

// listed is a document as a client reads it.
type listed struct {
	ID       string `json:"id"`
	Filename string `json:"filename"`
	Period   string `json:"period"`
}

func (r *rig) list(contract, query string) []listed {
	r.t.Helper()
	a := r.get("/documents"+query, contract)
	var docs []listed
	if err := json.Unmarshal([]byte(a.body), &docs); err != nil {
		r.t.Fatalf("listing %s of %s: %v in %d %.200q", query, contract, err, a.status, a.body)
	}
	return docs
}

// code is Orange's code in an error body, 0 if there is none.
func (a answer) code() int {
	var e struct{ Code int }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Code
}
