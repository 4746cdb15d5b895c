package apiclient

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// onlooker keeps the answers that Config.Observe is told of.
type onlooker struct {
	mu  sync.Mutex
	all []Answer
}

func (o *onlooker) see(a Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, a)
}

func (o *onlooker) last() Answer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[len(o.all)-1]
}

func (o *onlooker) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

func newObserved(t *testing.T) (*fake, *Client, *onlooker) {
	t.Helper()
	var o onlooker
	f, c := newFake(t, func(cfg *Config) { cfg.Observe = o.see })
	return f, c, &o
}

// Each answer is told once, whatever became of it, and no secret with it.
func TestObserve(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c, o := newObserved(t)
		f.answer("/contracts", 200, `[{"id":"OCB1"}]`)
		f.answer("/contract", 403, `{"code":50,"message":"no"}`)
		fails := true
		f.api("/documents", func(w http.ResponseWriter, r *http.Request) {
			if fails {
				fails = false
				w.WriteHeader(503)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Set-Cookie", "session="+testSecret)
			z := gzip.NewWriter(w)
			io.WriteString(z, `[]`)
			z.Close()
		})
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) { w.Write(content(300_000)) })
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Contract(t.Context(), "OCB1"); !errors.Is(err, ErrForbidden) {
			t.Fatal(err)
		}
		if _, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{Type: "bills", Limit: 7}); err != nil {
			t.Fatal(err)
		}
		file, err := getFile(t, c, FileRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if n := o.count(); n != 5 {
			t.Errorf("%d answers before the document's has ended", n)
		}
		if _, err := io.Copy(io.Discard, file.Body); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range o.all {
			got = append(got, fmt.Sprintf("%s %s %d whole=%v gzip=%v %d/%d", a.Method, a.Op, a.Status, a.Whole, a.Gzipped, len(a.Body), a.Length))
			for _, secret := range []string{testSecret, testKey, testToken} {
				if strings.Contains(fmt.Sprintf("%v %s", a, a.Body), secret) {
					t.Errorf("%s: a secret is told", a.Op)
				}
			}
		}
		want := []string{"POST token 200 whole=true gzip=false 41/76", "GET contracts 200 whole=true gzip=false 15/15", "GET contract 403 whole=true gzip=false 26/26",
			"GET documents 503 whole=true gzip=false 0/0", "GET documents 200 whole=true gzip=true 2/-1", "GET file 200 whole=false gzip=false 1024/-1"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		if a := o.all[4]; a.Query.Get("documentType") != "bills" || a.Query.Get("limit") != "7" || a.Proto != "HTTP/1.1" || a.Probe {
			t.Errorf("%+v", a)
		}
		if body := string(o.all[0].Body); body != `{"expires_in":3600,"token_type":"Bearer"}` {
			t.Error(body)
		}
	})
}

// A probe is one request, whatever comes of it, and leaves the circuits as they were.
func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		status int
		is     error // nil: none
	}{
		"well":          {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "%PDF") }, 200, nil},
		"a part":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); io.WriteString(w, "%") }, 206, nil},
		"as before":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 304, nil},
		"not known":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(405) }, 405, ErrInvalid},
		"refused":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, 401, ErrUnauthorized},
		"out of order":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, ErrServer},
		"too many":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, 429, ErrRateLimited},
		"no answer":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, ErrUnreachable},
		"without bytes": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }, 200, nil},
		"far too large": {func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 1<<20)) }, 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c, o := newObserved(t)
				f.answer("/contracts", 200, `[]`)
				var seen *http.Request
				f.api(filePath, func(w http.ResponseWriter, r *http.Request) { seen = r; tt.answer(w, r) })
				for n := 1; n <= 5; n++ { // so many errors open a circuit otherwise
					status, err := c.Probe(t.Context(), Probe{ContractID: "OCB1", DocumentID: "d", Method: "GET",
						Query: url.Values{"zipped": {"1"}}, Header: http.Header{"Range": {"bytes=0-0"}}, Most: 16})
					if status != tt.status || tt.is == nil && err != nil || !errors.Is(err, tt.is) {
						t.Errorf("%d, %v", status, err)
					}
					most := n
					if tt.status == 0 { // net/http asks again where a connection that was used before breaks
						most++
					}
					if got := f.count("/api" + filePath); got < n || got > most {
						t.Errorf("%d requests, want %d", got, n)
					}
				}
				if seen.Header.Get("Range") != "bytes=0-0" || seen.Header.Get("Accept-Encoding") != "identity" || seen.URL.RawQuery != "zipped=1" ||
					seen.Header.Get(headerContract) != "OCB1" || seen.Header.Get(headerAPIKey) != testKey {
					t.Errorf("%s %v", seen.URL, seen.Header)
				}
				if a := o.last(); tt.status != 0 && (!a.Probe || a.Status != tt.status || a.Asked.Get("Range") != "bytes=0-0" || len(a.Body) > HeadLen) {
					t.Errorf("%+v", a)
				}
				if f.tokens() != 1 {
					t.Errorf("%d tokens", f.tokens())
				}
				if s := c.Stats(); s.Breaker != "closed" || s.Retries != 0 {
					t.Errorf("%+v", s)
				}
				if !errors.Is(tt.is, ErrRateLimited) { // which has everybody wait
					if _, err := c.Contracts(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// HEAD has no body, and a redirect is two answers; the other host is told nothing.
func TestProbeHeadAndRedirect(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c, o := newObserved(t)
		f.api(filePath, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/elsewhere?signature=s3cretSignature", http.StatusFound)
		})
		f.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodHead || r.Header.Get(headerAPIKey) != "" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s %v", r.Method, r.Header)
			}
			w.Header().Set("Content-Length", "12345")
		})
		status, err := c.Probe(t.Context(), Probe{ContractID: "OCB1", DocumentID: "d", Method: http.MethodHead})
		if status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if len(o.all) != 3 || o.all[1].Status != 302 || o.all[1].Foreign || !o.all[2].Foreign || o.all[2].Length != 12345 {
			t.Errorf("%+v", o.all)
		}
		for _, a := range o.all[1:2] {
			if strings.Contains(fmt.Sprint(a.Header), "s3cretSignature") {
				t.Errorf("%+v", a.Header)
			}
		}
	})
}

// Whatever the token endpoint answers, what it gave out is not told.
func FuzzWithoutToken(f *testing.F) {
	for _, s := range []string{`{"access_token":"t0ken","expires_in":"3600"}`, `{"ACCESS_TOKEN":"t0ken"}`, `["t0ken"]`, "t0ken", "\xef\xbb\xbf{\"a\":{\"access_token\":\"t0ken\"}}", `{"access_token":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := withoutToken(body)
		if len(got) == 0 {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(got, &members); err != nil {
			t.Fatal(err)
		}
		for name := range members {
			if !slices.Contains([]string{"expires_in", "token_type", "error", "error_description", "code", "message", "description", "infourl"}, strings.ToLower(name)) {
				t.Errorf("%q is told", name)
			}
		}
	})
}
