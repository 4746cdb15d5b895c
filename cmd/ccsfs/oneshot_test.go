package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
)

// toolRig runs commands inside the test, on a simulated account that can change.
type toolRig struct {
	t   *testing.T
	sim *apisim.Server
	env environment
}

func newToolRig(t *testing.T, account *apisim.Account) *toolRig {
	t.Helper()
	r := &toolRig{t: t, sim: &apisim.Server{Account: account}}
	web := httptest.NewServer(r.sim)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	r.env, _, _ = testEnvironment(t)
	r.env.vars = map[string]string{
		"CCSFS_API_URL": web.URL + apisim.APIPath, "CCSFS_OAUTH_URL": web.URL + apisim.OAuthPath,
		"CCSFS_CLIENT_ID": apisim.ClientID, "CCSFS_CLIENT_SECRET": apisim.ClientSecret, "CCSFS_API_KEY": apisim.APIKey,
		"CCSFS_RATE_LIMIT": "0",
	}
	return r
}

// run runs a command, checks its exit code, and returns what it printed.
func (r *toolRig) run(code int, args ...string) (stdout, stderr string) {
	r.t.Helper()
	var out, errs bytes.Buffer
	env := r.env
	env.stdout, env.stderr = &out, &errs
	if got := run(context.Background(), env, args); got != code {
		r.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, &out, &errs)
	}
	for _, secret := range secretTexts() {
		if strings.Contains(out.String()+errs.String(), secret) {
			r.t.Fatalf("%v prints a secret", args)
		}
	}
	return out.String(), errs.String()
}

func (r *toolRig) file(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.env.dirs.work, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func onePartial() *apisim.Account {
	content := func(version int) (f *strings.Reader) {
		return strings.NewReader("day;amount\n" + strings.Repeat("1;2\n", version+1))
	}
	return &apisim.Account{Contracts: []apisim.Contract{{ID: "C1", Name: "evil \x1b]0;title\x07 \u202ename", Documents: []apisim.Document{
		{ID: "p", Type: "partialConsumptionRatedReports", Filename: "running.csv", Period: "202611", Content: asContent(content)},
		{ID: "f", Type: "comsumptionRatedReports", Filename: "../final\x1b[31m.csv", Period: "202610", Content: asContent(content)},
	}}}}
}

// A document of the running month is copied again when it has changed, and only
// then; a final one never costs another request.
func TestPullFollowsTheRunningMonth(t *testing.T) {
	r := newToolRig(t, onePartial())
	r.sim.Quirks.ETag = true
	r.env.vars["CCSFS_PARTIAL_TTL"], r.env.vars["CCSFS_LISTING_TTL"] = "1s", "10m"
	r.run(exitDone, "pull", "copy")
	first := r.file("copy/C1/running.csv")
	expire(t)
	if out, _ := r.run(exitDone, "pull", "copy"); !strings.Contains(out, "copied 0 documents") {
		t.Errorf("nothing has changed: %s", out)
	}
	if err := r.sim.Bump("C1", "p", ""); err != nil {
		t.Fatal(err)
	}
	expire(t)
	if out, _ := r.run(exitDone, "pull", "copy"); !strings.Contains(out, "copied 1 document ") {
		t.Errorf("it has changed: %s", out)
	}
	if now := r.file("copy/C1/running.csv"); len(now) <= len(first) {
		t.Errorf("it is still %q", now)
	}
	calls := r.sim.Calls()
	if calls.Files["f"] != 1 || calls.Files["p"] != 3 || calls.Contracts != 1 || calls.Documents != 7 {
		t.Errorf("%+v", calls)
	}
}

// Names and texts of the API cannot move the cursor, whatever they hold.
func TestListIsSafeOnATerminal(t *testing.T) {
	r := newToolRig(t, onePartial())
	for _, args := range [][]string{{"ls", "-l"}, {"ls", "-l", "C1"}, {"ls", "C1", "C1"}, {"report"}, {"ls", "C1/\x1b[2J"}} {
		code := exitDone
		if strings.Contains(args[len(args)-1], "\x1b") {
			code = exitFailed
		}
		out, errs := r.run(code, args...)
		if strings.ContainsAny(out+errs, "\x1b\x07\u202e") {
			t.Errorf("%q prints %q", args, out+errs)
		}
	}
	out, _ := r.run(exitDone, "ls", "--json")
	var got []map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil || got[0]["contractName"] != "evil \x1b]0;title\x07 \u202ename" {
		t.Errorf("JSON has the name as it is: %v, %v", got, err)
	}
	if strings.ContainsAny(out, "\x1b\x07\u202e") {
		t.Errorf("raw control characters in %q", out)
	}
}

// verify and pull see the same cache as everybody: what verify removes, the next
// command fetches again, once.
func TestVerifyThenPull(t *testing.T) {
	r := newToolRig(t, onePartial())
	r.run(exitDone, "pull", "copy")
	blobs, err := filepath.Glob(filepath.Join(r.env.dirs.cache, "ccsfs", "*", "content", "blobs", "*", "*"))
	if err != nil || len(blobs) != 2 {
		t.Fatal(blobs, err)
	}
	for _, b := range blobs {
		if err := os.WriteFile(b, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs := r.run(exitSome, "verify"); !strings.Contains(out, "2 damaged") || strings.Count(errs, "ccsfs: C1/") != 2 || strings.ContainsAny(errs, "\x1b") {
		t.Errorf("%q, %q", out, errs)
	}
	if out, _ := r.run(exitDone, "pull", "--verify", "copy"); !strings.Contains(out, "2 up to date") {
		t.Error(out)
	}
	if c := r.sim.Calls(); c.Files["f"] != 2 {
		t.Errorf("%+v", c.Files)
	}
}
