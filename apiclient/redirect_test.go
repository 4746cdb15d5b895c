package apiclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What must not leave the origin of the API.
func ownHeaders() []string {
	return []string{"Authorization", headerAPIKey, headerContract, "Referer", "Cookie"}
}

// redirected makes a document that redirects to target, and gets it.
func redirected(t *testing.T, f *fake, c *Client, status int, target string) ([]byte, error) {
	t.Helper()
	f.api("/documents/d/file", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", target)
		w.WriteHeader(status)
	})
	file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: "d"})
	if err != nil {
		return nil, err
	}
	defer file.Body.Close()
	return io.ReadAll(file.Body)
}

func TestRedirectToAnotherOriginTakesNoSecret(t *testing.T) {
	for _, target := range []string{"http://127.0.0.1/blob?sig=s", "http://localhost:81/blob?sig=s", "http://[::1]/blob?sig=s"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(status, " ", target), func(t *testing.T) {
				f, c := newFake(t)
				f.HandleFunc("/blob", func(w http.ResponseWriter, r *http.Request) {
					for _, name := range ownHeaders() {
						if v := r.Header.Get(name); v != "" {
							t.Errorf("%s: %s", name, v)
						}
					}
					if r.Header.Get("Accept-Encoding") != "identity" || r.URL.Query().Get("sig") != "s" {
						t.Errorf("%v %v", r.URL, r.Header)
					}
					io.WriteString(w, "bytes")
				})
				got, err := redirected(t, f, c, status, target)
				if string(got) != "bytes" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
	}
}

func TestRedirectWithinTheOriginKeepsTheHeaders(t *testing.T) {
	f, c := newFake(t)
	f.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		for _, name := range ownHeaders()[:3] {
			if r.Header.Get(name) == "" {
				t.Errorf("no %s", name)
			}
		}
		io.WriteString(w, "bytes")
	})
	if got, err := redirected(t, f, c, 302, "/moved"); string(got) != "bytes" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Back at the API after a stranger's redirect: the stranger chose the address.
func TestRedirectBackTakesNoSecret(t *testing.T) {
	f, c := newFake(t)
	f.Handle("/there", http.RedirectHandler("http://localhost/back", http.StatusFound))
	f.HandleFunc("/back", func(w http.ResponseWriter, r *http.Request) {
		for _, name := range ownHeaders() {
			if v := r.Header.Get(name); v != "" {
				t.Errorf("%s: %s", name, v)
			}
		}
		writeJSON(w, 401, apiError(40, "Missing credentials"))
	})
	_, err := redirected(t, f, c, 302, "http://127.0.0.1/there")
	if !errors.Is(err, ErrProtocol) || Refused(err) {
		t.Error(err)
	}
	if n := f.tokens(); n != 1 {
		t.Errorf("%d token calls: the token was not rejected, it was not sent", n)
	}
}

func TestRefusalByAnotherOriginIsNone(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404} {
		f, c := newFake(t)
		f.HandleFunc("/blob", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`)
		})
		_, err := redirected(t, f, c, 302, "http://127.0.0.1/blob?sig=s3cretSignature")
		if !errors.Is(err, ErrProtocol) || Refused(err) || errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "s3cretSignature") {
			t.Errorf("%d: %v", status, err)
		}
		if f.tokens() != 1 {
			t.Errorf("%d: %d token calls", status, f.tokens())
		}
	}
}

func TestRedirectsRefused(t *testing.T) {
	for _, target := range []string{
		"http://example.com/blob?sig=s3cretSignature", // plain http
		"ftp://localhost/blob?sig=s3cretSignature",
		"file:///etc/passwd",
		"/api/documents/d/file", // for ever
		"://?sig=s3cretSignature",
	} {
		f, c := newFake(t)
		_, err := redirected(t, f, c, 302, target)
		if !errors.Is(err, ErrProtocol) || strings.Contains(err.Error(), "s3cretSignature") {
			t.Errorf("%s: %v", target, err)
		}
		if n := f.count("/api/documents/d/file"); n > maxRedirects+1 {
			t.Errorf("%s: %d requests", target, n)
		}
	}
}

func TestRedirectPolicy(t *testing.T) {
	tests := []struct {
		from, to string
		insecure bool
		refused  bool
		foreign  bool
	}{
		{"https://api.example.com/a", "https://api.example.com/b", false, false, false},
		{"https://api.example.com/a", "https://API.example.com:443/b", false, false, false},
		{"https://api.example.com/a", "https://api.example.com:8443/b", false, false, true},
		{"https://api.example.com/a", "https://cdn.api.example.com/b", false, false, true},
		{"https://api.example.com/a", "http://api.example.com/b", false, true, false},
		{"https://api.example.com/a", "http://localhost/b", false, true, false},
		{"https://api.example.com/a", "http://api.example.com/b", true, true, false},
		{"http://localhost/a", "https://localhost/b", false, false, true},
		{"http://localhost/a", "http://example.com/b", false, true, false},
		{"http://localhost/a", "http://example.com/b", true, false, true},
	}
	for _, tt := range tests {
		from, _ := http.NewRequest(http.MethodGet, tt.from, nil)
		req, _ := http.NewRequest(http.MethodGet, tt.to, nil)
		cl := &call{}
		req = req.WithContext(withCall(t.Context(), cl))
		for _, name := range ownHeaders() {
			req.Header.Set(name, "x")
		}
		err := redirectPolicy(tt.insecure)(req, []*http.Request{from})
		if (err != nil) != tt.refused || cl.foreign != tt.foreign || err == nil && (len(req.Header) == 0) != tt.foreign {
			t.Errorf("%+v: %v, foreign %v, %v", tt, err, cl.foreign, req.Header)
		}
	}
}

func FuzzSameOrigin(f *testing.F) {
	f.Add("https://a:443/x", "https://A/y")
	f.Fuzz(func(t *testing.T, a, b string) {
		ua, errA := url.Parse(a)
		ub, errB := url.Parse(b)
		if errA != nil || errB != nil {
			return
		}
		if same := sameOrigin(ua, ub); same != sameOrigin(ub, ua) || same && !strings.EqualFold(ua.Hostname(), ub.Hostname()) {
			t.Errorf("%q and %q: %v", a, b, same)
		}
	})
}
