//go:build linux

package integration

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
)

// secrets is all that must not be seen anywhere, in every shape it travels in.
func (p *program) secrets() map[string]string {
	s := map[string]string{
		"client secret": apisim.ClientSecret, "API key": apisim.APIKey[:64], "end of the API key": apisim.APIKey[len(apisim.APIKey)-40:],
		"Basic":          base64.StdEncoding.EncodeToString([]byte(apisim.ClientID + ":" + apisim.ClientSecret)),
		"end of a Basic": base64.StdEncoding.EncodeToString([]byte(apisim.ClientID + ":" + apisim.ClientSecret))[48:],
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for token := range p.tokens {
		s["token "+token[:4]] = token
	}
	return s
}

// secretless fails if a text holds a secret.
func (p *program) secretless(where string, text []byte) {
	p.t.Helper()
	for name, s := range p.secrets() {
		if bytes.Contains(text, []byte(s)) {
			p.t.Errorf("%s holds the %s", where, name)
		}
	}
}

// TestSecretsStayInMemory looks for secrets and tokens in all that the program
// writes while everything goes wrong, at the level of debugging.
func TestSecretsStayInMemory(t *testing.T) {
	begin(t)
	survive(t, "secrets in no log, error, status, file, process list or crash", func(t *testing.T) {
		p := newProgram(t, options{account: small(), quirks: apisim.Quirks{Range: true, ETag: true}})
		p.env = append(p.env, "GOTRACEBACK=all")
		p.start(nil)
		p.allRight(nil)
		for _, f := range []apisim.Fault{
			{Status: 500, Code: 1, Body: `{"code":1,"message":"` + apisim.APIKey + `","description":"` + apisim.ClientSecret + `"}`},
			{Status: 403, Code: 50}, {Body: apisim.HTMLPage}, {Cut: true, After: 3}, {Reset: true},
			{Status: 400, Body: apisim.ClientSecret},
		} {
			p.sim.Faults.Add(apisim.Match{}, 4, f)
			p.says("refresh", p.dir)
		}
		p.sim.Faults.Clear()
		p.sim.RevokeTokens()
		p.says("refresh", p.dir)
		p.sim.WithdrawCredentials()
		p.says("refresh", p.dir)
		for _, args := range [][]string{
			{"status", p.dir}, {"status", "--json", p.dir}, {"config", "show"}, {"doctor"}, {"doctor", "-v", "--json"}, {"ls"}, {"version"}, {"verify"},
			{"mount", "--log-level=debug", p.home + "/none"}, {"exec", "--", "env"}, {"pull", p.home + "/copy"},
			{"mount", apisim.ClientSecret + "/x", "y", "z"}, {"--help"},
		} {
			out, _ := p.says(args...)
			if len(args) < 4 { // what the user types is shown to the user
				p.secretless(strings.Join(args, " "), []byte(out))
			}
		}
		for _, file := range []string{"cmdline", "maps"} {
			data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
			if err != nil {
				t.Fatal(err)
			}
			p.secretless("/proc/PID/"+file, data)
		}
		p.kill(unix.SIGABRT) // a crash: the dump of all goroutines goes to the log
		if !strings.Contains(p.out.text(), "goroutine ") {
			t.Error("no dump to look into")
		}
		p.secretless("the log and the crash", []byte(p.out.text()))
		walked := 0
		err := filepath.WalkDir(p.home, func(path string, e fs.DirEntry, err error) error {
			if path == p.dir {
				return filepath.SkipDir
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			walked++
			p.secretless(path, data)
			return err
		})
		if err != nil || walked < 20 {
			t.Errorf("%d files looked at, %v", walked, err)
		}
		if len(p.tokens) < 2 {
			t.Errorf("%d tokens were seen", len(p.tokens))
		}
	})
	survive(t, "secrets not handed on to children", func(t *testing.T) {
		p := newProgram(t, options{account: small()})
		out, code := p.says("exec", "--", "sh", "-c", "env; cat /proc/self/environ; cat /proc/$PPID/cmdline")
		if code != 0 || !strings.Contains(out, "CCSFS_MOUNTPOINT=") {
			t.Fatalf("%d: %s", code, out)
		}
		p.secretless("the environment of a child", []byte(out))
	})
}

// TestTransport: where credentials go, and how.
func TestTransport(t *testing.T) {
	begin(t)
	account := small()
	pool := func(s *httptest.Server) *x509.CertPool {
		c := x509.NewCertPool()
		c.AddCert(s.Certificate())
		return c
	}
	// secure serves a rig's API by TLS.
	secure := func(t *testing.T, versions func(*tls.Config), wrap func(http.Handler) http.Handler) (*rig, *httptest.Server) {
		t.Helper()
		var web *httptest.Server
		r := newServedRig(t, options{account: account, client: func(c *apiclient.Config) {
			c.APIURL, c.OAuthURL, c.RootCAs = web.URL+apisim.APIPath, web.URL+apisim.OAuthPath, pool(web)
		}})
		web = httptest.NewUnstartedServer(wrap(r.sim))
		web.TLS = &tls.Config{}
		versions(web.TLS)
		web.Config.ErrorLog = nil
		web.StartTLS()
		t.Cleanup(web.Close)
		return r, web
	}
	plain := func(h http.Handler) http.Handler { return h }
	survive(t, "TLS 1.2 and 1.3", func(t *testing.T) {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			r, _ := secure(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = v, v }, plain)
			r.mount()
			r.allRight(nil)
		}
	})
	survive(t, "TLS below 1.2 refused", func(t *testing.T) {
		r, _ := secure(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, plain)
		r.mount()
		newAgent(t).failsToList(r.dir, "EHOSTUNREACH")
		if n := calls(r.sim); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
	survive(t, "https redirected to http refused", func(t *testing.T) {
		var reached int
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
		t.Cleanup(other.Close)
		r, _ := secure(t, func(*tls.Config) {}, instead(func(w http.ResponseWriter, q *http.Request) bool {
			if !strings.HasSuffix(q.URL.Path, "/file") {
				return false
			}
			http.Redirect(w, q, other.URL+"/x", http.StatusFound)
			return true
		}))
		r.mount()
		newAgent(t).fails(r.path("OCB0000001/bills-1.csv"), "EIO")
		if reached != 0 {
			t.Errorf("%d requests went out by http", reached)
		}
	})
	survive(t, "a certificate nobody knows, and --ca-file", func(t *testing.T) {
		p := newProgram(t, options{account: account})
		web := httptest.NewTLSServer(p.sim)
		web.Config.ErrorLog = nil
		t.Cleanup(web.Close)
		p.env = append(p.env, "CCSFS_API_URL="+web.URL+apisim.APIPath, "CCSFS_OAUTH_URL="+web.URL+apisim.OAuthPath)
		for _, flags := range [][]string{nil, {"--insecure"}} {
			out, code := p.says(append(append([]string{"mount"}, flags...), p.dir)...)
			if code != 4 || !strings.Contains(out, "certificate") {
				t.Errorf("%v: exit status %d: %s", flags, code, out)
			}
		}
		if n := calls(p.sim); n != 0 {
			t.Errorf("%d calls", n)
		}
		ca := filepath.Join(p.home, "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		p.start(nil, "--ca-file="+ca)
		p.allRight(nil)
		p.kill(unix.SIGTERM)
		help, _ := p.says("mount", "--help")
		for _, word := range []string{"skip", "no-verify", "tls-"} {
			if strings.Contains(help, word) {
				t.Errorf("mount has something with %q", word)
			}
		}
	})
	survive(t, "plain http to another machine", func(t *testing.T) {
		p := newProgram(t, options{account: account})
		out, code := p.says("mount", "--api-url=http://192.0.2.1/v1", p.dir)
		if code != 3 || !strings.Contains(out, "https") {
			t.Errorf("exit status %d: %s", code, out)
		}
	})
	survive(t, "credentials at another origin", func(t *testing.T) {
		r := newRig(t, options{account: account, redirect: true})
		r.allRight(nil)
		noCredentialsElsewhere(t, r, len(expected(t, r.sim, nil)))
	})
}

// TestPrivate: what lies on disk, who may come in, and what is refused.
func TestPrivate(t *testing.T) {
	begin(t)
	account := small()
	survive(t, "cache and socket for the user alone", func(t *testing.T) {
		p := newProgram(t, options{account: account})
		old := unix.Umask(0)
		unix.Umask(old)
		p.start([]string{"sh", "-c", `umask 0; exec "$0" "$@"`})
		p.allRight(nil)
		sockets := 0
		for _, root := range []string{p.cache, p.home + "/run"} {
			filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					t.Error(err)
					return err
				}
				info, err := e.Info()
				if err != nil {
					return nil // gone meanwhile
				}
				if info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s: mode %v", path, info.Mode())
				}
				if info.Mode()&fs.ModeSocket != 0 {
					sockets++
					c, err := net.Dial("unix", path)
					if err != nil {
						t.Error(err)
					} else {
						c.Close()
					}
				}
				return nil
			})
		}
		if sockets != 1 {
			t.Errorf("%d sockets", sockets)
		}
		p.kill(unix.SIGTERM)
	})
	survive(t, "a cache directory of somebody else, a symlink, open to others", func(t *testing.T) {
		for name, spoil := range map[string]func(dir string) error{
			"somebody else's": func(dir string) error { return os.Chown(dir, 65534, 65534) },
			"a symlink": func(dir string) error {
				if err := os.Remove(dir); err != nil {
					return err
				}
				return os.Symlink(os.TempDir(), dir)
			},
			"open to others": func(dir string) error { return os.Chmod(dir, 0o750) },
			"a file":         func(dir string) error { os.Remove(dir); return os.WriteFile(dir, nil, 0o600) },
		} {
			if os.Geteuid() != 0 && name == "somebody else's" {
				continue
			}
			p := newProgram(t, options{account: account})
			if err := os.Mkdir(p.cache, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := spoil(p.cache); err != nil {
				t.Fatal(err)
			}
			if out, code := p.says("mount", p.dir); code != 3 || !strings.Contains(out, "cache directory") || calls(p.sim) != 0 {
				t.Errorf("%s: exit status %d, %d calls: %s", name, code, calls(p.sim), out)
			}
		}
	})
	survive(t, "a settings file that others can read", func(t *testing.T) {
		p := newProgram(t, options{account: account})
		file := filepath.Join(p.home, "settings.toml")
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o602} {
			if err := os.WriteFile(file, []byte("layout = \"flat\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			if out, code := p.says("mount", "--config="+file, p.dir); code != 3 || !strings.Contains(out, "chmod 600") {
				t.Errorf("%v: exit status %d: %s", mode, code, out)
			}
		}
	})
	survive(t, "another user", func(t *testing.T) {
		nobody := another(t)
		p := newProgram(t, options{account: account})
		for dir := p.home; dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				break // above what is ours
			}
		}
		p.start(nil)
		p.allRight(nil)
		look := append(nobody, "sh", "-c", `ls "$0"; cat "$0"/*/*; cat "$0"/OCB0000001/bills-1.csv`, p.dir)
		if out, err := exec.Command(look[0], look[1:]...).Output(); err == nil || len(out) > 0 {
			t.Errorf("another user reads %d bytes, %v", len(out), err)
		}
		p.kill(unix.SIGTERM)
		p.start(nil, "--allow-other")
		if out, err := exec.Command(look[0], look[1:]...).Output(); err != nil || len(out) == 0 {
			t.Errorf("with --allow-other: %d bytes, %v", len(out), err)
		}
		p.kill(unix.SIGTERM)
	})
	survive(t, "root, where the user does not ask for it", func(t *testing.T) {
		nobody := another(t)
		if check := append(nobody, "test", "-w", "/dev/fuse"); exec.Command(check[0], check[1:]...).Run() != nil {
			t.Skip("users cannot open /dev/fuse here")
		}
		p := newProgram(t, options{account: account})
		for dir := p.home; dir != "/"; dir = filepath.Dir(dir) {
			os.Chmod(dir, 0o755)
		}
		os.Chmod(os.TempDir(), 0o755)
		if _, err := run(t, "chown", "-R", "65534:65534", p.home); err != nil {
			t.Fatal(err)
		}
		p.start(nobody)
		if out, err := run(t, "sh", "-c", `ls "$0"; cat "$0"/*/*`, p.dir); err == nil || out != "" {
			t.Errorf("root reads %d bytes, %v", len(out), err)
		}
		read := append(nobody, "sh", "-c", `cat "$0"/OCB0000001/bills-1.csv`, p.dir)
		if out, err := exec.Command(read[0], read[1:]...).Output(); err != nil || len(out) == 0 {
			t.Errorf("the user: %d bytes, %v", len(out), err)
		}
		p.kill(unix.SIGTERM)
	})
}

