package gateway

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
)

// Interim answers go to clients that want them, and to none that a proxy may be before.
func TestDirect(t *testing.T) {
	for name, c := range map[string]struct {
		header string // NAME: VALUE, lines
		tls    bool
		proto  int
		close  bool
		want   bool
	}{
		"plain":             {"X-Ccsfs-Patience: 15s http", false, 1, false, true},
		"h2":                {"X-Ccsfs-Patience: 15s https", true, 2, false, true},
		"another client":    {"User-Agent: curl", true, 2, false, false},
		"nginx":             {"X-Ccsfs-Patience: 15s http", false, 1, true, false},
		"nginx ends TLS":    {"X-Ccsfs-Patience: 15s https", false, 1, false, false},
		"nginx renews TLS":  {"X-Ccsfs-Patience: 15s https", true, 1, false, false},
		"a proxy":           {"X-Ccsfs-Patience: 15s http\nVia: 1.1 x", false, 1, false, false},
		"another":           {"X-Ccsfs-Patience: 15s https\nX-Forwarded-For: 10.0.0.1", true, 2, false, false},
		"the last":          {"X-Ccsfs-Patience: 15s https\nForwarded: for=x", true, 2, false, false},
		"no time":           {"X-Ccsfs-Patience: soon https", true, 2, false, false},
		"a time that is up": {"X-Ccsfs-Patience: -1s https", true, 2, false, false},
		"of before":         {"X-Ccsfs-Patience: 15s", true, 2, false, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for line := range strings.SplitSeq(c.header, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		if r.ProtoMajor, r.Close = c.proto, c.close; c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if _, yes := direct(r); yes != c.want {
			t.Errorf("%s: %v", name, yes)
		}
	}
}

// Over both versions of HTTP the answer comes behind the interim ones, with all its headers.
func TestAnswersBehindInterimOnes(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		heard := make(chan struct{}, 100)
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w, stop := beat(w, r)
			defer stop()
			w.Header().Set("X-Early", "yes")
			for range 3 {
				<-heard
			}
			w.Header().Set("X-Late", "yes")
			_, _ = io.WriteString(w, "here")
		}))
		if srv.EnableHTTP2 = true; scheme == "https" {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			if status != http.StatusProcessing || h.Get("X-Early") != "" {
				t.Errorf("%s: interim %d, %v", scheme, status, h)
			}
			heard <- struct{}{}
			return nil
		}}
		q, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set(patienceHeader, "30ms "+scheme)
		res, err := srv.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(body) != "here" || res.StatusCode != http.StatusOK || res.Header.Get("X-Early")+res.Header.Get("X-Late") != "yesyes" {
			t.Errorf("%s: %s %q %v, %v", scheme, res.Status, body, res.Header, err)
		}
		srv.Close()
	}
}
