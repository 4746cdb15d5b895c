//go:build linux

package integration

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// program is ccsfs as users run it, in a process of its own, before a rig's
// simulated API.
type program struct {
	*rig
	home string
	env  []string
	out  *logBook // what it says
	cmd  *exec.Cmd

	mu     sync.Mutex
	tokens map[string]bool // given out
}

// newProgram serves the API; nothing is started yet.
func newProgram(t *testing.T, o options) *program {
	t.Helper()
	home, err := os.MkdirTemp("", "p") // short: it will hold a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	p := &program{home: home, out: &logBook{}, tokens: make(map[string]bool)}
	inner := o.wrap
	o.wrap = func(api http.Handler) http.Handler {
		if inner != nil {
			api = inner(api)
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
				p.mu.Lock()
				p.tokens[token] = true
				p.mu.Unlock()
			}
			api.ServeHTTP(w, r)
		})
	}
	p.rig = newServedRig(t, o)
	p.rig.cache, p.rig.dir = filepath.Join(p.home, "cache"), filepath.Join(p.home, "mnt")
	for _, d := range []string{"mnt", "run"} {
		if err := os.Mkdir(filepath.Join(p.home, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.env = append(os.Environ(),
		"HOME="+p.home, "XDG_CONFIG_HOME="+p.home+"/config", "XDG_STATE_HOME="+p.home+"/state",
		"XDG_RUNTIME_DIR="+p.home+"/run", "XDG_CACHE_HOME="+p.home,
		"CCSFS_API_URL="+p.web.URL+apisim.APIPath, "CCSFS_OAUTH_URL="+p.web.URL+apisim.OAuthPath,
		"CCSFS_CLIENT_ID="+apisim.ClientID, "CCSFS_CLIENT_SECRET="+apisim.ClientSecret, "CCSFS_API_KEY="+apisim.APIKey,
		"CCSFS_CACHE_DIR="+p.cache, "CCSFS_RATE_LIMIT=0", "CCSFS_LOG_LEVEL=debug", "CCSFS_TIMEOUT=10s",
	)
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill(unix.SIGKILL)
		}
		unix.Unmount(p.dir, unix.MNT_DETACH) // what a killed one left
	})
	return p
}

// ccsfs prepares a command, by way of another program if that is given.
func (p *program) ccsfs(by []string, args ...string) *exec.Cmd {
	argv := append(append([]string{}, by...), os.Getenv(binaryVariable))
	cmd := exec.Command(argv[0], append(argv[1:], args...)...)
	cmd.Env, cmd.Dir = p.env, p.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

// start mounts and waits until it has.
func (p *program) start(by []string, flags ...string) {
	p.t.Helper()
	before := strings.Count(p.out.text(), "ccsfs: mounted at ")
	p.cmd = p.ccsfs(by, append(append([]string{"mount"}, flags...), p.dir)...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "it is mounted", func() bool {
		if p.ended() {
			p.t.Fatalf("ended instead of mounting:\n%s", p.out.text())
		}
		return strings.Count(p.out.text(), "ccsfs: mounted at ") > before
	})
}

// ended reports whether the process is a zombie or gone.
func (p *program) ended() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || info.Signo != 0
}

// kill sends a signal and waits for the end; it returns the exit status, -1 if
// a signal was the end.
func (p *program) kill(sig os.Signal) int {
	p.t.Helper()
	p.cmd.Process.Signal(sig)
	eventually(p.t, "it ends", p.ended)
	err := p.cmd.Wait()
	p.cmd = nil
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// says runs a command to its end and returns what it wrote.
func (p *program) says(args ...string) (string, int) {
	p.t.Helper()
	cmd := p.ccsfs(nil, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	} else if err != nil {
		p.t.Fatal(err)
	}
	return string(out), 0
}

// stays fails if the mount is still there.
func (p *program) gone() {
	p.t.Helper()
	for _, m := range mounts(p.t) {
		if m == p.dir {
			p.t.Error("still mounted")
		}
	}
}
