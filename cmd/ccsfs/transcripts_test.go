//go:build !windows

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
)

// transcript is a document with terminal sessions, as a script.
type transcript struct {
	script strings.Builder
	files  strings.Builder // of the script, in the form of txtar
	shown  []string        // the sessions, as the document has them
	lines  []string        // of the document; a session is one of them, see place
}

const transcriptHome = "/home/ann" // where it seems to be

// place stands for the n-th session among the lines.
func place(n int) string { return fmt.Sprintf("\x00%d", n) }

// readTranscript makes a script of a document. A session is a block of type console, in
// which lines that begin with "$ " are commands, and all others what is printed; it runs
// in one shell. A comment <!-- script: … --> is a line of the script, for what happens
// outside the terminal.
func readTranscript(text string) *transcript {
	d := &transcript{}
	var session []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch command, is := strings.CutPrefix(line, "<!-- script: "); {
		case !inside && is:
			fmt.Fprintln(&d.script, strings.TrimSuffix(command, " -->"))
		case !inside && line == "```console":
			inside, session = true, nil
		case inside && line == "```":
			inside = false
			d.lines = append(d.lines, "```console", place(len(d.shown)), "```")
			d.add(session)
			continue
		case inside:
			session = append(session, line)
		}
		if !inside {
			d.lines = append(d.lines, line)
		}
	}
	return d
}

func (d *transcript) add(session []string) {
	n := len(d.shown)
	d.shown = append(d.shown, strings.Join(session, "\n")+"\n")
	fmt.Fprintf(&d.files, "-- session%d --\nexec 2>&1\n", n)
	for _, line := range session {
		if command, is := strings.CutPrefix(line, "$ "); is {
			fmt.Fprintf(&d.files, "cat <<'EOT'\n$ %s\nEOT\n%s\n", command, command)
		}
	}
	fmt.Fprintf(&d.script, "exec sh -c 'sh session%d | sed \"s|$WORK|%s|g\"'\ncp stdout $OUT/%d\n", n, transcriptHome, n)
}

// TestTranscriptsAreTrue runs the terminal sessions of docs/month.md on a simulated
// account and compares what they print with what it shows. With CCSFS_INTERNAL_UPDATE=1 it
// writes what they print into the document instead.
func TestTranscriptsAreTrue(t *testing.T) {
	path, err := filepath.Abs("../../docs/month.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := readTranscript(string(text))
	if len(d.shown) < 5 {
		t.Fatalf("only %d sessions", len(d.shown))
	}
	files, err := os.ReadFile("testdata/month.files") // what is there beforehand
	if err != nil {
		t.Fatal(err)
	}
	dir, out := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "month.txtar"), []byte("[!fuse] skip 'no FUSE here'\n"+d.script.String()+d.files.String()+string(files)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("script", func(t *testing.T) { // which ends with what runs at once in it
		testscript.Run(t, testscript.Params{
			Dir: dir, RequireExplicitExec: true, Condition: scriptCondition, Cmds: scriptCommands(), Deadline: time.Now().Add(20 * cmdtest.Patience),
			Setup: func(e *testscript.Env) error { e.Setenv("OUT", out); return setupScript(e) },
		})
	})
	if t.Failed() {
		return
	}
	for i, shown := range d.shown {
		real, err := os.ReadFile(filepath.Join(out, fmt.Sprint(i)))
		if os.IsNotExist(err) {
			t.Skip("the sessions did not run")
		}
		if diff := cmp.Diff(shown, string(real)); diff != "" && os.Getenv("CCSFS_INTERNAL_UPDATE") != "1" {
			t.Errorf("session %d shows something else (-document +real)\n%s", i, diff)
		}
		for j, line := range d.lines {
			if line == place(i) {
				d.lines[j] = strings.TrimSuffix(string(real), "\n")
			}
		}
	}
	if os.Getenv("CCSFS_INTERNAL_UPDATE") == "1" {
		if err := os.WriteFile(path, []byte(strings.Join(d.lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
