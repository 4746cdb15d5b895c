package cmdutil

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"ccsfs/internal/osfile/osfiletest"
	"pgregory.net/rapid"
)

func TestLogName(t *testing.T) {
	for point, want := range map[string]string{
		"/srv/bills":            "srv-bills.log",
		"/home/u/bills.2026":    "home-u-bills.2026.log",
		"/srv/my-bills":         "srv-my%2Dbills.log",
		"/home/u/.bills":        "home-u-.bills.log",
		"/.bills":               "%2Ebills.log",
		"/":                     "%2F.log",
		"/srv/März bills":       "srv-März%20bills.log",
		"/srv/100%":             "srv-100%25.log",
		"/srv/a\nb\x1b[31m\xff": "srv-a%0Ab%1B%5B31m%FF.log",
	} {
		if got := logName(point); got != want {
			t.Errorf("%q: %q, want %q", point, got, want)
		}
	}
	long := "/srv/" + strings.Repeat("é", 400)
	if got := logName(long); len(got) > 255-len(".20261129.gz") || !utf8.ValidString(got) || !strings.HasSuffix(got, "ééé.log") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if logName(long) == logName("/srv2/"+strings.Repeat("é", 400)) {
		t.Error("two long paths share a log")
	}
}

// No two mountpoints share a log, and each name is one that a directory takes.
func TestLogNamesAreUnique(t *testing.T) {
	point := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab-.%2DF~_é /\x00\n")), 1, 120, -1), 1, 4).Draw(t, "parts")
		return filepath.Clean("/" + strings.Join(parts, "/"))
	})
	rapid.Check(t, func(rt *rapid.T) {
		a, b := point.Draw(rt, "a"), point.Draw(rt, "b")
		if na, nb := logName(a), logName(b); a != b && na == nb {
			rt.Fatalf("%q and %q share %q", a, b, na)
		}
		if name := logName(a); len(name) > 240 || strings.ContainsAny(name, "/\x00\n ") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
			rt.Fatalf("%q: %q", a, name)
		}
	})
}

func openLogFile(t *testing.T, path string) *LogFile {
	t.Helper()
	l, err := OpenLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func say(t *testing.T, l *LogFile, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(l, line); err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", path, got, err, want)
	}
}

func TestALogThatIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "log")
	l := openLogFile(t, path)
	say(t, l, "one")
	rename := func(to string) {
		if err := os.Rename(path, path+to); err != nil {
			t.Fatal(err)
		}
	}

	rename(".1") // without a word: noticed with the next line
	say(t, l, "two")
	wantText(t, path+".1", "one\n")
	wantText(t, path, "two\n")

	rename(".2") // with a signal: the file is there at once
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
	wantText(t, path, "")
	say(t, l, "three")

	rename(".3") // whoever rotates makes the new one
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	say(t, l, "four")
	wantText(t, path+".3", "three\n")
	wantText(t, path, "four\n")
	if info, err := os.Stat(path); err != nil || !osfiletest.HasMode(info, 0o640) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	if err := os.Truncate(path, 0); err != nil { // copytruncate
		t.Fatal(err)
	}
	say(t, l, "five")
	wantText(t, path, "five\n")

	if err := os.RemoveAll(filepath.Dir(path)); err != nil { // the directory, too
		t.Fatal(err)
	}
	say(t, l, "six")
	wantText(t, path, "six\n")
	if info, err := os.Stat(path); err != nil || !osfiletest.HasMode(info, 0o600) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A place where no file can be made costs no line.
func TestALogThatCannotBeOpenedAnew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l := openLogFile(t, path)
	for what, make := range map[string]func() error{
		"a directory": func() error { return os.Mkdir(path, 0o700) },
		"a pipe":      func() error { return osfiletest.Pipe(t, path) }, // must not be waited for
		"a loop":      func() error { return os.Symlink("log", path) },
	} {
		old := filepath.Join(dir, what)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err == nil {
			t.Errorf("%s was opened", what)
		}
		say(t, l, "line")
		wantText(t, old, "line\n")
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Error(err)
		}
	}
}

// What is no file, as /dev/stderr of a container, is never opened twice.
func TestALogThatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := osfiletest.Pipe(t, path); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l := openLogFile(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
	say(t, l, "line")
	buf := make([]byte, 16)
	if n, err := reader.Read(buf); err != nil || string(buf[:n]) != "line\n" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// Lines of several writers, here and in another process, stay whole through rotations.
func TestLinesStayWhole(t *testing.T) {
	osfiletest.SkipWine(t)
	path := filepath.Join(t.TempDir(), "log")
	logs := []*LogFile{openLogFile(t, path), openLogFile(t, path)}
	const writers, lines = 8, 200
	line := strings.Repeat("x", 300)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for range lines {
				_, _ = fmt.Fprintln(logs[i%len(logs)], line)
			}
		})
	}
	for i := range 20 {
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i)); err == nil {
			_ = logs[i%len(logs)].Reopen()
		}
	}
	all.Wait()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for got := range bytes.Lines(data) {
			if n++; string(got) != line+"\n" {
				t.Fatalf("%s: %q", f, got)
			}
		}
	}
	if n != writers*lines {
		t.Errorf("%d lines of %d in %d files", n, writers*lines, len(files))
	}
}

// The descriptor of a log is nobody's who is run.
func TestALogIsNotInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := openLogFile(t, path)
	for range 2 {
		out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
		if err != nil {
			t.Skip("no /proc")
		}
		if strings.Contains(string(out), path) {
			t.Errorf("%s", out)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		say(t, l, "anew")
	}
}
