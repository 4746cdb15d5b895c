// Package turn is the right to do something lasting alone, among processes: whoever has it
// says in a file who it is, and shows there that it goes on. Whoever waits for it is told
// who has it, and gives up where that one stands still.
package turn

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

// Turn is the right, until End.
type Turn struct {
	table *lease.Table
	lease *lease.Lease
	stop  context.CancelFunc // of beat
	done  chan struct{}
}

const (
	// beatEvery is how often whoever has it shows that it goes on.
	beatEvery = time.Minute
	// StandsStill is how long it may show nothing: it was stopped, or its disk hangs.
	StandsStill = 5 * time.Minute
)

// StandsStillError says that another process has the turn, and does nothing.
type StandsStillError struct{ Who string }

// Error implements error.
func (e StandsStillError) Error() string {
	return fmt.Sprintf("%s; it has shown no sign of life for %s. End it, then the same command goes on", e.Who, StandsStill)
}

// Place is what there is one turn of: a name, and a file in a directory, which is made if
// it is not there. A file may be that of several names, if one of them alone is taken here.
type Place struct {
	Root *os.Root
	File string
	Name string
}

// Waiting is who hears whom a turn is waited for: once, if it is waited for that long.
type Waiting struct {
	After time.Duration
	Tell  func(who string)
}

// Take waits for the turn. It fails with a StandsStillError where whoever has it does
// nothing for long: those who come by cron would wait for each other for ever, without a
// word; and else with the error of ctx.
func Take(ctx context.Context, p Place, w Waiting) (*Turn, error) {
	t := &Turn{table: lease.Open(filepath.Join(p.Root.Name(), p.File))}
	var err error
	watched, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{}) // nothing is told after the wait
	close(over)
	t.lease, err = t.table.Acquire(watched, p.Name, func() {
		if w.After == 0 {
			w.Tell(p.holder())
		}
		over = make(chan struct{})
		go func() {
			defer close(over)
			p.watch(watched, w, cancel)
		}()
	})
	cancel(nil)
	<-over
	if err != nil {
		_ = t.table.Close()
		return nil, err
	}
	// For people alone: the lock is what counts.
	host, _ := os.Hostname()
	who := fmt.Appendf(nil, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.DateTime+" UTC"))
	_ = p.Root.WriteFile(p.File, who, 0o600)
	beating, stop := context.WithCancel(context.Background())
	t.stop, t.done = stop, make(chan struct{})
	go func() {
		defer close(t.done)
		p.beat(beating, who)
	}()
	return t, nil
}

// beat gives the file a new time now and then, until ctx ends. who is what it holds.
func (p Place) beat(ctx context.Context, who []byte) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			_ = p.show(who, now) // no time: whoever waits gives up
		case <-ctx.Done():
			return
		}
	}
}

// show gives the file a time. The time of a file that is somebody else's cannot be set,
// though whoever has locked it may write to it; a write gives it that of the disk.
func (p Place) show(who []byte, now time.Time) error {
	if err := p.Root.Chtimes(p.File, now, now); err == nil {
		return nil
	}
	f, err := p.Root.OpenFile(p.File, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(who, 0)
	return errors.Join(err, f.Close())
}

// watch tells who is waited for, and gives the wait up when the file has had one time for
// too long. Times are compared with each other only: the clock may be that of a file server.
func (p Place) watch(ctx context.Context, w Waiting, give context.CancelCauseFunc) {
	told := time.NewTimer(w.After)
	defer told.Stop()
	tick := time.NewTicker(beatEvery / 4)
	defer tick.Stop()
	last, since := time.Time{}, time.Now()
	for {
		select {
		case <-told.C:
			if w.After > 0 {
				w.Tell(p.holder())
			}
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if info, err := p.Root.Stat(p.File); err == nil && !info.ModTime().Equal(last) {
			last, since = info.ModTime(), time.Now()
		}
		if time.Since(since) >= StandsStill {
			give(StandsStillError{p.holder()})
			return
		}
	}
}

// holder is what the one who has the turn says of itself.
func (p Place) holder() string {
	text, err := p.Root.ReadFile(p.File)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || len(line) == 0 || len(line) > 200 {
		return "another process"
	}
	return string(line)
}

// Alone reports whether other processes honour the turn.
func (t *Turn) Alone() bool { return t.lease.Shared() }

// End gives the turn back.
func (t *Turn) End() error {
	t.stop()
	<-t.done
	t.lease.Release()
	return t.table.Close()
}
