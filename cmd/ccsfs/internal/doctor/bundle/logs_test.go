package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/doctor/diagnosis"
	"ccsfs/cmd/ccsfs/internal/doctor/scrub"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/osfile/osfiletest"
)

// Of many logs those count that were written to last, be they in the usual place, set, or
// of a mount that runs.
func TestLogsOfABundle(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	dir := filepath.Join(env.Dirs.State, "ccsfs")
	s := Source{Env: env, Report: &diagnosis.Report{}}
	c := scrub.New(nil, nil, nil, []string{""})
	if got := s.logTail(c); got != "There is no log file.\n" {
		t.Errorf("%q", got)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(path string, age time.Duration) string {
		if err := os.WriteFile(path, []byte("level=INFO msg="+filepath.Base(path)[:1]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for i, name := range []string{"a.log", "b.log", "c.log", "d.log", "e.txt"} {
		write(filepath.Join(dir, name), time.Duration(5-i)*time.Hour)
	}
	s.Settings = &settings.Settings{}
	s.Settings.Log.File = write(filepath.Join(env.Dirs.Work, "set"), time.Minute)
	s.Report.Mounts = []diagnosis.Mount{
		{Status: &control.Status{LogFile: write(filepath.Join(env.Dirs.Work, "mount"), 90*time.Minute)}}, {Error: "silent"},
		{Status: &control.Status{LogFile: filepath.Join(dir, "a.log")}}, {Status: &control.Status{LogFile: "/does/not/exist"}},
	}
	want := "Log 1 of 4:\nlevel=\"INFO\" msg=\"s\"\nLog 2 of 4:\nlevel=\"INFO\" msg=\"m\"\nLog 3 of 4:\nlevel=\"INFO\" msg=\"d\"\nLog 4 of 4:\nlevel=\"INFO\" msg=\"c\"\n"
	if got := s.logTail(c); got != want {
		t.Errorf("%q", got)
	}
	osfiletest.NeedsUnix(t, "that a file in the place of a directory is not nothing")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.logTail(c); !strings.HasPrefix(got, "The logs cannot be looked for: ") {
		t.Errorf("%q", got)
	}
}

func TestTail(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	long := strings.Repeat("x", 1000) + "\n"
	if err := os.WriteFile(file, []byte(strings.Repeat(long, 400)+"last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := tailOf(file)
	if err != nil || len(got) > tailBytes || !strings.HasPrefix(got, long) || !strings.HasSuffix(got, "x\nlast\n") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := osfiletest.Pipe(t, fifo); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{fifo, dir, "/dev/null"} {
		if _, err := tailOf(what); err == nil {
			t.Errorf("%s is read", what)
		}
	}
}
