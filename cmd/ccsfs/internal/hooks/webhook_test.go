package hooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/cmd/ccsfs/internal/redacted"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The example of the specification.
func TestSignature(t *testing.T) {
	key, err := signingKey(redacted.New(webhookSecret))
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSigningKey(t *testing.T) {
	for secret, want := range map[string]string{
		"":                                    "needs a secret",
		"0123456789abcde":                     "too short: it has 15 bytes",
		"0123456789abcdef":                    "",
		"whsec_!":                             "not base64",
		"whsec_c2hvcnQ=":                      "too short: it has 5 bytes",
		"whsec_MDEyMzQ1Njc4OWFiY2RlZg==":      "",
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+/=": "",
	} {
		_, err := signingKey(redacted.New(secret))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", secret, err)
		}
		if err != nil && len(secret) > 8 && strings.Contains(err.Error(), secret[6:]) {
			t.Errorf("shown: %v", err)
		}
	}
}

// receiver is a web server as a receiver of webhooks has it.
type receiver struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	ids   []string
	paths []string
	wrong []string
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(webhookSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "." + string(body)))
	var got struct {
		Type, Timestamp string
		Data            struct{ Change, Path, Contract string }
	}
	err := json.Unmarshal(body, &got)
	r.mu.Lock()
	r.ids, r.paths = append(r.ids, id), append(r.paths, got.Data.Path)
	if req.Method != http.MethodPost || req.URL.String() != "/in?key=t0ken" || req.Header.Get("Content-Type") != "application/json" || req.Header.Get("User-Agent") != "ccsfs/test" ||
		req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || err != nil ||
		got.Type != "document.new" || got.Timestamp != "2026-10-31T12:00:00Z" || got.Data.Change != "new" || got.Data.Contract != "C" {
		r.wrong = append(r.wrong, fmt.Sprintf("%s %s %v: %s", req.Method, req.URL, req.Header, body))
	}
	answer := r.answer
	r.mu.Unlock()
	answer(w, req)
}

// Only an answer of 200 to 299 is a delivery; whatever else comes, or does not, the message
// stays, and comes again with the same id, also after a restart.
func TestAnswersOfAWebhook(t *testing.T) {
	elsewhere := newReceiver(t, func(http.ResponseWriter, *http.Request) {})
	status := func(code int) func(w http.ResponseWriter, r *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL+"/in?key=t0ken")
			w.WriteHeader(code)
		}
	}
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string // "": delivered
	}{
		"200": {status(200), ""}, "202": {status(202), ""}, "204": {status(204), ""},
		"301": {status(301), "HTTP 301 leads elsewhere, which is not followed"}, "307": {status(307), "HTTP 307 leads"}, "308": {status(308), "HTTP 308 leads"},
		"400": {status(400), "HTTP 400"}, "401": {status(401), "HTTP 401"}, "404": {status(404), "HTTP 404"}, "410": {status(410), "HTTP 410: it wants no more"},
		"422": {status(422), "HTTP 422"}, "429": {status(429), "HTTP 429"}, "500": {status(500), "HTTP 500"}, "503": {status(503), "HTTP 503"},
		"it closes": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"it is slow": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		}, "no answer within --hook-timeout (1s)"},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) { // it has said that it has it
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			_, _ = w.Write([]byte("x"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, ""},
		"an answer without an end": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			to := newReceiver(t, tt.answer)
			o := Options{webhooks: []string{to.URL + "/in?key=t0ken"}, timeout: time.Second}
			_, hooks := realHooks(t, o, webhookSecret)
			dir := queueDir(t)
			var r rec
			q := openQueue(t, dir, 0, hooks...)
			q.Commit(stage(t, q, changes(1)))
			left := q.Once(t.Context(), r.say)
			switch {
			case tt.want == "" && len(left) > 0:
				t.Fatalf("%+v", left[0])
			case tt.want != "" && (len(left) != 1 || left[0].Count != 1 || !strings.Contains(left[0].Err.Error(), tt.want)):
				t.Fatalf("%+v, want %s", left, tt.want)
			case tt.want != "" && strings.Contains(left[0].Err.Error(), "t0ken"):
				t.Errorf("a secret of the address is shown: %v", left[0].Err)
			}
			if tt.want != "" {
				to.mu.Lock()
				to.answer = status(200)
				to.mu.Unlock()
				q = openQueue(t, dir, 1, hooks...)
				if left := q.Once(t.Context(), r.say); len(left) != 0 {
					t.Fatalf("%+v", left[0])
				}
				to.mu.Lock()
				defer to.mu.Unlock()
				if len(to.ids) != 2 || to.ids[0] != to.ids[1] || !strings.HasPrefix(to.ids[0], "msg_") {
					t.Errorf("ids %v", to.ids)
				}
			}
			if to.wrong != nil {
				t.Error(to.wrong)
			}
		})
	}
	if len(elsewhere.ids) > 0 {
		t.Error("a redirect was followed")
	}
}

// What is on its way when ccsfs ends may be answered; for a moment.
func TestWebhooksWhenCcsfsEnds(t *testing.T) {
	for name, takes := range map[string]time.Duration{"soon": 100 * time.Millisecond, "late": time.Minute} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			to := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				select {
				case <-r.Context().Done():
				case <-time.After(takes):
				}
			})
			_, hooks := realHooks(t, Options{webhooks: []string{to.URL + "/in?key=t0ken"}}, webhookSecret)
			err := hooks[0].deliver(ctx, Message{ID: "x", At: at(), Changes: changes(1)}, nil)
			if (err == nil) != (name == "soon") {
				t.Error(err)
			}
		})
	}
}

// What a server asks to wait is heeded, and bounded.
func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"120": 2 * time.Minute, "": 0, "-1": 0, "0": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "99999999999999999999": 0} {
		resp := &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {header}}}
		err := judge(resp)
		var later laterError
		errors.As(err, &later)
		if err == nil || later.wait != want {
			t.Errorf("%q: %v, wait %v", header, err, later.wait)
		}
	}
}

// A server that cannot be had is no secret, but its address may be.
func TestAServerThatIsAway(t *testing.T) {
	to := newReceiver(t, func(http.ResponseWriter, *http.Request) {})
	o := Options{webhooks: []string{to.URL + "/in?key=t0ken"}}
	_, hooks := realHooks(t, o, webhookSecret)
	to.Close()
	err := hooks[0].deliver(context.Background(), Message{ID: "x", At: at(), Changes: changes(1)}, nil)
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("%v", err)
	}
}

// The order is that of the changes, and a server that fails in between gets all of them.
func TestAServerThatFailsNowAndThen(t *testing.T) {
	n := 0
	to := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n%3 == 0 {
			w.WriteHeader(500)
		}
	})
	_, hooks := realHooks(t, Options{webhooks: []string{to.URL + "/in?key=t0ken"}}, webhookSecret)
	var r rec
	q := openQueue(t, queueDir(t), 0, hooks...)
	q.Commit(stage(t, q, changes(10)))
	for range 10 {
		q.Once(t.Context(), r.say)
	}
	ids := map[string]string{}
	for i, id := range to.ids {
		if was := ids[id]; was != "" && was != to.paths[i] {
			t.Errorf("%s is %s and %s", id, was, to.paths[i])
		}
		ids[id] = to.paths[i]
	}
	if len(ids) != 10 || q.Waiting("webhook-1") != 0 || to.wrong != nil {
		t.Errorf("%d of 10 delivered, %d wait, %v", len(ids), q.Waiting("webhook-1"), to.wrong)
	}
}
