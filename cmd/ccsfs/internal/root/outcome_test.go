package root

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Whoever stops a command is told so by its exit code, as by a shell, whatever it
// was waiting for.
func TestStoppedCommandsSaySo(t *testing.T) {
	for _, args := range [][]string{
		{"ls"}, {"ls", "C1"}, {"cat", "C1/running.csv"}, {"report"}, {"pull", "copy"}, {"pull", "C1", "copy"}, {"doctor"},
		{"ls", "-l", "C1"},
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(fmt.Sprint(args, sig), func(t *testing.T) {
				r := newToolRig(t, onePartial())
				op := apisim.OpContracts
				if len(args) > 1 {
					op = apisim.OpDocuments
				}
				if args[len(args)-1] == "C1" && len(args) == 3 || args[0] == "cat" {
					op = apisim.OpFile
				}
				r.sim.Faults.Add(apisim.Match{Op: op}, 0, apisim.Fault{Never: true})
				signals := make(chan os.Signal, 1)
				r.env.Notify = func(...os.Signal) (<-chan os.Signal, func()) { return signals, func() {} }
				asked := func() int {
					c := r.sim.Calls()
					return map[apisim.Op]int{apisim.OpContracts: c.Contracts, apisim.OpDocuments: c.Documents, apisim.OpFile: c.File}[op]
				}
				if args[0] == "pull" && len(args) == 2 {
					asked = func() int { return r.sim.Calls().Documents }
				}
				go func() {
					for end := time.Now().Add(cmdtest.Patience); asked() == 0 && time.Now().Before(end); {
						time.Sleep(time.Millisecond)
					}
					signals <- sig
				}()
				_, stderr := r.run(128+int(sig), args...)
				if !strings.Contains(stderr, "interrupted") && args[0] != "doctor" {
					t.Errorf("got %q", stderr)
				}
			})
		}
	}
}

// What a command is given less than the truth it says in the same words, in one
// line for each kind, and the exit code tells; what is the truth it does not.
func TestEveryCommandTellsTheSame(t *testing.T) {
	const old = "ccsfs: not up to date: the list of contracts is that of 2026-11-20 08:00; the listing of C1 is that of 2026-11-20 08:00: "
	for _, args := range [][]string{
		{"ls", "C1"}, {"ls", "--json", "C1"}, {"cat", "C1/.documents.json"}, {"report", "C1"}, {"report", "--csv"}, {"report", "--check"}, {"pull", "C1", "copy"},
		{"pull", "copy"}, {"cat", "C1/running.csv"},
	} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			t.Parallel()
			r := newToolRig(t, onePartial())
			clock := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
			r.env.Now = func() time.Time { return clock }
			if _, stderr := r.run(exitcode.Done, args...); stderr != "" {
				t.Errorf("%v, all well: %q", args, stderr)
			}
			clock = clock.Add(11 * time.Minute)
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 0, apisim.Fault{Body: apisim.HTMLPage})
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, apisim.Fault{Body: apisim.HTMLPage})
			_, stderr := r.run(exitcode.Some, args...)
			if !strings.HasPrefix(stderr, old) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%v, no listings: %q", args, stderr)
			}
			_, stderr = r.run(exitcode.Done, append([]string{args[0], "--offline"}, args[1:]...)...)
			if stderr != "ccsfs: offline, by --offline: what is shown is that of 2026-11-20 08:00 or later\n" {
				t.Errorf("%v, offline: %q", args, stderr)
			}
			r.sim.Faults.Clear()
			clock = clock.Add(time.Hour)
			if _, stderr := r.run(exitcode.Done, args...); stderr != "" {
				t.Errorf("%v, all well again: %q", args, stderr)
			}
		})
	}
}

// A copy that may be old is none that is complete.
func TestOldCopyOfARunningDocumentIsToldOf(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits")
	}
	r := newToolRig(t, onePartial())
	r.env.Vars["CCSFS_PARTIAL_TTL"] = "1s"
	r.run(exitcode.Done, "pull", "copy")
	expire(t)
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Reset: true})
	for _, args := range [][]string{{"pull", "copy"}, {"cat", "C1/running.csv"}} {
		if _, stderr := r.run(exitcode.Some, args...); strings.Count(stderr, "ccsfs: ") != 1 || !strings.Contains(stderr, "\nccsfs: not up to date: C1/running.csv: ") {
			t.Errorf("%v: %q", args, stderr)
		}
	}
}

