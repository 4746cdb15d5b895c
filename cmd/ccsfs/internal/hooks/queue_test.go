package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// What is not committed is not delivered, and gone after a restart; what is committed is
// delivered after one, once, and in order.
func TestOnlyWhatIsCommittedIsDelivered(t *testing.T) {
	dir := queueDir(t)
	var r rec
	h := r.hook("exec-1", nil)
	q := openQueue(t, dir, 0, h)
	first := stage(t, q, changes(2))
	q.Commit(first)
	second := stage(t, q, changes(5))
	if left := q.Once(t.Context(), r.say); len(left) > 0 || len(r.delivered()) != 2 {
		t.Fatalf("%v, %v", left, r.delivered())
	}
	q = openQueue(t, dir, first, h) // killed, before it was noted that the second one was seen
	if n := q.Waiting(h.Key); n != 0 {
		t.Errorf("%d wait", n)
	}
	third := stage(t, q, changes(3))
	if third < second {
		t.Errorf("batch %d after %d", third, second)
	}
	q = openQueue(t, dir, third, h) // killed, after it was noted
	if left := q.Once(t.Context(), r.say); len(left) > 0 {
		t.Fatal(left)
	}
	if got := fmt.Sprint(r.delivered()); got != "[C/f0 C/f1 C/f0 C/f1 C/f2]" {
		t.Error(got)
	}
	q.Once(t.Context(), r.say)
	if len(r.delivered()) != 5 {
		t.Errorf("twice: %v", r.delivered())
	}
}

// Where nobody knows any more what was seen, what waits counts.
func TestWithoutANoteAllCounts(t *testing.T) {
	dir := queueDir(t)
	var r rec
	h := r.hook("exec-1", nil)
	stage(t, openQueue(t, dir, 7, h), changes(2))
	q := openQueue(t, dir, All, h)
	q.Once(t.Context(), r.say)
	if len(r.delivered()) != 2 {
		t.Error(r.delivered())
	}
}

func TestDiscard(t *testing.T) {
	var r rec
	h := r.hook("exec-1", nil)
	q := openQueue(t, queueDir(t), 0, h)
	n := stage(t, q, changes(2))
	q.Discard(n)
	q.Commit(n)
	if q.Waiting(h.Key) != 0 {
		t.Error("they wait")
	}
}

// Whatever is done, and wherever it is killed, each change that counts as seen is delivered
// to each hook, and none twice but for a kill between a delivery and its note.
func TestQueueDeliversAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "queue")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		dir = filepath.Join(dir, "q")
		var r [2]rec
		hooks := []*Hook{}
		for i, key := range []string{"exec-1", "mail-1"} {
			h := r[i].hook(key, func(Message) error {
				if rapid.IntRange(0, 3).Draw(rt, "fails") == 0 {
					return errors.New("no")
				}
				return nil
			})
			h.look = i == 1
			hooks = append(hooks, h)
		}
		var committed int64
		var want []string
		open := func() *Queue { return openQueue(t, dir, committed, hooks...) }
		q := open()
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				all := changes(rapid.IntRange(1, 4).Draw(rt, "changes"))
				for i := range all {
					all[i].Path = fmt.Sprintf("C/%d", len(want)+i)
				}
				n := stage(t, q, all)
				if rapid.Bool().Draw(rt, "killed before the note") {
					q = open()
					continue
				}
				committed = n
				for _, c := range all {
					want = append(want, c.Path)
				}
				if rapid.Bool().Draw(rt, "killed before the commit") {
					q = open()
					continue
				}
				q.Commit(n)
			case 1:
				q = open()
			default:
				for _, h := range hooks { // one after the other, for the sake of rapid
					q.once(t.Context(), h, r[0].say)
				}
			}
		}
		for _, h := range hooks {
			for range 10000 {
				if q.Waiting(h.Key) == 0 {
					break
				}
				q.once(t.Context(), h, r[0].say)
			}
		}
		for i := range r {
			got := r[i].delivered()
			slices.Sort(got)
			all := slices.Sorted(slices.Values(want))
			if !slices.Equal(got, all) {
				rt.Fatalf("hook %d got %v, want %v", i, got, all)
			}
		}
	})
}

// A hook that always fails holds up no other, is told of once, is asked ever more rarely,
// and gets everything once it works.
func TestAHookThatFailsHoldsUpNoOther(t *testing.T) {
	dir := queueDir(t)
	synctest.Test(t, func(t *testing.T) {
		var good, bad rec
		var tries atomic.Int64
		var works atomic.Bool
		q := openQueue(t, dir, 0, good.hook("exec-1", nil), bad.hook("exec-2", func(Message) error {
			if tries.Add(1); !works.Load() {
				return errors.New("exit status 1")
			}
			return nil
		}))
		run(t, q, bad.say, func() {
			q.Commit(stage(t, q, changes(200)))
			time.Sleep(time.Second)
			if n := len(good.delivered()); n != 200 {
				t.Errorf("%d of 200 delivered", n)
			}
			time.Sleep(24 * time.Hour)
			if n := tries.Load(); n < 20 || n > 60 {
				t.Errorf("%d tries in a day", n)
			}
			if got := bad.said(); got != "--exec-2: not delivered, and kept: exit status 1" {
				t.Errorf("it says %q", got)
			}
			works.Store(true)
			q.Retry()
			time.Sleep(time.Second)
			if n := len(bad.delivered()); n != 200 || q.Waiting("exec-2") != 0 {
				t.Errorf("%d of 200 delivered", n)
			}
			if got := bad.said(); !strings.HasSuffix(got, "--exec-2: delivered again") {
				t.Errorf("it says %q", got)
			}
		})
		if len(good.delivered()) != 200 {
			t.Error("delivered twice")
		}
	})
}

