package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sentinels() []error {
	return []error{
		ErrNotFound, ErrUnauthorized, ErrCredentials, ErrForbidden, ErrRateLimited,
		ErrInvalid, ErrTimeout, ErrUnreachable, ErrServer, ErrProtocol,
	}
}

func TestStatusesBecomeErrors(t *testing.T) {
	tests := []struct {
		status, code int
		want         error
		calls        int
	}{
		{400, 22, ErrInvalid, 1},
		{401, 41, ErrUnauthorized, 2},
		{403, 50, ErrForbidden, 1},
		{403, 52, ErrForbidden, 1},
		{403, 0, ErrForbidden, 1},
		{403, 53, ErrRateLimited, maxLimited},
		{429, 53, ErrRateLimited, maxLimited},
		{429, 0, ErrRateLimited, maxLimited},
		{404, 60, ErrNotFound, 1},
		{405, 61, ErrInvalid, 1},
		{406, 62, ErrInvalid, 1},
		{407, 0, ErrUnreachable, maxTries},
		{408, 63, ErrServer, maxTries},
		{409, 69, ErrInvalid, 1},
		{410, 0, ErrNotFound, 1},
		{416, 0, ErrInvalid, 1},
		{418, 0, ErrInvalid, 1},
		{300, 0, ErrProtocol, 1},
		{302, 0, ErrProtocol, 1}, // without Location
		{304, 0, ErrProtocol, 1},
		{204, 0, ErrProtocol, 1},
		{500, 1, ErrServer, maxTries},
		{501, 0, ErrServer, 1},
		{502, 1, ErrServer, maxTries},
		{503, 5, ErrServer, maxTries},
		{504, 6, ErrServer, maxTries},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.code), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c := newFake(t, func(cfg *Config) { cfg.Patience = time.Second })
				f.api("/documents", func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set(headerRequestID, "req-7")
					if tt.status < 400 {
						w.WriteHeader(tt.status)
						return
					}
					writeJSON(w, tt.status, apiError(tt.code, "No"))
				})
				_, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{})
				for _, s := range sentinels() {
					if errors.Is(err, s) != errors.Is(tt.want, s) {
						t.Errorf("Is(%v) is %v: %v", s, errors.Is(err, s), err)
					}
				}
				var e *Error
				if !errors.As(err, &e) || e.Status != tt.status || e.Code != tt.code || e.RequestID != "req-7" {
					t.Errorf("%+v", e)
				}
				if n := f.count("/api/documents"); n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
			})
		})
	}
}

func TestErrorText(t *testing.T) {
	f, c := newFake(t)
	f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerRequestID, "req-7")
		writeJSON(w, 404, apiError(60, "Resource not found"))
	})
	_, err := c.Contracts(t.Context())
	want := "contracts: not found, HTTP 404, code 60: Resource not found (Resource not found indeed) [request id req-7]"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// A page of a proxy must not look like a refusal of the API, which withdraws
// what is known, nor like a document that is gone.
func TestPagesAreNoRefusals(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 410, 451} {
		f, c := newFake(t)
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "<HTML><h1>blocked by policy</h1>")
		})
		_, err := c.Contracts(t.Context())
		if !errors.Is(err, ErrProtocol) || Refused(err) || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "VPN") {
			t.Errorf("%d: %v", status, err)
		}
		if n := f.tokens(); n != 1 {
			t.Errorf("%d: %d token calls", status, n)
		}
	}
}

func TestRefusedAndTemporary(t *testing.T) {
	refused := []error{ErrUnauthorized, ErrCredentials, ErrForbidden}
	temporary := []error{ErrTimeout, ErrUnreachable, ErrServer, ErrRateLimited, ErrProtocol}
	for _, s := range append(sentinels(), context.Canceled, io.EOF, nil) {
		err := s
		if s != nil {
			err = fmt.Errorf("wrapped: %w", &Error{kind: s})
		}
		if Refused(err) != slices.Contains(refused, s) || Temporary(err) != slices.Contains(temporary, s) {
			t.Errorf("%v: refused %v, temporary %v", s, Refused(err), Temporary(err))
		}
	}
}

