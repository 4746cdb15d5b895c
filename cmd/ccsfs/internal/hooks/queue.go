package hooks

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/internal/osfile"
)

// Queue is what is still to be delivered to hooks: a directory with one for each hook, and
// in it a file for each message, in the order in which they came. One process at a time
// may have a queue open.
type Queue struct {
	dir   string
	hooks []*Hook

	mu        sync.Mutex
	committed int64 // the last batch that may be delivered
	next      int64
	kicks     []chan kick // one for each worker
}

// All is for OpenQueue: whatever is in the queue counts.
const All int64 = -1

// OpenQueue opens the queue in a directory, which is made once there is something to keep.
// Committed is the last batch that counts: those after it were staged by a process that
// came no further, and are dropped. With All, none is.
func OpenQueue(dir string, hooks []*Hook, committed int64) (*Queue, error) {
	q := &Queue{dir: dir, hooks: hooks, committed: max(committed, 0)}
	keys, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("what waits for hooks cannot be read: %w", err)
	}
	for _, key := range keys {
		entries, err := os.ReadDir(filepath.Join(dir, key.Name()))
		if err != nil {
			return nil, fmt.Errorf("what waits for hooks cannot be read: %w", err)
		}
		for _, e := range entries {
			batch, is := batchOf(e.Name())
			switch {
			case is && (committed == All || batch <= committed):
				q.committed = max(q.committed, batch)
			case is || strings.HasPrefix(e.Name(), "."): // not committed, or not even whole
				if err := os.Remove(filepath.Join(dir, key.Name(), e.Name())); err != nil {
					return nil, fmt.Errorf("what was not meant to wait for hooks cannot be removed: %w", err)
				}
			}
		}
	}
	q.next = q.committed + 1
	return q, nil
}

// QueueFor opens the queue of what a command does at a place, such as a directory, in the
// state directory of the user. Everything in it counts.
func QueueFor(env cmdutil.Environment, place string, hooks []*Hook) (*Queue, error) {
	hash := sha256.Sum256([]byte(place))
	dir := filepath.Join(env.Dirs.State, "ccsfs", "hooks", hex.EncodeToString(hash[:8]))
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("there is no place to keep what waits for hooks: %w", err)
	}
	return OpenQueue(dir, hooks, All)
}

// Message files are named by batch and place, so that their order is that of their names.
func entryName(batch int64, i int) string { return fmt.Sprintf("%012d-%06d.json", batch, i) }

func batchOf(name string) (int64, bool) {
	m := regexp.MustCompile(`^([0-9]{12,19})-[0-9]{6,}\.json$`).FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n, err == nil && n < 1<<62
}

// Stage puts changes into the queue, for each hook, as one batch, which is delivered once
// it is committed. When it returns all of it is on the disk; if it fails, none is.
func (q *Queue) Stage(at time.Time, changes []change.Change, unlisted []string) (batch int64, err error) {
	q.mu.Lock()
	batch = q.next
	q.next++ // also if it fails: a number is never used again
	q.mu.Unlock()
	single := make([]Message, len(changes))
	for i := range changes {
		single[i] = Message{ID: newID(), At: at.UTC(), Changes: changes[i : i+1]}
	}
	for _, h := range q.hooks {
		messages := single
		if h.look {
			messages = []Message{{ID: newID(), At: at.UTC(), Changes: changes, Unlisted: unlisted}}
		}
		if err := q.write(h.Key, batch, messages); err != nil {
			q.remove(batch) // so far; the next OpenQueue drops what cannot be removed
			return 0, fmt.Errorf("what there is to tell cannot be kept for the hooks: %w", err)
		}
	}
	return batch, nil
}

// writesAtOnce is how many files are written together: each waits for the disk, which takes
// many at a time.
const writesAtOnce = 16