func run(t *testing.T, q *Queue, say Say, while func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.Run(ctx, say)
	}()
	synctest.Wait()
	while()
	stop()
	<-done
}

// A message that nobody takes holds up no other, now or in another run.
func TestAMessageThatFailsHoldsUpNoOther(t *testing.T) {
	dir := queueDir(t)
	refuse := func(m Message) error {
		if id := m.Changes[0].ID; id < "4" {
			return errors.New("HTTP 422")
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		var r rec
		q := openQueue(t, dir, 0, r.hook("webhook-1", refuse))
		run(t, q, r.say, func() {
			q.Commit(stage(t, q, changes(10)))
			time.Sleep(10 * time.Minute)
			if n := len(r.delivered()); n != 6 || q.Waiting("webhook-1") != 4 {
				t.Errorf("%d of 6 delivered", n)
			}
		})
	})
	var r rec
	q := openQueue(t, dir, 1, r.hook("webhook-1", refuse))
	q.Commit(stage(t, q, changes(10)[4:]))
	for range 2 {
		q.Once(t.Context(), r.say)
	}
	if n := len(r.delivered()); n != 6 {
		t.Errorf("%d of 6 delivered in the next runs", n)
	}
}

// What asks to be left alone for a while is, and 410 is an end.
func TestAskedToWait(t *testing.T) {
	dir := queueDir(t)
	synctest.Test(t, func(t *testing.T) {
		var r rec
		var tries atomic.Int64
		var over atomic.Bool
		q := openQueue(t, dir, 0, r.hook("webhook-1", func(Message) error {
			if tries.Add(1); over.Load() {
				return fmt.Errorf("HTTP 410: %w", errEnough)
			}
			return laterError{errors.New("HTTP 429"), 10 * time.Minute}
		}))
		run(t, q, r.say, func() {
			q.Commit(stage(t, q, changes(5)))
			time.Sleep(9 * time.Minute)
			if n := tries.Load(); n != 1 {
				t.Errorf("%d tries", n)
			}
			over.Store(true)
			time.Sleep(48 * time.Hour)
			if n := tries.Load(); n != 2 {
				t.Errorf("%d tries after 410", n)
			}
		})
		if q.Waiting("webhook-1") != 5 {
			t.Error("something is lost")
		}
	})
}

// Times of files that are wrong, as after a clock was set, keep nothing from delivery.
func TestTimesOfTheQueueDecideNothing(t *testing.T) {
	dir := queueDir(t)
	var r rec
	q := openQueue(t, dir, 0, r.hook("exec-1", nil))
	q.Commit(stage(t, q, changes(3)))
	entries, _ := filepath.Glob(dir + "/exec-1/*")
	for i, path := range entries {
		when := time.Now().AddDate(100*(i-1), 0, 0)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if left := q.Once(t.Context(), r.say); len(left) > 0 || len(r.delivered()) != 3 {
		t.Errorf("%v, %v", left, r.delivered())
	}
}

// What is damaged is an error that names the file, and holds up nothing.
func TestDamagedQueue(t *testing.T) {
	dir := queueDir(t)
	var r rec
	q := openQueue(t, dir, 0, r.hook("exec-1", nil))
	q.Commit(stage(t, q, changes(3)))
	path := filepath.Join(dir, "exec-1", entryName(1, 0))
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	left := q.Once(t.Context(), r.say)
	if len(left) != 1 || left[0].Count != 1 || !strings.Contains(left[0].Err.Error(), path) || len(r.delivered()) != 2 {
		t.Errorf("%+v, %v", left, r.delivered())
	}
}

func TestOrphansAndForget(t *testing.T) {
	dir := queueDir(t)
	var r rec
	q := openQueue(t, dir, 0, r.hook("exec-1", nil), r.hook("exec-2", nil))
	q.Commit(stage(t, q, changes(3)))
	q = openQueue(t, dir, 1, r.hook("exec-1", nil))
	if got := fmt.Sprint(q.Orphans()); got != "[{exec-2 3}]" {
		t.Error(got)
	}
	for want := range slices.Values([]int{6, 0}) {
		if n, err := Forget(dir); n != want || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func FuzzQueueEntry(f *testing.F) {
	f.Add("000000000001-000000.json", []byte(`{"id":"x","at":"2026-10-31T12:00:00Z","changes":[{"change":"new"}]}`))
	f.Add("999999999999999999-000000.json", []byte(`{}`))
	f.Add(".000000000001-000000.json123", []byte(``))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		dir := queueDir(t)
		if err := os.MkdirAll(filepath.Join(dir, "exec-1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if name == "" || strings.ContainsAny(name, "/\x00") || os.WriteFile(filepath.Join(dir, "exec-1", name), data, 0o600) != nil {
			return
		}
		var r rec
		q := openQueue(t, dir, All, r.hook("exec-1", nil))
		q.Once(t.Context(), r.say)
		n := stage(t, q, changes(1))
		q.Commit(n)
		before := len(r.delivered())
		q.Once(t.Context(), r.say)
		if len(r.delivered()) != before+1 {
			t.Errorf("%q keeps others from being delivered: batch %d", name, n)
		}
	})
}
