package root

import (
	"context"
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/osfile/osfiletest"
)

type panickingWriter struct{}

func (panickingWriter) Write([]byte) (int, error) { panic("of the writer") }

// A mistake in the program is told in a sentence; where it happened shows only
// to those who asked for debugging.
func TestPanicIsReported(t *testing.T) {
	for _, debug := range []bool{false, true} {
		env, _, stderr := cmdtest.Environment(t)
		env.Stdout = panickingWriter{}
		if debug {
			env.Vars["CCSFS_LOG_LEVEL"] = "debug"
		}
		if code := run(context.Background(), env, []string{"version"}); code != exitcode.Failed {
			t.Errorf("exit code %d", code)
		}
		if !strings.Contains(stderr.String(), "mistake in the program") || !strings.Contains(stderr.String(), "of the writer") {
			t.Errorf("got %q", stderr)
		}
		if got := strings.Contains(stderr.String(), "goroutine "); got != debug {
			t.Errorf("debug %v, stack shown %v:\n%s", debug, got, stderr)
		}
	}
}

// Arguments and names of files are part of messages, and may hold what moves
// the cursor or changes the title of a terminal.
func TestMessagesHoldNoControlCharacters(t *testing.T) {
	osfiletest.NeedsUnix(t, "what unmount says of a path")
	env, _, stderr := cmdtest.Environment(t)
	code := run(context.Background(), env, []string{"unmount", "a\x1b]0;title\x07b\u009b1m\x7f\u202e\u2028"})
	if code != exitcode.Failed {
		t.Errorf("exit code %d", code)
	}
	for _, r := range strings.TrimSuffix(stderr.String(), "\n") {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			t.Fatalf("%q in %q", r, stderr)
		}
	}
	if !strings.Contains(stderr.String(), "a?]0;title?b?1m???") {
		t.Errorf("got %q", stderr)
	}
}
