package index

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func testRecord(id string, size int64) *Record {
	when := time.Date(2026, 11, 2, 3, 4, 5, 6, time.UTC)
	return &Record{ID: id, Size: size, SHA256: strings.Repeat("ab", 32), ETag: `"x"`, Changed: when, Checked: when, Generation: 1}
}

func TestIndexSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	c := newClock()
	x := Open(path, slog.New(slog.DiscardHandler), c.now)
	for i := range 300 {
		if _, err := x.Put(testRecord(fmt.Sprint("doc\n", i%10), int64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the first opening compacts
		y := Open(path, slog.New(slog.DiscardHandler), c.now)
		if diff := cmp.Diff(records(x), records(y), cmp.AllowUnexported(Record{}), cmpopts.IgnoreFields(Record{}, "Generation", "By")); diff != "" {
			t.Fatal(diff)
		}
		if y.lines > 300 {
			t.Errorf("%d lines", y.lines)
		}
	}
	if y := Open(path, slog.New(slog.DiscardHandler), c.now); y.lines != 10 {
		t.Errorf("%d lines after compaction, want 10", y.lines)
	}
}

func TestIndexOfTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	c := newClock()
	x, y := Open(path, slog.New(slog.DiscardHandler), c.now), Open(path, slog.New(slog.DiscardHandler), c.now)
	for i := range 200 {
		w := []*Index{x, y}[i%2]
		if _, err := w.Put(testRecord(fmt.Sprint(i%20), int64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	Open(path, slog.New(slog.DiscardHandler), c.now) // compacts under them
	if _, err := x.Put(testRecord("late", 7)); err != nil {
		t.Fatal(err)
	}
	if r := y.Get("late"); r != nil {
		t.Error("looked at the file within a second of the last look")
	}
	c.add(LookAgain)
	if r := y.Get("late"); r == nil || r.Size != 7 {
		t.Errorf("the other process's record: %+v", r)
	}
}

func TestDamagedIndexLosesOnlyItsDamagedLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	c := newClock()
	x := Open(path, slog.New(slog.DiscardHandler), c.now)
	for i := range 5 {
		if _, err := x.Put(testRecord(fmt.Sprint(i), int64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	flipped := bytes.Clone(whole)
	flipped[len(lines[0])+30] ^= 4
	for name, tt := range map[string]struct {
		file []byte
		want int
	}{
		"flipped bit":              {flipped, 4},
		"torn tail":                {whole[:len(whole)-3], 4},
		"empty":                    {nil, 0},
		"rubbish":                  {bytes.Repeat([]byte{0, 1, 2, '\n', 0xff}, 50_000), 0},
		"rubbish between":          {bytes.Join([][]byte{lines[0], []byte("rubbish\n"), lines[1]}, nil), 2},
		"a line beyond all bounds": {bytes.Join([][]byte{lines[0], bytes.Repeat([]byte("x"), 3*maxLine), []byte("\n"), lines[1]}, nil), 2},
		"wrong shape":              {[]byte("00000000 []\n"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, tt.file)
			y := Open(path, slog.New(slog.DiscardHandler), c.now)
			if len(records(y)) != tt.want {
				t.Fatalf("%d records, want %d", len(records(y)), tt.want)
			}
			if _, err := y.Put(testRecord("new", 9)); err != nil {
				t.Fatal(err)
			}
			if z := Open(path, slog.New(slog.DiscardHandler), c.now); len(records(z)) != tt.want+1 || z.shelf.record("new") == nil {
				t.Errorf("after adding to it: %d records", len(records(z)))
			}
		})
	}
}

func TestLineRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := testRecord(rapid.StringN(1, 50, -1).Draw(t, "id"), rapid.Int64Range(1, 1<<50).Draw(t, "size"))
		line, err := encodeLine(want)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("not one line: %q", line)
		}
		got, err := decodeLine(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		want.Generation = 0
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Record{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecodeLine(f *testing.F) {
	line, _ := encodeLine(testRecord("a", 5))
	f.Add(bytes.TrimSpace(line))
	f.Add([]byte("00000000 {}"))
	f.Add([]byte(" "))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decodeLine(line)
		if err == nil && (r.ID == "" || r.Size <= 0) {
			t.Errorf("%q taken for a record", line)
		}
	})
}

// A download that began before another one of the same document, and ended after
// it, took its place: the old content was known as the current one.
func TestOlderDownloadsDoNotOvertake(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "index")
	x := Open(path, slog.New(slog.DiscardHandler), c.now)
	at := func(d time.Duration, size int64) *Record {
		return &Record{ID: "a", Size: size, SHA256: strings.Repeat("0", 64), Checked: c.now().Add(d)}
	}
	for _, r := range []*Record{at(24*time.Hour, 1), at(0, 2), at(-time.Hour, 3)} { // by a wrong clock, right, late
		if _, err := x.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	if got := x.Get("a"); got.Size != 2 {
		t.Errorf("in memory: %d bytes", got.Size)
	}
	x.Know(at(-time.Hour, 4))
	if got := Open(path, slog.New(slog.DiscardHandler), c.now).Get("a"); got.Size != 2 || x.Get("a").Size != 2 {
		t.Errorf("on disk: %d bytes, in memory %d", got.Size, x.Get("a").Size)
	}
}

// A process that was stopped while it had the index locked holds nobody up for long,
// and what is written meanwhile is there afterwards.
func TestALockedIndexIsNotWaitedForLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	x := Open(path, slog.New(slog.DiscardHandler), time.Now)
	put := func(id string) {
		if _, err := x.Put(&Record{ID: id, Size: 1, Checked: time.Now()}); err != nil {
			t.Error(err)
		}
	}
	put("before")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !lockExclusive(f) {
		t.Fatal("not locked")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20 {
			put(fmt.Sprint(i))
		}
	}()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		f.Close()
		<-done
		t.Fatal("it waits for as long as the index is locked")
	}
	f.Close()
	if n := len(records(Open(path, slog.New(slog.DiscardHandler), time.Now))); n != 21 {
		t.Errorf("%d records, want 21", n)
	}
}
