package hooks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"ccsfs/internal/osfile"
)

// A program that a killed ccsfs has started goes on, and the message that it was given is
// told again by the next one: both at once would be two bookings that do not see each
// other. So each hook has a file that is locked while its program runs, and the program
// inherits the descriptor. A lock of flock(2) is that of the open file, not of a process:
// it holds as long as anything has the descriptor open, whoever has taken the lock.

// runningName is the name of that file, beside the messages of the hook.
const runningName = "running"

// runningPoll is how often a lock is tried again. No wait for one can be given up.
const runningPoll = 100 * time.Millisecond

// running is the lock of a hook. A nil *running is one that cannot be had.
type running struct {
	f    *os.File
	path string
}

// takeRunning waits for a program of the hook that an earlier ccsfs has left, as long as
// that one would have let it run, and then goes on beside it. It fails with the error of
// ctx alone: where nothing can be locked, nothing is waited for.
func (w *worker) takeRunning(ctx context.Context) (*running, error) {
	path := filepath.Join(w.queue.dir, w.hook.Key, runningName)
	f, err := openRunning(path)
	if err != nil {
		return nil, nil
	}
	end := time.Now().Add(w.hook.timeout)
	for told := false; ; told = true {
		err := osfile.TryLock(f)
		switch {
		case err == nil:
			return &running{f, path}, nil
		case !errors.Is(err, osfile.ErrLocked):
			_ = f.Close()
			return nil, nil
		case time.Now().After(end):
			_ = f.Close()
			w.say("%s: what an earlier ccsfs has started runs still; not waiting for it any longer", w.hook.Name)
			return replaceRunning(path), nil
		}
		if !told {
			w.say("%s: what an earlier ccsfs has started runs still; waiting for it, at most --hook-timeout (%v)", w.hook.Name, w.hook.timeout)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(runningPoll):
		}
	}
}

// replaceRunning makes a new file, for the old one is held by something that may never end,
// such as a daemon: only one message waits for that.
func replaceRunning(path string) *running {
	_ = osfile.Remove(path)
	f, err := openRunning(path)
	if err != nil {
		return nil
	}
	if osfile.TryLock(f) != nil {
		_ = f.Close()
		return nil
	}
	return &running{f, path}
}

func openRunning(path string) (*os.File, error) {
	return osfile.Open(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// end removes the file, and gives the lock back, also for what the program has left running:
// that is no business of the next message.
func (r *running) end() {
	if r == nil {
		return
	}
	_ = osfile.Remove(r.path) // one process at a time has the queue: nobody waits for it
	_ = osfile.Unlock(r.f)    // closing gives it back, if nobody else has it
	_ = r.f.Close()
}
