package hooks

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func changes(n int) (all []change.Change) {
	for i := range n {
		all = append(all, change.Change{Kind: change.New, Path: fmt.Sprintf("C/f%d", i), Contract: "C", ID: fmt.Sprint(i), Type: "bills"})
	}
	return all
}

func at() time.Time { return time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC) }

// rec is what was said, and delivered.
type rec struct {
	mu    sync.Mutex
	lines []string
	got   []string
}

func (r *rec) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *rec) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func (r *rec) delivered() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

// hook is one that notes what it is given, unless fails says no.
func (r *rec) hook(key string, fails func(m Message) error) *Hook {
	return &Hook{Key: key, Name: "--" + key, timeout: time.Minute, deliver: func(_ context.Context, m Message, _ Say) error {
		if fails != nil {
			if err := fails(m); err != nil {
				return err
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range m.Changes {
			r.got = append(r.got, c.Path)
		}
		return nil
	}}
}

func openQueue(t testing.TB, dir string, committed int64, hooks ...*Hook) *Queue {
	t.Helper()
	q, err := OpenQueue(dir, hooks, committed)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func stage(t testing.TB, q *Queue, all []change.Change) int64 {
	t.Helper()
	n, err := q.Stage(at(), all, []string{"OCB1: refused"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func queueDir(t testing.TB) string { return filepath.Join(t.TempDir(), "w.queue") }

// realHooks makes hooks of flags.
func realHooks(t *testing.T, o Options, secret string) (cmdutil.Environment, []*Hook) {
	t.Helper()
	env, _, _ := cmdtest.Environment(t)
	if o.timeout == 0 {
		o.timeout = cmdtest.Patience
	}
	s := &settings.Settings{}
	if secret != "" {
		s.Hooks.WebhookSecret = redacted.New(secret)
	}
	all, err := o.Hooks(env, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(all) })
	return env, all
}
