//go:build linux

package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmeSessionIsTrue runs the commands of the README's terminal session and
// compares what they print with what it shows.
func TestReadmeSessionIsTrue(t *testing.T) {
	requireFUSE(t)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "```console\n$ ccsfs demo -- sh\n")
	session, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatal("the README has no terminal session that begins with `ccsfs demo -- sh`")
	}
	var commands []string
	for line := range strings.Lines(session) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	if len(commands) < 3 {
		t.Fatalf("only %d commands: %q", len(commands), commands)
	}
	var script strings.Builder
	for _, c := range commands {
		script.WriteString("cat <<'EOT'\n$ " + c + "\nEOT\n" + c + "\n")
	}
	cmd := exec.Command(os.Getenv(binaryVariable), "demo", "--", "sh", "-c", script.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff(session, string(out)); diff != "" {
		t.Errorf("the README shows something else (-README +real)\n%s", diff)
	}
}
