//go:build !windows

package fs

import (
	"context"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	// callerPoll is how often the caller of an operation that takes long is
	// looked at, interruptedPoll the same once it has been interrupted.
	callerPoll      = 250 * time.Millisecond
	interruptedPoll = 50 * time.Millisecond
)

// withInterrupts returns the context to wait with in an operation. The
// operation must call done before it returns.
//
// go-fuse cancels ctx at FUSE_INTERRUPT, which the kernel sends for any signal:
// also for those that a Go program sends itself to switch goroutines (SIGURG),
// and for a window that was resized. Failing a read for them would break the
// program. So at an interrupt the caller's pending signals are looked at, and
// the returned context is cancelled only if it means to end.
//
// Two facts make this a poll. The kernel sends one FUSE_INTERRUPT for a request
// and then waits uninterruptibly for the answer (request_wait_answer in
// fs/fuse/dev.c), so a Ctrl-C after a harmless signal is not announced. And it
// sends none at all for reads ahead, which a reader of cached pages waits for
// in a way that only fatal signals end.
func withInterrupts(ctx context.Context) (waiting context.Context, done func()) {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		return context.WithCancel(ctx)
	}
	p := &patient{parent: ctx, look: func() caller { return lookAt(c.Pid) }}
	return p, p.finish
}

// caller is what can be seen of the thread that an operation is done for.
type caller struct {
	hidden bool // it cannot be seen: in another PID namespace, or no /proc
	gone   bool // it has ended
	ending bool // a signal is pending that it wants to be interrupted by
	asleep bool // it waits uninterruptibly, as it does for us
}

// patient is a context that is cancelled when the caller wants to end. Looking
// at the caller begins when somebody first waits for it.
type patient struct {
	parent context.Context
	look   func() caller

	begin sync.Once
	mu    sync.Mutex
	done  chan struct{} // nil until somebody waits
	stop  chan struct{}
	err   error
}

func (p *patient) Deadline() (time.Time, bool) { return p.parent.Deadline() }
func (p *patient) Value(key any) any           { return p.parent.Value(key) }

func (p *patient) Done() <-chan struct{} {
	p.begin.Do(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.done = make(chan struct{})
		if p.err != nil {
			close(p.done)
			return
		}
		p.stop = make(chan struct{})
		go p.watch(p.stop)
	})
	return p.done
}

func (p *patient) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// cancel ends the context.
func (p *patient) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	p.err = context.Canceled
	if p.done != nil {
		close(p.done)
	}
}

// finish ends the context and the watching, since the operation is over. The
// parent's channel serves another request after that.
func (p *patient) finish() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
}

// watch looks at the caller from time to time, until stop.
func (p *patient) watch(stop <-chan struct{}) {
	interrupt := p.parent.Done()
	timer := time.NewTimer(callerPoll)
	defer timer.Stop()
	for awake := 0; ; {
		select {
		case <-stop:
			return
		case <-interrupt:
			interrupt = nil
		case <-timer.C:
		}
		interrupted := interrupt == nil
		c := p.look()
		if c.hidden && !interrupted {
			continue // nothing to see: only an interrupt counts
		}
		// An interrupted caller sleeps until we answer. One that does not has
		// been let go: the connection to the kernel is gone, and go-fuse has
		// cancelled everything. It is looked at twice, since it is awake for a
		// moment between being interrupted and going to sleep.
		if awake++; !interrupted || c.asleep {
			awake = 0
		}
		if c.hidden || c.gone || c.ending || awake >= 2 {
			p.cancel()
			return
		}
		if interrupted {
			timer.Reset(interruptedPoll)
		} else {
			timer.Reset(callerPoll)
		}
	}
}
