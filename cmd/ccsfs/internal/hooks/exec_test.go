package hooks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/hooks/program"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/environment"
	"ccsfs/internal/osfile/osfiletest"
)

// runExec runs a command once for a change.
func runExec(t *testing.T, ctx context.Context, timeout time.Duration, c change.Change, command string) (string, error) {
	t.Helper()
	env, _, _ := cmdtest.Environment(t)
	env.Vars["PATH"] = os.Getenv("PATH")
	env.Vars["CCSFS_API_KEY"], env.Vars["CCSFS_CLIENT_SECRET"], env.Vars["CCSFS_WEBHOOK_SECRET"] = "k3y", "s3cret", "h00k"
	env.Vars["NOTIFY_SOCKET"] = "/x"
	h, err := newExec(env, &settings.Settings{}, "exec", command)
	if err != nil {
		t.Fatal(err)
	}
	h.timeout = timeout
	var r rec
	err = h.deliver(ctx, Message{ID: "msg_1", At: at(), Changes: []change.Change{c}}, r.say)
	return r.said(), err
}

// Hostile texts are what they are: none runs anything, none takes another variable's place,
// none keeps the command from being started.
func TestHostileFacts(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	hostile := "$(touch pwned)`touch pwned`;touch pwned\n\x00\x1b[2J'\"\\ --option \u202e" + strings.Repeat("x", 300<<10)
	c := change.Change{Kind: change.New, Path: "-C/it's \"$(touch pwned)`", Contract: hostile, ID: hostile + "\nCCSFS_CHANGE=gone", Type: hostile,
		Period: hostile, Amount: hostile, Currency: hostile, CreatedAt: hostile, UpdatedAt: "\xff\xfe"}
	said, err := runExec(t, t.Context(), time.Minute, c, `sh -c 'env | grep -c ^CCSFS_; echo "$CCSFS_CHANGE:$CCSFS_PATH:$CCSFS_NAME"; cat | wc -l; ls'`)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d\nnew:-C/it's \"$(touch pwned)`:it's \"$(touch pwned)`\n1", len(environment.HookNames()))
	if said != want {
		t.Errorf("%q, want %q", said, want)
	}
}

// The names that a hook gets are those that a ccsfs in it knows.
func TestHookNames(t *testing.T) {
	got := facts(Message{Changes: changes(1)})
	for _, name := range environment.HookNames() {
		if _, ok := got["CCSFS_"+name]; !ok {
			t.Errorf("no CCSFS_%s", name)
		}
	}
	if len(got) != len(environment.HookNames()) {
		t.Errorf("%d variables, %d names", len(got), len(environment.HookNames()))
	}
}

