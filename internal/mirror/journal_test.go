package mirror

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func openTestJournal(t *testing.T, dir string) *journal {
	t.Helper()
	root, err := os.OpenRoot(dir)
	check(t, err)
	t.Cleanup(func() { root.Close() })
	j, err := openJournal(root)
	check(t, err)
	t.Cleanup(func() { _ = j.close() })
	return j
}

// Damage costs the damaged lines, a torn one does not spoil the next.
func TestJournalSurvivesDamage(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 11, 1, 0, 0, 0, 123, time.UTC)
	j := openTestJournal(t, dir)
	check(t, j.put(entry{Path: "a", Size: 1, ModTime: at, SHA256: "x"}))
	check(t, j.put(entry{Path: "a", Size: 1, ModTime: at, SHA256: "x"})) // no second line
	check(t, j.put(entry{Path: "b", Size: 2, ModTime: at, SHA256: ""}))
	file := filepath.Join(dir, JournalName)
	data, err := os.ReadFile(file)
	check(t, err)
	if n := strings.Count(string(data), "\n"); n != 2 {
		t.Fatalf("%d lines for two files", n)
	}
	torn := "not JSON\n" + strings.Repeat("x", 3*maxJournalLine) + "\n{}\n[1]\n" + string(data) + `{"path":"c","si`
	check(t, os.WriteFile(file, []byte(torn), 0o644))
	j = openTestJournal(t, dir)
	if len(j.entries) != 2 || !j.entries["a"].ModTime.Equal(at) || j.entries["b"].Size != 2 {
		t.Errorf("%+v", j.entries)
	}
	check(t, j.put(entry{Path: "d", Size: 4, ModTime: at, SHA256: ""}))
	if j = openTestJournal(t, dir); len(j.entries) != 3 {
		t.Errorf("after a torn line: %+v", j.entries)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"path":"a","size":1,"modified":"2026-11-01T00:00:00Z","sha256":"x"}` + "\n"))
	f.Add([]byte("{\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := newJournal()
		if err := j.load(strings.NewReader(string(data))); err != nil {
			t.Fatal(err)
		}
		if _, ok := j.entries[""]; ok {
			t.Error("an entry without a path")
		}
	})
}
