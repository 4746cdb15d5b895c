package root

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// A document of the running month is copied again when it has changed, and only
// then; a final one never costs another request.
func TestPullFollowsTheRunningMonth(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits")
	}
	r := newToolRig(t, onePartial())
	r.sim.Quirks.ETag = true
	r.env.Vars["CCSFS_PARTIAL_TTL"], r.env.Vars["CCSFS_LISTING_TTL"] = "1s", "10m"
	r.run(exitcode.Done, "pull", "copy")
	first := r.file("copy/C1/running.csv")
	expire(t)
	if out, _ := r.run(exitcode.Done, "pull", "copy"); !strings.Contains(out, "copied 0 documents") {
		t.Errorf("nothing has changed: %s", out)
	}
	if err := r.sim.Bump("C1", "p", ""); err != nil {
		t.Fatal(err)
	}
	expire(t)
	if out, _ := r.run(exitcode.Done, "pull", "copy"); !strings.Contains(out, "copied 1 document ") {
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
		code := exitcode.Done
		if strings.Contains(args[len(args)-1], "\x1b") {
			code = exitcode.Failed
		}
		out, errs := r.run(code, args...)
		if strings.ContainsAny(out+errs, "\x1b\x07\u202e") {
			t.Errorf("%q prints %q", args, out+errs)
		}
	}
	out, _ := r.run(exitcode.Done, "ls", "--json")
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
	r.run(exitcode.Done, "pull", "copy")
	blobs, err := filepath.Glob(filepath.Join(r.env.Dirs.Cache, "ccsfs", "*", "content", "blobs", "*", "*"))
	if err != nil || len(blobs) != 2 {
		t.Fatal(blobs, err)
	}
	for _, b := range blobs {
		if err := os.WriteFile(b, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs := r.run(exitcode.Some, "verify"); !strings.Contains(out, "2 damaged") || strings.Count(errs, "ccsfs: C1/") != 2 || strings.ContainsAny(errs, "\x1b") {
		t.Errorf("%q, %q", out, errs)
	}
	if out, _ := r.run(exitcode.Done, "pull", "--verify", "copy"); !strings.Contains(out, "2 up to date") {
		t.Error(out)
	}
	if c := r.sim.Calls(); c.Files["f"] != 2 {
		t.Errorf("%+v", c.Files)
	}
}
