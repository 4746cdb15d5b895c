package hooks

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// secureReceiver is one with a certificate for example.com and this machine, and the file
// of the authority that it is by.
func secureReceiver(t *testing.T) (*receiver, string) {
	t.Helper()
	r := &receiver{answer: func(http.ResponseWriter, *http.Request) {}}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(r.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return r, file
}

// webhookTo makes the hook for an address, with authorities in a file.
func webhookTo(t *testing.T, address, caFile string) (*Hook, error) {
	t.Helper()
	env, _, _ := cmdtest.Environment(t)
	s := &settings.Settings{}
	s.Hooks.WebhookSecret = redacted.New(webhookSecret)
	s.API.CAFile = caFile
	o := Options{webhooks: []string{address}, timeout: cmdtest.Patience}
	all, err := o.Hooks(env, s)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { Close(all) })
	return all[0], nil
}

// The receiver of a company has a certificate of the company.
func TestWebhooksTrustTheCAFile(t *testing.T) {
	to, file := secureReceiver(t)
	for _, tt := range []struct{ file, want string }{{"", "certificate"}, {file, ""}} {
		h, err := webhookTo(t, to.URL+"/in?key=t0ken", tt.file)
		if err != nil {
			t.Fatal(err)
		}
		err = h.deliver(t.Context(), Message{ID: "x", At: at(), Changes: changes(1)}, nil)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("with %q: %v", tt.file, err)
		}
	}
	if len(to.ids) != 1 || to.wrong != nil {
		t.Errorf("%v, %v", to.ids, to.wrong)
	}
	for _, bad := range []string{"/nowhere", os.Args[0]} {
		if _, err := webhookTo(t, to.URL, bad); exitcode.Of(err) != exitcode.Settings || !strings.Contains(err.Error(), "ca_file") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// tunnels is a proxy that leads every connection to one address, and notes where it was to
// lead.
type tunnels struct {
	to string

	mu   sync.Mutex
	asks []string
}

func (p *tunnels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asks = append(p.asks, r.Method+" "+r.Host)
	p.mu.Unlock()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(out, in) }()
	_, _ = io.Copy(in, out)
}

// Webhooks take the proxy that the environment names, as the API does; one that is not there is
// said without its password. The environment is read once: it takes a process for each.
func TestWebhooksThroughAProxy(t *testing.T) {
	to, file := secureReceiver(t)
	p := &tunnels{to: to.Listener.Addr().String()}
	proxy := httptest.NewServer(p)
	defer proxy.Close()
	for name, tt := range map[string]struct{ proxy, want string }{
		"a proxy": {proxy.URL, "delivered"},
		"none":    {"http://user:passw0rd@127.0.0.1:1", "proxyconnect"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneWebhook$", "-test.v")
		cmd.Env = append(os.Environ(), "https_proxy=", "no_proxy=", "HTTPS_PROXY="+tt.proxy, "NO_PROXY=", "CCSFS_INTERNAL_CA="+file)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "passw0rd") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if len(p.asks) != 1 || p.asks[0] != "CONNECT example.com:443" || len(to.ids) != 1 || to.wrong != nil {
		t.Errorf("%v, %v, %v", p.asks, to.ids, to.wrong)
	}
}

// TestOneWebhook is the process of TestWebhooksThroughAProxy.
func TestOneWebhook(t *testing.T) {
	file := os.Getenv("CCSFS_INTERNAL_CA")
	if file == "" {
		t.Skip("for another test")
	}
	h, err := webhookTo(t, "https://example.com/in?key=t0ken", file)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.deliver(context.Background(), Message{ID: "x", At: at(), Changes: changes(1)}, nil); err != nil {
		t.Log(err)
		return
	}
	t.Log("delivered")
}
