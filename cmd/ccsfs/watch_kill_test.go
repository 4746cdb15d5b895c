//go:build !windows

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
)

// watchRig is a simulated account that changes, and those who are told.
type watchRig struct {
	t      *testing.T
	dir    string
	api    *apisim.Server
	env    []string
	rounds int

	receiver string // where webhooks go

	mu     sync.Mutex
	posted []string // "EVENT CHANGE ID", as the file of the hook has it
	posts  int
}

func newWatchRig(t *testing.T) *watchRig {
	r := &watchRig{t: t, dir: t.TempDir(), api: &apisim.Server{}}
	api := httptest.NewServer(r.api)
	t.Cleanup(api.Close)
	receiver := httptest.NewServer(r)
	t.Cleanup(receiver.Close)
	r.receiver = receiver.URL
	r.env = append(os.Environ(), "HOME="+r.dir, "XDG_CONFIG_HOME="+r.dir+"/config", "XDG_STATE_HOME="+r.dir+"/state",
		"CCSFS_API_URL="+api.URL+apisim.APIPath, "CCSFS_OAUTH_URL="+api.URL+apisim.OAuthPath, "CCSFS_RATE_LIMIT=0",
		"CCSFS_CLIENT_ID="+apisim.ClientID, "CCSFS_CLIENT_SECRET="+apisim.ClientSecret, "CCSFS_API_KEY="+apisim.APIKey,
		"CCSFS_WEBHOOK_SECRET=0123456789abcdef0123456789")
	hook := "#!/bin/sh\necho \"$CCSFS_EVENT $CCSFS_CHANGE $CCSFS_ID\" >>" + r.dir + "/told\nsleep 0.02\n"
	mailer := "#!/bin/sh\nf=" + r.dir + "/mail.$$\nsleep 0.05\ncat >$f~ && mv $f~ $f\n"
	for name, script := range map[string]string{"hook": hook, "mailer": mailer} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// ServeHTTP receives webhooks: now and then it fails, or answers late.
func (r *watchRig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	field := func(name string) string {
		_, rest, _ := strings.Cut(string(body), `"`+name+`":"`)
		text, _, _ := strings.Cut(rest, `"`)
		return text
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.posts++; r.posts%7 == 0 {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	r.posted = append(r.posted, fmt.Sprintf("%s %s %s", req.Header.Get("webhook-id"), field("change"), field("id")))
}

// received are the webhooks that were answered well, so far.
func (r *watchRig) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posted)
}

// command is `ccsfs watch` with all hooks. Each has a cache of its own: for one that is new
// no token was asked for before, which would be waited for.
func (r *watchRig) command(args ...string) *exec.Cmd {
	r.rounds++
	cmd := exec.Command("ccsfs", append([]string{"watch", "--contract=OCB0003055", "--exec=" + r.dir + "/hook", "--webhook=" + r.receiver, "--mail=a@example.com", "--sendmail=" + r.dir + "/mailer"}, args...)...)
	cmd.Env = append(r.env, fmt.Sprintf("XDG_CACHE_HOME=%s/cache%d", r.dir, r.rounds))
	return cmd
}

// once runs it once, until it is content.
func (r *watchRig) once() {
	r.t.Helper()
	for end := time.Now().Add(cmdtest.Patience); ; {
		out, err := r.command("--once").CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// TestWatchKilledAtAnyTime: a watch that is killed again and again, while the account
// changes and hooks run, tells each change at least once, under one id, and twice at most
// once for each kill.
func TestWatchKilledAtAnyTime(t *testing.T) {
	const kills = 25
	newWatchRig(t).endAgainAndAgain(unix.SIGKILL, kills, kills)
}

// TestWatchStoppedAtAnyTime: one that is stopped tells each change once, and nothing has
// failed.
func TestWatchStoppedAtAnyTime(t *testing.T) {
	newWatchRig(t).endAgainAndAgain(unix.SIGTERM, 15, 0)
}

// endAgainAndAgain changes the account and ends a watch by a signal at any time, again and
// again, and looks who was told.
func (r *watchRig) endAgainAndAgain(by unix.Signal, times, doubles int) {
	t := r.t
	r.once() // the first look
	var want []string
	stdout, err := os.Create(filepath.Join(r.dir, "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	for round := range times {
		for i := range 3 {
			id := fmt.Sprintf("doc-%d-%d", round, i)
			if err := r.api.AddDocument("OCB0003055", apisim.Document{ID: id, Type: "invoices", Filename: id + ".pdf", Period: "202610", UpdatedAt: "2026-11-01T00:00:00Z"}); err != nil {
				t.Fatal(err)
			}
			want = append(want, "new "+id)
		}
		var stderr bytes.Buffer
		cmd := r.command()
		cmd.Stdout, cmd.Stderr = stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond) // any moment will do
		if err := cmd.Process.Signal(by); err != nil {
			t.Fatalf("it has ended: %v\n%s", err, &stderr)
		}
		err := cmd.Wait()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !(status.Signaled() && status.Signal() == by) && (by == unix.SIGKILL || err != nil) { // it may not yet have come to mind signals
			t.Fatalf("%v\n%s", err, &stderr)
		}
	}
	r.once()
	told, err := os.ReadFile(filepath.Join(r.dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	r.check("the command", strings.Split(strings.TrimSpace(string(told)), "\n"), want, doubles)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check("the webhook", r.posted, want, doubles)
	r.checkMails(want, doubles)
	left, _ := filepath.Glob(r.dir + "/state/ccsfs/seen/*/watch.queue/*/*")
	if left != nil {
		t.Errorf("left: %v", left)
	}
	if printed, err := os.ReadFile(stdout.Name()); err != nil || doubles == 0 && strings.Count(string(printed), "\n") > len(want) {
		t.Errorf("%v, printed twice:\n%s", err, printed)
	}
}

// checkMails looks whether each mail is whole, and all that was wanted is in one at least.
// Two are the same if, and only if, they have the same id.
func (r *watchRig) checkMails(want []string, most int) {
	r.t.Helper()
	files, _ := filepath.Glob(r.dir + "/mail.*")
	byID, all := map[string]string{}, ""
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			r.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "Message-ID: <")
		id, _, _ := strings.Cut(rest, "@")
		if was, twice := byID[id]; id == "" || twice && was != string(b) {
			r.t.Errorf("half a mail, or two of one id: %s", b)
		} else if !twice {
			_, body, _ := strings.Cut(string(b), "\n\n")
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
			if err != nil {
				r.t.Error(err)
			}
			all += string(text)
		}
		byID[id] = string(b)
	}
	for _, what := range want {
		if name := strings.TrimPrefix(what, "new ") + ".pdf"; strings.Count(all, "/"+name) != 1 {
			r.t.Errorf("%s is %d times in the mails", name, strings.Count(all, "/"+name))
		}
	}
	if twice := len(files) - len(byID); twice > most {
		r.t.Errorf("%d mails came twice", twice)
	}
	r.t.Logf("%d mails, %d of them twice", len(files), len(files)-len(byID))
}

// check looks whether all that was wanted was told, under one id each.
func (r *watchRig) check(who string, told, want []string, most int) {
	r.t.Helper()
	events, times := map[string]map[string]bool{}, map[string]int{}
	for _, line := range told {
		event, what, _ := strings.Cut(line, " ")
		if events[what] == nil {
			events[what] = map[string]bool{}
		}
		events[what][event] = true
		times[what]++
	}
	doubles := 0
	for _, what := range want {
		if times[what] == 0 {
			r.t.Errorf("%s was not told of %s", who, what)
		}
		if len(events[what]) > 1 {
			r.t.Errorf("%s was told of %s under %d ids", who, what, len(events[what]))
		}
		doubles += max(times[what]-1, 0)
		delete(times, what)
	}
	if len(times) > 0 {
		r.t.Errorf("%s was told what never was: %v", who, times)
	}
	if doubles > most {
		r.t.Errorf("%s was told %d changes twice, which is more than %d", who, doubles, most)
	}
	r.t.Logf("%s: %d changes, %d told twice", who, len(want), doubles)
}
