package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ccsfs/internal/lease"
)

// lockName is the file at the top of a destination that is locked by who writes
// there, and says who that is.
const lockName = JournalName + ".lock"

// turn is the right to write to a destination alone. Two runs at once would fetch
// everything twice, and take each other's files for changed.
type turn struct {
	table *lease.Table
	lease *lease.Lease
	stop  context.CancelFunc // of beat
	done  chan struct{}
}

const (
	// beatEvery is how often who writes there shows that it goes on.
	beatEvery = time.Minute
	// standsStill is how long it may show nothing: it was stopped, or its disk hangs.
	standsStill = 5 * time.Minute
)

// ErrStandsStill says that another run has the destination, and does nothing.
var ErrStandsStill = errors.New("another run has the destination and stands still")

// takeTurn waits until nobody else writes to the destination. waiting is told once
// who does, if somebody does. It fails with ErrStandsStill where that one does nothing
// for long: those who come by cron would wait for each other for ever, without a word.
func takeTurn(ctx context.Context, root *os.Root, waiting func(who string)) (*turn, error) {
	// Made here for everybody who may write to the directory: a lease would be its
	// maker's alone.
	if f, err := root.OpenFile(lockName, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
		f.Close()
	}
	t := &turn{table: lease.Open(filepath.Join(root.Name(), lockName))}
	var err error
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.lease, err = t.table.Acquire(watched, "destination", func() {
		waiting(holder(root))
		go watch(watched, root, cancel)
	})
	if err != nil {
		_ = t.table.Close()
		return nil, err
	}
	// For people alone: the lock is what counts.
	host, _ := os.Hostname()
	who := fmt.Appendf(nil, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.DateTime+" UTC"))
	_ = root.WriteFile(lockName, who, 0o666)
	beating, stop := context.WithCancel(context.Background())
	t.stop, t.done = stop, make(chan struct{})
	go func() {
		defer close(t.done)
		beat(beating, root, who)
	}()
	return t, nil
}

// beat gives the lock file a new time now and then, until ctx ends. who is what it holds.
func beat(ctx context.Context, root *os.Root, who []byte) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			_ = show(root, who, now) // no time: whoever waits gives up
		case <-ctx.Done():
			return
		}
	}
}

// show gives the lock file a time. The time of a file that is somebody else's cannot be
// set, though whoever has locked it may write to it; a write gives it that of the disk.
func show(root *os.Root, who []byte, now time.Time) error {
	if err := root.Chtimes(lockName, now, now); err == nil {
		return nil
	}
	f, err := root.OpenFile(lockName, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(who, 0)
	return errors.Join(err, f.Close())
}

// watch gives the wait up when the lock file has had one time for too long. Times are
// compared with each other only: the clock may be that of a file server.
func watch(ctx context.Context, root *os.Root, give context.CancelCauseFunc) {
	tick := time.NewTicker(beatEvery / 4)
	defer tick.Stop()
	last, since := time.Time{}, time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if info, err := root.Stat(lockName); err == nil && !info.ModTime().Equal(last) {
			last, since = info.ModTime(), time.Now()
		}
		if time.Since(since) >= standsStill {
			give(fmt.Errorf("%w: %s; it has shown no sign of life for %s. End it, then the same command goes on",
				ErrStandsStill, holder(root), standsStill))
			return
		}
	}
}

// holder is what the one who writes there says of itself.
func holder(root *os.Root) string {
	text, err := root.ReadFile(lockName)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || len(line) == 0 || len(line) > 200 {
		return "another process"
	}
	return string(line)
}

// alone reports whether other processes honour the turn.
func (t *turn) alone() bool { return t.lease.Shared() }

func (t *turn) end() error {
	t.stop()
	<-t.done
	t.lease.Release()
	return t.table.Close()
}