func TestHooksGetNoSecrets(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	said, err := runExec(t, t.Context(), time.Minute, changes(1)[0], "env")
	if err != nil || !strings.Contains(said, "CCSFS_PATH=C/f0") {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, secret := range []string{"k3y", "s3cret", "h00k", "NOTIFY_SOCKET"} {
		if strings.Contains(said, secret) {
			t.Errorf("%s is there:\n%s", secret, said)
		}
	}
}

// A ccsfs in a hook looks at what the one that runs it looks at, also if flags said that.
func TestHooksLookAtTheSameAccount(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	env.Vars["CCSFS_ACCOUNT"], env.Vars["CCSFS_CONFIG"] = "other", "/other.toml"
	config := filepath.Join(env.Dirs.Work, "config.toml")
	s := &settings.Settings{Account: "holding", ConfigFile: config}
	s.Cache.Dir = "/srv/cache"
	if got := environmentFor(env, s); got["CCSFS_ACCOUNT"] != "holding" || got["CCSFS_CACHE_DIR"] != "/srv/cache" || got["CCSFS_CONFIG"] != "/other.toml" {
		t.Errorf("%v", got) // a settings file that is not there must not be asked for
	}
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := environmentFor(env, s); got["CCSFS_CONFIG"] != config {
		t.Errorf("%v", got)
	}
	if env.Vars["CCSFS_ACCOUNT"] != "other" {
		t.Error("our own environment has changed")
	}
}

// A command that hangs is ended, with all that it has started, whatever it thinks of that.
func TestACommandThatHangs(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	for name, command := range map[string]string{
		"itself":               `sleep 1000`,
		"its children":         `sh -c 'sleep 1000; :'`,
		"deaf":                 `sh -c 'trap "" TERM; while :; do sleep 1; done'`,
		"with a deaf child":    `sh -c '(trap "" TERM; while :; do sleep 1; done) & wait'`,
		"it prints for ever":   `yes`,
		"without end of a row": `sh -c 'yes | tr -d "\n"'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mark := filepath.Join(t.TempDir(), "m")
			said, err := runExec(t, t.Context(), time.Second, change.Change{Kind: change.New, ID: mark}, command)
			if err == nil || !strings.Contains(err.Error(), "took longer than --hook-timeout (1s)") {
				t.Errorf("%v", err)
			}
			if len(said) > 2*program.MostOutput {
				t.Errorf("%d bytes are said", len(said))
			}
			for end := time.Now().Add(cmdtest.Patience); ; time.Sleep(20 * time.Millisecond) {
				left := processesWith("CCSFS_ID=" + mark)
				if left == "" {
					break
				}
				if time.Now().After(end) {
					t.Errorf("still there: %s", left)
					break
				}
			}
		})
	}
}

// processesWith names the processes that have a variable in their environment.
func processesWith(variable string) string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		b, _ := os.ReadFile(path)
		if strings.Contains(string(b), variable) {
			command, _ := os.ReadFile(filepath.Dir(path) + "/cmdline")
			found = append(found, string(command))
		}
	}
	return strings.Join(found, ", ")
}

// When ccsfs ends, a command may finish what it is about to do; one that goes on is ended,
// and counts as not told.
func TestCommandsWhenCcsfsEnds(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	for command, ok := range map[string]bool{`sh -c 'sleep 0.2'`: true, `sleep 1000`: false} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := runExec(t, ctx, time.Minute, changes(1)[0], command); (err == nil) != ok {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// A command that leaves something running, which holds its output open, has ended.
func TestACommandThatLeavesSomething(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	said, err := runExec(t, t.Context(), cmdtest.Patience, changes(1)[0], `sh -c 'sleep 5 & echo ok'`)
	if err != nil || said != "ok" {
		t.Errorf("%v, %q", err, said)
	}
}

// What a command prints is safe on a terminal, and bounded.
func TestOutputOfACommand(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	said, err := runExec(t, t.Context(), cmdtest.Patience, changes(1)[0], `sh -c 'printf "a\033[2Jb\r\n\n"; printf "no end"; head -c 300000 /dev/zero | tr "\0" x; echo; seq 100000; exit 3'`)
	if err == nil || err.Error() != "exit status 3" {
		t.Errorf("%v", err)
	}
	if !strings.HasPrefix(said, "a?[2Jb\n\nno endxxx") || !strings.HasSuffix(said, "\n… and more") || len(said) > program.MostOutput+100 {
		t.Errorf("%d bytes: %.40q … %q", len(said), said, said[max(0, len(said)-40):])
	}
}

// A command that puts documents into files tells of each once its file is there, also if it
// is killed in between.
func TestOnNew(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	env, _, _ := cmdtest.Environment(t)
	env.Vars["PATH"] = os.Getenv("PATH")
	var o Options
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddOnNew(f)
	if err := f.Parse([]string{`--on-new=sh -c 'cat "$CCSFS_FILE"'`}); err != nil {
		t.Fatal(err)
	}
	all, err := o.Hooks(env, &settings.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(env.Dirs.Work, "it's a \n file")
	run := func(stage bool) string {
		q, err := QueueFor(env, "/srv/in", all)
		if err != nil {
			t.Fatal(err)
		}
		if stage {
			n, err := q.Stage(at(), []change.Change{{Kind: change.New, Path: "C/f", File: file}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(file); err != nil {
				return "" // killed before the file is there
			}
			q.Commit(n)
		}
		var r rec
		Outcome(q.Once(t.Context(), r.say), r.say)
		return r.said()
	}
	if said := run(true); said != "" {
		t.Error(said)
	}
	if said := run(false); !strings.Contains(said, "--on-new: exit status 1; 1 message waits for the next run") {
		t.Error(said)
	}
	if err := os.WriteFile(file, []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := run(true); said != "--on-new: bytes\n--on-new: bytes" {
		t.Errorf("%q", said)
	}
	if said := run(false); said != "" {
		t.Errorf("%q", said)
	}
}

func TestWordsForAShell(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	env, _, _ := cmdtest.Environment(t)
	for command, ok := range map[string]bool{
		"true":               true,
		"true 'a b' c\\ d":   true,
		"sh -c 'a | b >$x'":  true,
		"true | true":        false,
		"true >x":            true, // one word; the program will say so
		"true > x":           false,
		"true $CCSFS_PATH":   false,
		"true ${CCSFS_PATH}": false,
		"true 'x":            false,
		"":                   false,
		"''":                 false,
		"  ":                 false,
		"/":                  false,
		"./nonesuch":         false,
	} {
		if _, err := newExec(env, &settings.Settings{}, "exec", command); (err == nil) != ok {
			t.Errorf("%q: %v", command, err)
		}
	}
}

func FuzzCommand(f *testing.F) {
	f.Add(`sh -c 'x'`)
	f.Add(`'`)
	f.Add("true \\")
	env := cmdtest.Environment
	f.Fuzz(func(t *testing.T, command string) {
		e, _, _ := env(t)
		h, err := newExec(e, &settings.Settings{}, "exec", command)
		if (h == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", command, h, err)
		}
	})
}