func (q *Queue) write(key string, batch int64, messages []Message) error {
	dir := filepath.Join(q.dir, key)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(writesAtOnce)
	for i, m := range messages {
		g.Go(func() error {
			b, err := json.Marshal(m)
			if err != nil {
				return err
			}
			path := filepath.Join(dir, entryName(batch, i))
			if err := durable.Write(path, b); err != nil {
				return err
			}
			_ = os.Chtimes(path, time.Time{}, time.Unix(1, 0)) // not tried: else it waits behind what was
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, d := range []string{dir, q.dir, filepath.Dir(q.dir)} { // any of them may be new
		if err := osfile.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// Commit lets a batch be delivered.
func (q *Queue) Commit(batch int64) {
	q.mu.Lock()
	q.committed = max(q.committed, batch)
	q.mu.Unlock()
	q.kick(news)
}

// Discard takes back a batch that is not committed.
func (q *Queue) Discard(batch int64) {
	q.remove(batch)
}

func (q *Queue) remove(batch int64) {
	for _, h := range q.hooks {
		entries, _ := os.ReadDir(filepath.Join(q.dir, h.Key)) // none: nothing to remove
		for _, e := range entries {
			if n, is := batchOf(e.Name()); is && n == batch {
				_ = os.Remove(filepath.Join(q.dir, h.Key, e.Name()))
			}
		}
	}
}

// Drop takes back what waits of changes that are not to be told any more: a message of
// which that holds of each. What cannot be read stays, and is told when it is tried.
func (q *Queue) Drop(over func(change.Change) bool) {
	for _, h := range q.hooks {
		all, _ := q.waiting(h.Key) // what cannot be read is told when it is tried
		for _, e := range all {
			m, err := q.read(h.Key, e.name)
			if err == nil && !slices.ContainsFunc(m.Changes, func(c change.Change) bool { return !over(c) }) {
				_ = os.Remove(filepath.Join(q.dir, h.Key, e.name)) // else it is told: once too often, not too seldom
			}
		}
	}
}

// entry is a message that waits.
type entry struct {
	name  string
	tried time.Time // the last time; long ago, if it was not
}

// waiting lists what is to be delivered to a hook, in order. Names only: what waits may be
// much.
func (q *Queue) waiting(key string) ([]entry, error) {
	files, err := os.ReadDir(filepath.Join(q.dir, key))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	q.mu.Lock()
	committed := q.committed
	q.mu.Unlock()
	var all []entry
	for _, f := range files { // sorted by name
		if n, is := batchOf(f.Name()); is && n <= committed {
			e := entry{name: f.Name()}
			if info, err := f.Info(); err == nil {
				e.tried = info.ModTime()
			}
			all = append(all, e)
		}
	}
	return all, nil
}

func (q *Queue) read(key, name string) (Message, error) {
	var m Message
	b, err := os.ReadFile(filepath.Join(q.dir, key, name))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err == nil && (m.ID == "" || len(m.Changes) == 0) {
		err = errors.New("it holds no message")
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(q.dir, key, name), err)
	}
	return m, nil
}

// Orphan is a hook of before, for which something waits, and which is not there now.
type Orphan struct {
	Key   string // its kind and place: exec-2 is the second --exec
	Count int
}

// Orphans are the hooks for which something waits that nobody delivers.
func (q *Queue) Orphans() []Orphan {
	var out []Orphan
	keys, _ := os.ReadDir(q.dir) // it could be read when the queue was opened
	for _, key := range keys {
		if slices.ContainsFunc(q.hooks, func(h *Hook) bool { return h.Key == key.Name() }) {
			continue
		}
		if n := q.Waiting(key.Name()); n > 0 {
			out = append(out, Orphan{key.Name(), n})
		}
	}
	return out
}

// Waiting is how many messages wait for a hook.
func (q *Queue) Waiting(key string) int {
	all, _ := q.waiting(key)
	return len(all)
}

// Forget removes all that waits, for whichever hooks, and returns how much that was.
func Forget(dir string) (n int, err error) {
	q, err := OpenQueue(dir, nil, All)
	if err != nil {
		return 0, err
	}
	for _, o := range q.Orphans() {
		n += o.Count
	}
	if err := os.RemoveAll(dir); err != nil {
		return 0, fmt.Errorf("what waits for hooks cannot be removed: %w", err)
	}
	return n, nil
}

// newID makes an id that no other message has.
func newID() string { return "msg_" + rand.Text() }