// A filter that somebody set once, somewhere, is named wherever it leaves contracts
// out, and never makes one look as if it did not exist.
func TestFilterIsNamed(t *testing.T) {
	account := &apisim.Account{Contracts: []apisim.Contract{{ID: "C1"}, {ID: "C2"}, {ID: "C3"}}}
	for i := range account.Contracts {
		account.Contracts[i].Documents = []apisim.Document{{ID: fmt.Sprint(i), Type: "bills", Filename: "bill.csv", Period: "202610", Content: apisim.Bytes([]byte("a;b\n"))}}
	}
	r := newToolRig(t, account)
	file := filepath.Join(r.env.Dirs.Config, "ccsfs", "config.toml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("# mine\n\ncontract = 'C2'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "only C2 is shown, by " + file + ":3 (contract); 2 contracts are hidden"
	for _, args := range [][]string{{"ls"}, {"report"}, {"pull", "copy"}} {
		stdout, stderr := r.run(exitcode.Done, args...)
		if text := stdout + stderr; !strings.Contains(text, want) || args[0] != "pull" && stderr != "ccsfs: "+want+"\n" {
			t.Errorf("%v: %q, %q", args, stdout, stderr)
		}
	}
	if stdout, _ := r.run(exitcode.Done, "pull", "-q", "copy"); stdout != "" {
		t.Errorf("quiet: %q", stdout)
	}
	for _, args := range [][]string{{"ls", "C1"}, {"cat", "C1/x"}, {"report", "C1"}, {"pull", "C1/x", "copy"}} {
		_, stderr := r.run(exitcode.Settings, args...)
		if !strings.Contains(stderr, "C1 is hidden: only C2 is shown, by "+file+":3 (contract)") || strings.Contains(stderr, "exist") {
			t.Errorf("%v: %q", args, stderr)
		}
	}
	if _, stderr := r.run(exitcode.Done, "ls", "--contract=C1"); stderr != "" {
		t.Errorf("a filter in the command itself: %q", stderr)
	}
	if _, stderr := r.run(exitcode.Settings, "ls", "--contract=C1", "C3"); !strings.Contains(stderr, "C3 is hidden: only C1 is shown, by --contract (contract)") {
		t.Errorf("%q", stderr)
	}
}

// Nothing is printed as a result where there is none.
func TestNoResultIsNoEmptyList(t *testing.T) {
	r := newToolRig(t, onePartial())
	for _, args := range [][]string{{"ls", "--json", "nope"}, {"ls", "--json", "C1/nope"}, {"report", "--json", "nope"}, {"report", "--csv", "nope"}, {"status", "--json", r.env.Dirs.Work}} {
		if stdout, stderr := r.run(exitcode.Failed, args...); stdout != "" || stderr == "" {
			t.Errorf("%v: %q, %q", args, stdout, stderr)
		}
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// An output that takes nothing is a failure of its own, and hides no other.
func TestFullOutputHidesNoFailure(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits")
	}
	for _, args := range [][]string{{"pull", "copy"}, {"ls", "-l", "C1"}, {"cat", "C1/running.csv", "C1/.documents.json"}, {"report", "--csv", "nothing", "C1"}} {
		for _, fault := range []bool{true, false} {
			t.Run(fmt.Sprint(args, fault), func(t *testing.T) {
				t.Parallel()
				r := newToolRig(t, onePartial())
				code, want := exitcode.Failed, "cannot write the output: "
				if fault {
					r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: "p"}, 0, apisim.Fault{Body: apisim.HTMLPage})
				}
				if fault || args[0] == "report" {
					code = exitcode.Some
				}
				var stderr bytes.Buffer
				env := r.env
				env.Stdout, env.Stderr = fullWriter{}, &stderr
				got := run(t.Context(), env, args)
				if got != code || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "ccsfs: ") != 1+code/exitcode.Some {
					t.Errorf("%v: exit code %d, want %d\n%s", args, got, code, &stderr)
				}
			})
		}
	}
}

