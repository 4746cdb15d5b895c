package hooks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/osfile"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/osfile/osfiletest"
)

// execQueue is a queue of a command, with so many changes to tell.
func execQueue(t *testing.T, dir, command string, timeout time.Duration, n int) *Queue {
	t.Helper()
	env, _, _ := cmdtest.Environment(t)
	env.Vars["PATH"] = os.Getenv("PATH")
	h, err := newExec(env, &settings.Settings{}, "exec", command)
	if err != nil {
		t.Fatal(err)
	}
	h.Key, h.Name, h.timeout = "exec-1", "--exec", timeout
	q := openQueue(t, dir, All, h)
	if n > 0 {
		q.Commit(stage(t, q, changes(n)))
	}
	return q
}

// eventually waits for something that takes milliseconds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(cmdtest.Patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: in vain", what)
		}
	}
}

func holds(file, text string) func() bool {
	return func() bool {
		b, _ := os.ReadFile(file)
		return strings.Contains(string(b), text)
	}
}

// TestAProgramOfAKilledCcsfs: it goes on, and its message is told again only once it has
// ended: no two programs of a hook run at once.
func TestAProgramOfAKilledCcsfs(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	if dir := os.Getenv("CCSFS_INTERNAL_QUEUE"); dir != "" { // the one that is killed
		execQueue(t, dir, os.Getenv("CCSFS_INTERNAL_COMMAND"), time.Minute, 1).Once(t.Context(), t.Logf)
		return
	}
	dir := t.TempDir()
	log, leave := filepath.Join(dir, "log"), filepath.Join(dir, "leave")
	command := `sh -c 'echo begin >>"$0"; until [ -e "$1" ]; do sleep 0.01; done; echo end >>"$0"' ` + log + " " + leave
	killed := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAProgramOfAKilledCcsfs$")
	killed.Env = append(os.Environ(), "CCSFS_INTERNAL_QUEUE="+filepath.Join(dir, "queue"), "CCSFS_INTERNAL_COMMAND="+command)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs", holds(log, "begin"))
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // it was killed

	var r rec
	q := execQueue(t, filepath.Join(dir, "queue"), command, time.Minute, 0)
	done := make(chan []Left)
	go func() { done <- q.Once(t.Context(), r.say) }()
	eventually(t, "it is said, or beside it", func() bool { return r.said() != "" || strings.Count(read(log), "begin") > 1 })
	if err := os.WriteFile(leave, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if left := <-done; len(left) > 0 {
		t.Errorf("%+v", left)
	}
	if got := read(log); got != "begin\nend\nbegin\nend\n" || !strings.Contains(r.said(), "waiting for it, at most --hook-timeout (1m0s)") {
		t.Errorf("%q, %s", got, r.said())
	}
}

func read(file string) string {
	b, _ := os.ReadFile(file)
	return string(b)
}

// What never ends is not waited for longer than a program may take, and once.
func TestAProgramThatNeverEnds(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	dir := t.TempDir()
	q := execQueue(t, dir, "true", time.Second, 3)
	f, err := openRunning(filepath.Join(dir, "exec-1", runningName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := osfile.TryLock(f); err != nil {
		t.Fatal(err)
	}
	var r rec
	if left := q.Once(t.Context(), r.say); len(left) > 0 {
		t.Errorf("%+v", left)
	}
	if said := r.said(); strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "not waiting for it any longer") {
		t.Errorf("%s", said)
	}
}

// A daemon that a program leaves holds up nothing.
func TestAProgramThatLeavesADaemon(t *testing.T) {
	osfiletest.NeedsUnix(t, "a shell and its programs")
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	q := execQueue(t, filepath.Join(dir, "queue"), `sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >>"$0"' `+pids, time.Minute, 2)
	t.Cleanup(func() {
		for pid := range strings.FieldsSeq(read(pids)) {
			_ = exec.Command("kill", pid).Run()
		}
	})
	var r rec
	if left := q.Once(t.Context(), r.say); len(left) > 0 || r.said() != "" {
		t.Errorf("%+v, %s", left, r.said())
	}
	if n := strings.Count(read(pids), "\n"); n != 2 {
		t.Errorf("%d were run", n)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "queue", "exec-1")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
