package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// testEnvironment is one without signals, variables or files.
func testEnvironment(t *testing.T) (environment, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	dir := t.TempDir()
	return environment{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		vars: map[string]string{}, version: "test", now: time.Now, stopped: &atomic.Int32{},
		dirs:   directories{work: dir, home: dir, temp: dir, config: dir, cache: dir, state: dir},
		notify: func(...os.Signal) (<-chan os.Signal, func()) { return make(chan os.Signal), func() {} },
	}, &stdout, &stderr
}

type panickingWriter struct{}

func (panickingWriter) Write([]byte) (int, error) { panic("of the writer") }

// A mistake in the program is told in a sentence; where it happened shows only
// to those who asked for debugging.
func TestPanicIsReported(t *testing.T) {
	for _, debug := range []bool{false, true} {
		env, _, stderr := testEnvironment(t)
		env.stdout = panickingWriter{}
		if debug {
			env.vars["CCSFS_LOG_LEVEL"] = "debug"
		}
		if code := run(context.Background(), env, []string{"version"}); code != exitFailed {
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
	env, _, stderr := testEnvironment(t)
	code := run(context.Background(), env, []string{"unmount", "a\x1b]0;title\x07b\u009b1m\x7f"})
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for _, r := range strings.TrimSuffix(stderr.String(), "\n") {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			t.Fatalf("%q in %q", r, stderr)
		}
	}
	if !strings.Contains(stderr.String(), "a?]0;title?b?1m?") {
		t.Errorf("got %q", stderr)
	}
}

func TestExitCodes(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		name   string
		err    error
		code   int
		silent bool
	}{
		{"nil", nil, exitDone, false},
		{"plain", plain, exitFailed, false},
		{"fail", fail(exitMount, "x: %w", plain), exitMount, false},
		{"silently", silently(42), 42, true},
		{"cleanup after success", alsoFailed(nil, fail(exitMount, "x")), exitMount, false},
		{"cleanup after a silent status", alsoFailed(silently(42), plain), 42, false},
		{"cleanup after an error", alsoFailed(fail(exitSettings, "x"), plain), exitSettings, false},
		{"no cleanup failure", alsoFailed(silently(42), nil), 42, true},
	} {
		if got := codeOf(c.err); got != c.code {
			t.Errorf("%s: code %d, want %d", c.name, got, c.code)
		}
		if got := c.err != nil && isSilent(c.err); got != c.silent {
			t.Errorf("%s: silent %v, want %v", c.name, got, c.silent)
		}
	}
	if silently(exitDone) != nil {
		t.Error("silently(exitDone) is an error")
	}
}

func TestChildEnvironmentHasNoSecrets(t *testing.T) {
	env, _, _ := testEnvironment(t)
	env.vars = map[string]string{
		"CCSFS_CLIENT_ID": "secret", "CCSFS_CLIENT_SECRET": "secret", "CCSFS_API_KEY": "secret",
		"CCSFS_API_KEY_FILE": "/run/key", "CCSFS_LAYOUT": "flat", "PATH": "/bin", "PWD": "/old", readyVariable: "3",
	}
	got := childEnvironment(env, "/mnt")
	slices.Sort(got)
	want := []string{"CCSFS_API_KEY_FILE=/run/key", "CCSFS_LAYOUT=flat", "CCSFS_MOUNTPOINT=/mnt", "PATH=/bin", "PWD=/mnt"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each account has a part of the cache of its own.
func TestCacheDirectoryIsTheAccounts(t *testing.T) {
	base := settings.Settings{API: settings.API{URL: "https://a", ClientID: settings.NewSecret("id")}}
	base.Cache.Dir = t.TempDir() + "/new/ccsfs"
	if err := os.MkdirAll(base.Cache.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]bool{}
	for _, change := range []func(*settings.Settings){
		func(*settings.Settings) {},
		func(s *settings.Settings) { s.API.URL = "https://b" },
		func(s *settings.Settings) { s.API.ClientID = settings.NewSecret("other") },
		func(s *settings.Settings) { s.API.ClientSecret = settings.NewSecret("renewed") }, // the same account
	} {
		s := base
		change(&s)
		dir, err := cacheDirectory(&s)
		if err != nil {
			t.Fatal(err)
		}
		dirs[dir] = true
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	if len(dirs) != 3 {
		t.Errorf("%d directories, want 3: %v", len(dirs), dirs)
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"plain/path.pdf": "plain/path.pdf", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "''",
	} {
		if got := quote(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
