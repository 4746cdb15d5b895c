//go:build !windows

package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/simulated"
)

type simulatorKey struct{}

// scriptSimulator is the simulated API of one script. It notes the tokens that
// it gives out, to look for them where they must not be.
type scriptSimulator struct {
	api    *apisim.Server
	http   *httptest.Server
	mu     sync.Mutex
	tokens []string

	withdrawn map[string]apisim.Contract
}

func scriptSim(ts *testscript.TestScript) *scriptSimulator {
	return ts.Value(simulatorKey{}).(*scriptSimulator)
}

func (s *scriptSimulator) stop() {
	if s.http != nil {
		s.http.CloseClientConnections()
		s.http.Close()
		s.http = nil
	}
}

// ServeHTTP notes the token of each request.
func (s *scriptSimulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		s.mu.Lock()
		s.tokens = append(s.tokens, token)
		s.mu.Unlock()
	}
	s.api.ServeHTTP(w, r)
}

// simulatorCommand is `simulator [QUIRK…]`: starts the simulated API, and puts
// the settings for it into the environment. `simulator -stop` ends it: its
// address refuses connections from then on.
func simulatorCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptSim(ts)
	if len(args) == 1 && args[0] == "-stop" {
		s.stop()
		return
	}
	s.stop() // an earlier one
	s.api = &apisim.Server{}
	ts.Check(simulated.SetQuirks(&s.api.Quirks, args))
	s.http = httptest.NewServer(s)
	ts.Setenv("CCSFS_API_URL", s.http.URL+apisim.APIPath)
	ts.Setenv("CCSFS_OAUTH_URL", s.http.URL+apisim.OAuthPath)
	ts.Setenv("CCSFS_CLIENT_ID", apisim.ClientID)
	ts.Setenv("CCSFS_CLIENT_SECRET", apisim.ClientSecret)
	ts.Setenv("CCSFS_API_KEY", apisim.APIKey)
	ts.Setenv("CCSFS_RATE_LIMIT", "0")
}

// faultCommand is `fault OP[/TYPE][@CONTRACT] KIND`: from now on these calls fail. KIND
// is a status with or without a code of the API, html, null (a list of nothing), none
// (the same, of contracts), never, reset, or delay and how long. `fault -clear` ends
// all of them.
func faultCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 && args[0] == "-clear" {
		scriptSim(ts).api.Faults.Clear()
		return
	}
	var f apisim.Fault
	var err error
	switch args[1] {
	case "html":
		f.Body = apisim.HTMLPage
	case "none":
		f.Body = "[]"
	case "null":
		f.Body = `{"documents": null}`
	case "never":
		f.Never = true
	case "reset":
		f.Reset = true
	case "delay":
		f.Delay, err = time.ParseDuration(args[2])
	default:
		f.Status, err = strconv.Atoi(args[1])
		if err == nil && len(args) > 2 {
			f.Code, err = strconv.Atoi(args[2])
		}
	}
	ts.Check(err)
	call, contract, _ := strings.Cut(args[0], "@")
	op, typ, _ := strings.Cut(call, "/")
	scriptSim(ts).api.Faults.Add(apisim.Match{Op: apisim.Op(op), Type: typ, Contract: contract}, 0, f)
}

// publishCommand is `publish [TYPE=PERIOD] CONTRACT FILENAME [ID [TEXT]]`: the API has a
// new document, an invoice of October without TYPE=PERIOD.
func publishCommand(ts *testscript.TestScript, neg bool, args []string) {
	typ, period, ok := strings.Cut(args[0], "=")
	if ok {
		args = args[1:]
	} else {
		typ, period = "invoices", "202610"
	}
	id, text := args[min(2, len(args)-1)], args[len(args)-1]
	ts.Check(scriptSim(ts).api.AddDocument(args[0], apisim.Document{
		ID: id, Type: typ, Filename: args[1], Period: period,
		Content: cmdtest.AsContent(func(int) *strings.Reader { return strings.NewReader("%PDF-1.4 " + text + "\n%%EOF\n") }),
	}))
}

// listCommand is `list CONTRACT TYPE ID FILENAME PERIOD AMOUNT CURRENCY FILE`: the API has a
// new document, with the content of a file. AMOUNT and CURRENCY, which may be empty, are
// told with the quirk amounts alone.
func listCommand(ts *testscript.TestScript, neg bool, args []string) {
	body := ts.ReadFile(args[7])
	ts.Check(scriptSim(ts).api.AddDocument(args[0], apisim.Document{
		Type: args[1], ID: args[2], Filename: args[3], Period: args[4], Amount: args[5], Currency: args[6],
		Content: cmdtest.AsContent(func(int) *strings.Reader { return strings.NewReader(body) }),
	}))
}

