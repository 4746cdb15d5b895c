package apiclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A server that sends back all it gets, wherever a server can write: no secret
// shows in errors, log and statistics, nor a control character.
func TestServerThatEchoesSecrets(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			all := fmt.Sprintf("\x1b[31m%s %s %s", r.Header.Get("Authorization"), r.Header.Get(headerAPIKey), testSecret)
			id, secret, _ := r.BasicAuth()
			w.Header().Set(headerRequestID, all)
			w.Header().Set("Location", "http://127.0.0.1/"+testKey+"?key="+testSecret)
			w.Header().Set("Content-Range", all)
			w.Header().Set("Content-Encoding", all)
			writeJSON(w, status, map[string]any{
				"code": 99, "message": all, "description": id + secret + all, "error": all, "error_description": all,
			})
		}
	}
	for _, status := range []int{200, 206, 300, 302, 400, 401, 403, 404, 500} {
		for _, token := range []bool{false, true} {
			t.Run(fmt.Sprint(status, " ", token), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					f, c := newFake(t)
					f.Handle("/", echo(status))
					if token {
						f.onToken(echo(status))
					}
					_, err1 := c.Contracts(t.Context())
					_, err2 := c.Documents(t.Context(), "OCB1", DocumentsQuery{})
					_, err3 := c.Contract(t.Context(), "OCB1")
					file, err4 := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: "d", Offset: 1})
					if err4 == nil {
						t.Errorf("%+v", file)
						io.Copy(io.Discard, file.Body)
						file.Body.Close()
					}
					texts := []string{f.logged(), fmt.Sprintf("%+v", c.Stats())}
					for _, err := range []error{err1, err2, err3, err4} {
						var e *Error
						if !errors.As(err, &e) {
							t.Fatalf("%v", err)
						}
						texts = append(texts, err.Error(), fmt.Sprintf("%+v %#v", err, err), e.Message, e.Description, e.RequestID)
						if strings.ContainsFunc(err.Error(), unprintableButSpace) {
							t.Errorf("%q", err)
						}
					}
					for _, s := range texts {
						if hasSecret(s) || strings.Contains(s, "\x1b") || strings.Contains(s, "u001b") {
							t.Errorf("%s", s)
						}
					}
				})
			})
		}
	}
}

func TestLogLines(t *testing.T) {
	f, c := newFake(t)
	f.answer("/contract", 404, `{"code":60,"message":"Resource not found"}`)
	c.Contract(t.Context(), "OCB1")
	for _, want := range []string{
		`"op":"token"`, `"op":"contract"`, `"status":200`, `"status":404`, `"request_id":"req-42"`,
		`"duration_seconds":`, `"attempt":1`, `"contract":"OCB1"`, `"result":"client_error"`, `"error":"contract: not found`,
	} {
		if !strings.Contains(f.logged(), want) {
			t.Errorf("no %s in\n%s", want, f.logged())
		}
	}
	if strings.Contains(f.logged(), "http://") {
		t.Error("a URL in the log:", f.logged())
	}
}

func TestStats(t *testing.T) {
	f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 1000 })
	f.answer("/contracts", 200, `[]`)
	f.answer("/contract", 403, `{"code":50,"message":"Access denied"}`)
	before := c.Stats()
	if len(before.Calls) != 5 || before.Calls["file"]["ok"] != 0 || before.Breaker != "closed" || !before.TokenExpires.IsZero() || before.Rate != 1000 {
		t.Errorf("%+v", before)
	}
	for range 12 {
		c.Contracts(t.Context())
		c.Contract(t.Context(), "OCB1")
	}
	s := c.Stats()
	got := fmt.Sprint(s.Calls["token"]["ok"], s.Calls["contracts"]["ok"], s.Calls["contract"]["client_error"], s.Retries, s.InFlight, s.Waiting, len(s.Errors))
	if got != "1 12 12 0 0 0 10" {
		t.Errorf("%s: %+v", got, s)
	}
	if s.TokenExpires.Sub(s.TokenObtained).Hours() < 0.99 || !strings.Contains(s.Errors[9].Text, "Access denied") || s.Errors[9].Op != "contract" || s.Errors[9].Time.IsZero() {
		t.Errorf("%+v", s)
	}
	s.Calls["file"]["ok"] = 77 // the snapshot is the caller's own
	if c.Stats().Calls["file"]["ok"] != 0 {
		t.Error("the snapshot is shared")
	}
}
