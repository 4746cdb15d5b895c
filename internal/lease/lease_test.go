package lease

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const childVariable = "LEASE_TEST_HOLD"

// TestMain holds a lease and says so, where a test asks for another process.
func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		l, ok := Open(path).Try("thing")
		fmt.Println(ok && l.Shared())
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kinds are the ways to lock; both work on Linux.
func kinds(path string) map[string]func() *Table {
	return map[string]func() *Table{
		"default": func() *Table { return Open(path) },
		"files": func() *Table {
			return &Table{locks: &fileLocker{dir: path + ".d"}, held: make(map[uint64]chan struct{})}
		},
	}
}

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	for name, open := range kinds(path) {
		t.Run(name, func(t *testing.T) {
			tables := []*Table{open(), open(), open()}
			var holders, most, rounds atomic.Int64
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					for range 40 {
						l, err := tables[i%len(tables)].Acquire(t.Context(), "thing", nil)
						if err != nil || !l.Shared() {
							t.Errorf("%v, shared %v", err, l.Shared())
							return
						}
						most.Store(max(most.Load(), holders.Add(1)))
						holders.Add(-1)
						rounds.Add(1)
						l.Release()
						l.Release() // does nothing, in particular not to who has it now
					}
				})
			}
			wg.Wait()
			if most.Load() != 1 || rounds.Load() != 12*40 {
				t.Errorf("%d holders at once, %d rounds", most.Load(), rounds.Load())
			}
			for _, table := range tables {
				if err := table.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestOthersAreNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	for name, open := range kinds(path) {
		t.Run(name, func(t *testing.T) {
			a, b := open(), open()
			first, ok := a.Try("one")
			if !ok {
				t.Fatal("not free at first")
			}
			if _, ok := b.Try("one"); ok {
				t.Error("given twice, to two tables")
			}
			if _, ok := a.Try("one"); ok {
				t.Error("given twice, by one table")
			}
			if l, ok := b.Try("two"); !ok {
				t.Error("another name is not free")
			} else {
				l.Release()
			}
			contended := 0
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("enough"))
			defer cancel()
			if _, err := b.Acquire(ctx, "one", func() { contended++ }); err == nil || err.Error() != "enough" || contended != 1 {
				t.Errorf("%v after being told %d times", err, contended)
			}
			first.Release()
			if l, ok := b.Try("one"); !ok {
				t.Error("not free after its release")
			} else {
				l.Release()
			}
		})
	}
}

func TestAKilledHolderCostsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), childVariable+"="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "true\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	table := Open(path)
	defer table.Close()
	if _, ok := table.Try("thing"); ok {
		t.Fatal("another process holds it")
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	l, err := table.Acquire(t.Context(), "thing", nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

func TestTheFileMayBeRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	a, b := Open(path), Open(path)
	defer a.Close()
	defer b.Close()
	before, _ := a.Try("before")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	after, ok := a.Try("after")
	if !ok || !after.Shared() {
		t.Fatal("no lease after the file was removed")
	}
	if _, ok := b.Try("after"); ok {
		t.Error("two tables use two files")
	}
	before.Release()
	after.Release()
}

func TestWithoutAFileLeasesHoldHere(t *testing.T) {
	table := Open(filepath.Join(t.TempDir(), "no", "such", "directory"))
	defer table.Close()
	l, ok := table.Try("thing")
	if !ok || l.Shared() {
		t.Fatalf("acquired %v", ok)
	}
	if _, ok := table.Try("thing"); ok {
		t.Error("given twice")
	}
	l.Release()
}