// another is how to run a program as a user who is not the one of the mount.
func another(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	return []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
}

// TestHostileNames: names out of the API cannot leave the mount or the cache,
// nor move the cursor of a terminal, wherever they are shown.
func TestHostileNames(t *testing.T) {
	begin(t)
	survive(t, "names that try to get out", func(t *testing.T) {
		account := &apisim.Account{Contracts: []apisim.Contract{{ID: "../../../c", Name: "\x1b]0;owned\x07", Offer: "\u202eoffer"}}}
		for i, name := range []string{
			"../../etc/passwd", "/etc/passwd", "..", ".", "", "a\x00b", "\x1b[2J\x1b[31mred", "line\nbreak", "\r", "\u202egpj.exe",
			"\x7f", "\u009b31m", "..\\..\\x", "-rf", "~root", "$(touch /tmp/x)", strings.Repeat("é", 300) + ".pdf", "\xff\xfe", ".contract.json", ".documents.json",
		} {
			account.Contracts[0].Documents = append(account.Contracts[0].Documents, apisim.Document{
				ID: fmt.Sprintf("../%d/\x1b[1m?#%%", i), Type: "bills", Filename: name, Period: "202601", Content: textOf(name, fmt.Sprintf("document;%d\n", i)),
			})
		}
		p := newProgram(t, options{account: account})
		p.start(nil)
		out := p.sh(`cp -r "$MNT/." "$OUT"`)
		want := make(map[string]bool)
		for i := range account.Contracts[0].Documents {
			want[fmt.Sprintf("document;%d\n", i)] = true
		}
		filepath.WalkDir(out, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				data, _ := os.ReadFile(path)
				delete(want, strings.TrimSuffix(strings.TrimPrefix(string(data), "%PDF-1.7\n"), "\n%%EOF\n"))
			}
			printable(t, "a name", e.Name())
			return err
		})
		if len(want) > 0 {
			t.Errorf("%d documents are missing", len(want))
		}
		var texts []string
		for _, args := range [][]string{{"ls", "-R"}, {"status", p.dir}, {"verify"}, {"refresh", p.dir}} {
			said, _ := p.says(args...)
			texts = append(texts, said)
		}
		p.sim.Faults.Add(apisim.Match{}, 0, apisim.Fault{Status: 400, Body: "{\"code\":28,\"message\":\"\x1b[2J\u202e\",\"description\":\"\\u001b[2J\"}", ContentType: "application/json"})
		said, _ := p.says("refresh", p.dir)
		p.kill(unix.SIGTERM)
		for _, text := range append(texts, said, p.out.text()) {
			for line := range strings.Lines(text) {
				printable(t, "what is shown", strings.TrimSuffix(line, "\n"))
			}
		}
		filepath.WalkDir(p.cache, func(path string, e fs.DirEntry, err error) error {
			printable(t, "a file of the cache", e.Name())
			return err
		})
		if _, err := os.Stat("/tmp/x"); err == nil {
			t.Error("a name was run")
		}
	})
}

// printable fails if a text would do something to a terminal.
func printable(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if unicode.IsControl(r) && r != '\t' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Errorf("%s: %q holds %U", what, text, r)
			return
		}
	}
}