// credentialsCommand is `credentials SECRET KEY`: the API takes no others any more, and
// no token of theirs.
func credentialsCommand(ts *testscript.TestScript, neg bool, args []string) {
	scriptSim(ts).api.WithdrawCredentials()
	scriptSim(ts).api.SetCredentials(apisim.ClientID, args[0], args[1])
}

// withdrawCommand is `withdraw CONTRACT [ID]`: the API lists a document, or the contract,
// no more. `! withdraw CONTRACT` puts the contract back.
func withdrawCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptSim(ts)
	switch {
	case neg:
		s.api.AddContract(s.withdrawn[args[0]])
	case len(args) == 2:
		ts.Check(s.api.RemoveDocument(args[0], args[1]))
	default:
		for _, c := range s.api.Snapshot().Contracts {
			if c.ID == args[0] {
				s.withdrawn[c.ID] = c
			}
		}
		ts.Check(s.api.RemoveContract(args[0]))
	}
}

// callsCommand is `calls [-wait] KIND=N…`: checks how many calls have reached
// the API, or waits until so many have, or more.
func callsCommand(ts *testscript.TestScript, neg bool, args []string) {
	wait := args[0] == "-wait"
	if wait {
		args = args[1:]
	}
	for end := time.Now().Add(cmdtest.Patience); ; time.Sleep(10 * time.Millisecond) {
		wrong := wrongCalls(scriptSim(ts).api.Calls(), args, wait)
		if wrong == "" {
			return
		}
		if !wait || time.Now().After(end) {
			ts.Fatalf("%s", wrong)
		}
	}
}

func wrongCalls(c apisim.Calls, wants []string, orMore bool) string {
	counts := map[string]int{"token": c.Token, "contracts": c.Contracts, "contract": c.Contract,
		"documents": c.Documents, "file": c.File, "head": c.Head, "other": c.Other}
	for _, arg := range wants {
		kind, want, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(want)
		if got, ok := counts[kind]; err != nil || !ok || got != n && (!orMore || got < n) {
			return fmt.Sprintf("%d %s calls, want %s", got, kind, want)
		}
	}
	return ""
}

// statusCommand is `status N PROGRAM [ARG…]`: exec, with this exit status.
func statusCommand(ts *testscript.TestScript, neg bool, args []string) {
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s\nstderr: %s", got, args[0], ts.ReadFile("stderr"))
	}
}

// sigCommand is `sig NAME`: sends a signal to all programs in the background.
func sigCommand(ts *testscript.TestScript, neg bool, args []string) {
	sig, ok := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "QUIT": syscall.SIGQUIT, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}[args[0]]
	if !ok {
		ts.Fatalf("unknown signal %q", args[0])
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(sig))
		if sig == syscall.SIGSTOP { // a script that fails waits for what it began
			time.AfterFunc(4*cmdtest.Patience, func() { _ = cmd.Process.Signal(syscall.SIGCONT) })
		}
	}
}

// mountedCommand is `[!] mounted DIRECTORY`: waits until it is, or is not. With
// a log file named in CCSFS_LOG_FILE it also waits for the word of the program,
// for the mount is in the table a moment before the program is done with it.
func mountedCommand(ts *testscript.TestScript, neg bool, args []string) {
	path := mountinfo.Resolve(ts.MkAbs(args[0]), "/")
	for end := time.Now().Add(cmdtest.Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		m, ok := mountinfo.Find(path)
		if (ok && m.Ours()) != neg && (neg || saysMounted(ts.Getenv("CCSFS_LOG_FILE"))) {
			return
		}
	}
	ts.Fatalf("%s: mounted is still %v", path, neg)
}

// saysMounted tells whether the last word of a log is that all is well.
func saysMounted(log string) bool {
	if log == "" {
		return true
	}
	data, err := os.ReadFile(log)
	text := string(data)
	return err == nil && strings.LastIndex(text, "msg=mounted") > strings.LastIndex(text, "msg=unmounted")
}

// secretlessCommand is `secretless FILE…`: none of the files, nor those in a
// directory, holds a credential or a token. "stdout" and "stderr" are those
// of the last program.
func secretlessCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptSim(ts)
	s.mu.Lock()
	secrets := append(cmdtest.Secrets(), s.tokens...)
	s.mu.Unlock()
	check := func(name, data string) {
		if data == "" {
			return
		}
		for _, secret := range secrets {
			if strings.Contains(data, secret) {
				ts.Fatalf("%s holds a secret (%.8s…)", name, secret)
			}
		}
	}
	for _, arg := range args {
		if arg == "stdout" || arg == "stderr" {
			check(arg, ts.ReadFile(arg))
			continue
		}
		ts.Check(filepath.WalkDir(ts.MkAbs(arg), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			check(path, string(data))
			return err
		}))
	}
}