// What the API answers with errors of its own is no matter of the network.
func TestServerErrorsAreNotTheNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits")
	}
	r := newToolRig(t, onePartial())
	r.env.Vars["CCSFS_TIMEOUT"] = "1s"
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 0, apisim.Fault{Status: 500, Code: 1})
	for _, args := range [][]string{{"ls"}, {"report"}} {
		_, stderr := r.run(exitcode.Unreachable, args...)
		if !strings.Contains(stderr, "in reach, but answers with errors") || strings.Contains(stderr, "VPN") {
			t.Errorf("%v: %q", args, stderr)
		}
	}
}

// An account that lists no contracts copied nothing, with exit status 0 and without
// a word, also for report --check. That nothing was copied is no success of a copy.
func TestNoContractsAreSaid(t *testing.T) {
	r := newToolRig(t, &apisim.Account{})
	for _, tt := range []struct {
		code int
		args []string
	}{
		{exitcode.Some, []string{"pull", "-q", "copy"}}, {exitcode.Done, []string{"ls"}}, {exitcode.Done, []string{"report"}},
		{exitcode.Missing, []string{"report", "--check"}},
	} {
		if _, stderr := r.run(tt.code, tt.args...); !strings.Contains(stderr, "the API lists no contracts") || strings.Contains(stderr, ": :") {
			t.Errorf("%v: %q", tt.args, stderr)
		}
	}
	_, stderr := r.run(exitcode.Some, "pull", "copy")
	if stderr != "ccsfs: nothing was copied: the API lists no contracts for this account; is the API key that of the right customer space?\n" {
		t.Errorf("%q", stderr)
	}
}

// What is not listed any more and shown all the same, for an hour, is old, as anything
// else that was asked for in vain.
func TestWhatIsEmptiedIsOld(t *testing.T) {
	for _, tt := range []struct {
		fault apisim.Match
		body  string
		want  string
	}{
		{apisim.Match{Op: apisim.OpContracts}, `[]`,
			"ccsfs: not up to date: the list of contracts: the API lists no contracts, where a contract was listed before\n"},
		{apisim.Match{Op: apisim.OpDocuments}, `{"documents": []}`,
			"ccsfs: not up to date: C1: the listing: type bills: nothing is listed where a document was listed before; what was is still shown\n"},
	} {
		account := &apisim.Account{Contracts: []apisim.Contract{{ID: "C1", Documents: []apisim.Document{
			{ID: "b", Type: "bills", Filename: "bill.csv", Period: "202610", Content: apisim.Bytes([]byte("a;b\n"))}}}}}
		r := newToolRig(t, account)
		clock := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		r.env.Now = func() time.Time { return clock }
		r.run(exitcode.Done, "pull", "copy")
		r.sim.Faults.Add(tt.fault, 0, apisim.Fault{Body: tt.body})
		clock = clock.Add(20 * time.Minute)
		for _, args := range [][]string{{"ls", "C1"}, {"pull", "copy"}, {"pull", "C1", "copy"}, {"report"}, {"cat", "C1/bill.csv"}} {
			if _, stderr := r.run(exitcode.Some, args...); stderr != tt.want {
				t.Errorf("%v: %q", args, stderr)
			}
		}
		if _, stderr := r.run(exitcode.Some, "report", "--check"); !strings.HasSuffix(stderr, tt.want) || !strings.HasPrefix(stderr, "ccsfs: missing: ") {
			t.Errorf("check: %q", stderr)
		}
		r.sim.Faults.Clear()
		clock = clock.Add(20 * time.Minute)
		if _, stderr := r.run(exitcode.Done, "pull", "copy"); stderr != "" {
			t.Errorf("back: %q", stderr)
		}
	}
}

// Nor are contracts there that were listed before. (The exit code is that of the
// contract, which is still shown, and refused.)
func TestContractsThatAreGoneAreMissing(t *testing.T) {
	r := newToolRig(t, onePartial())
	r.run(exitcode.Done, "ls")
	if err := r.sim.RemoveContract("C1"); err != nil {
		t.Fatal(err)
	}
	if _, stderr := r.run(exitcode.Settings, "report", "--check"); !strings.Contains(stderr, "missing: the API lists no contracts") || strings.Contains(stderr, ": :") {
		t.Errorf("got %q", stderr)
	}
}
