package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ccsfs/internal/pool"
)

// What touches the mount runs behind, since the kernel holds whoever does for as long as the
// server is away, and neither a context nor a signal to others ends that. Who wants something
// waits for as long as it gets on; what was given up ends by itself once the server answers.
const (
	// patience is how long a look (open, stat, a part of a directory) is waited for.
	patience = 2 * time.Second
	// stall is the same of a piece of a body, and of what changes a directory.
	stall = 10 * time.Second
	// finish is how many times stall a part of what was written may take to be made durable.
	finish = 3
	part   = 8 << 20 // bytes
	// atOnce is how many threads may touch the mount at once: each that is held is one.
	atOnce = 64
)

// errStill is of a file system whose server is away, or takes far too long.
var errStill = fmt.Errorf("%w: the file system stands still", pool.ErrAway)

func (s *Store) still() error {
	return fmt.Errorf("%w, and %s with it; see whether its server can be reached", errStill, s.path)
}

// errGivenUp is what work sees that nobody waits for any more.
var errGivenUp = errors.New("nobody waits for it any more")

// work is something that is done to the mount.
type work struct {
	store *Store
	timer *time.Timer // until it is given up

	mu    sync.Mutex
	ended bool // nobody waits for it, or for what it leaves, any more
	err   error
}

// goOn has the next step be waited for anew, and fails if nobody waits for it: then it is not
// to be taken.
func (w *work) goOn(step string, most time.Duration) error {
	w.mu.Lock()
	ended := w.ended
	if !ended {
		w.timer.Reset(most)
	}
	w.mu.Unlock()
	if ended {
		return errGivenUp
	}
	w.store.steps.Add(1)
	if w.store.touch != nil {
		return w.store.touch(step)
	}
	return nil
}

// end has nobody wait for it any more. It reports whether that is new.
func (w *work) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.ended
	w.ended = true
	return !was
}

// enter waits until there is a thread that may touch the mount, as long as others get on there.
func (s *Store) enter(ctx context.Context, w *work) error {
	for seen := s.steps.Load(); ; {
		select {
		case s.slots <- struct{}{}:
			w.timer.Reset(patience)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.timer.C:
		}
		now := s.steps.Load()
		if now == seen {
			return s.still()
		}
		seen = now
		w.timer.Reset(patience)
	}
}

// behind does something to the mount, and waits for it as long as it gets on, or until the
// context ends. What op leaves to its caller is the caller's if the error is nil, and only
// then: undo is called where op came to a good end, and nobody waited for that any more.
func (s *Store) behind(ctx context.Context, op func(*work) error, undo func()) error {
	w := &work{store: s, timer: time.NewTimer(patience)}
	defer w.timer.Stop()
	if err := s.enter(ctx, w); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer func() {
			s.steps.Add(1)
			<-s.slots
		}()
		defer close(done)
		w.err = op(w)
		if !w.end() && w.err == nil && undo != nil {
			undo()
		}
	}()
	var why error
	select {
	case <-done:
		return w.err
	case <-ctx.Done():
		why = context.Cause(ctx)
	case <-w.timer.C:
		why = s.still()
	}
	if w.end() {
		return why
	}
	<-done // it came to its end at this moment, and has nothing left to do
	return w.err
}

// closeBehind closes something that lies on the mount, which may hold that up, too.
func (s *Store) closeBehind(c io.Closer) error {
	done := make(chan error, 1)
	go func() {
		if s.touch != nil {
			_ = s.touch("close")
		}
		done <- c.Close()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return s.still()
	}
}

// upload is what is put, as it is read by work: nothing reaches the body once nobody waits for
// that.
type upload struct {
	ctx  context.Context
	w    *work
	body io.Reader
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	if u.w.ended {
		return 0, errGivenUp
	}
	n, err := u.body.Read(p)
	u.w.timer.Reset(stall)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}