func TestErrorBodies(t *testing.T) {
	tests := []struct {
		body string
		want errorBody
	}{
		{`{"code":53,"message":"m","description":"d","infoURL":"u"}`, errorBody{Code: 53, Message: "m", Description: "d"}},
		{`{"code":"42","message":"m"}`, errorBody{Code: 42, Message: "m"}},
		{`{"Code":5,"MESSAGE":"m"}`, errorBody{Code: 5, Message: "m"}},
		{`{"error":"invalid_client","error_description":"d"}`, errorBody{OAuth: "invalid_client", Description: "d"}},
		{`{"error":{"code":50,"message":"m"}}`, errorBody{Code: 50, Message: "m", OAuth: "error"}},
		{`{"error":true}`, errorBody{OAuth: "error"}},
		{`{"error":null,"code":{},"message":[1]}`, errorBody{}},
		{`{"code":99999999999999999999}`, errorBody{}},
		{`{"code":53`, errorBody{}},
		{`[]`, errorBody{}},
		{``, errorBody{}},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, parseErrorBody([]byte(tt.body))); d != "" {
			t.Errorf("%s: %s", tt.body, d)
		}
	}
}

func FuzzErrorBody(f *testing.F) {
	f.Add([]byte(`{"code":53,"message":"m","description":"d","error":{"code":"x"}}`), "text/plain", 403)
	f.Add([]byte("<html>\x1b[31m"), "text/html", 404)
	f.Fuzz(func(t *testing.T, b []byte, ct string, status int) {
		told := parseErrorBody(b)
		s := &sender{clean: newRedactor(&Config{ClientSecret: testSecret, APIKey: testKey})}
		e := s.told(&call{op: opFile}, told)
		e.hint, e.kind = statusKind(status, e.Code)
		isMarkup(ct, b)
		text := e.Error()
		if strings.ContainsFunc(text, unprintableButSpace) || strings.Contains(text, testSecret) || len([]rune(text)) > 3*maxText {
			t.Errorf("%q", text)
		}
		if e.kind == nil {
			t.Error("an error without a kind")
		}
	})
}

func unprintableButSpace(r rune) bool { return r != ' ' && unprintable(r) }

func TestCleanTexts(t *testing.T) {
	r := newRedactor(&Config{ClientID: testID, ClientSecret: testSecret, APIKey: testKey})
	r.addToken(testToken + "1")
	tests := map[string]string{
		"plain text":                     "plain text",
		" two\r\n lines\t":               "two lines",
		"\x1b[2Jcleared\x07":             "[2Jcleared",
		"\u202eright to left\u2066":      "right to left",
		"bad \xff byte":                  "bad \ufffd byte",
		"x " + testSecret + " y":         "x [redacted] y",
		"key=" + testKey:                 "key=[redacted]",
		"token " + testToken + "1.":      "token [redacted].",
		"Authorization: Bearer abcdefgh": "Authorization: Bearer [redacted]",
		"basic QWxhZGRpbjpvcGVu":         "basic [redacted]",
		"query K3yOfTheTests%2Bwith%2Fbase64%3Dcharacters%3D%3D": "query [redacted]",
	}
	for in, want := range tests {
		if got := r.clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := r.cleanURL(`Get "https://h/p?sig=abc": no`); got != `Get "https://h/p?…": no` {
		t.Error(got)
	}
	if got := r.clean(strings.Repeat("é", 1000)); got != strings.Repeat("é", maxText)+"…" {
		t.Error(got)
	}
}

// Whatever surrounds a secret, nothing of it is left.
func TestSecretsAreRedactedAnywhere(t *testing.T) {
	r := newRedactor(&Config{ClientID: testID, ClientSecret: testSecret, APIKey: testKey})
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SampledFrom([]string{testSecret, testKey}).Draw(t, "secret")
		s := rapid.String().Draw(t, "before") + secret + rapid.String().Draw(t, "after")
		got := r.clean(s)
		if strings.Contains(got, secret) || strings.Contains(got, secret[:8]) || strings.ContainsFunc(got, unprintableButSpace) {
			t.Errorf("%q", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"-7":                            0,
		"+7":                            0,
		"7.5":                           0,
		"99999999999":                   maxRetryAfter,
		"99999999999999999999999999":    0,
		"soon":                          0,
		"Wed, 01 May 2024 10:00:05 GMT": 5 * time.Second,
		"Wed, 01 May 2024 09:59:05 GMT": 0,
		"Fri, 01 May 2054 09:59:05 GMT": maxRetryAfter,
	}
	for in, want := range tests {
		if got := parseRetryAfter(in, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Wed, 01 May 2024 10:00:05 GMT")
	now := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d := parseRetryAfter(s, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%v", d)
		}
	})
}
