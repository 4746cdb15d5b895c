package s3

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// What ends a request that goes on without getting on.
var (
	errSilent = errors.New("it does not answer")
	errStill  = errors.New("it stands still")
)

// watch ends a context once nothing has happened for a while. It is armed when it is made.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func newWatch(ctx context.Context, patience time.Duration, why error) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &watch{cancel, time.AfterFunc(patience, func() { cancel(why) })}
}

// arm begins to wait anew.
func (w *watch) arm(patience time.Duration) { w.timer.Reset(patience) }

// rest waits for nothing until it is armed again.
func (w *watch) rest() { w.timer.Stop() }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// finish is how much longer than for the next piece the answer to a whole upload is waited for:
// the last megabytes may still be in the buffers of the network, and are then made durable.
const finish = 3

// upload is what is put: each read of it shows that the upload gets on. HTTP may read on for a
// moment after a request has failed; nothing reaches the body after end.
type upload struct {
	w     *watch
	stall time.Duration
	size  int64

	mu   sync.Mutex
	body io.ReaderAt // nil: ended
	err  error       // of body
}

var errEnded = errors.New("the upload has ended")

// ReadAt implements io.ReaderAt.
func (u *upload) ReadAt(p []byte, off int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.body == nil {
		return 0, errEnded
	}
	n, err := u.body.ReadAt(p, off)
	switch {
	case off+int64(n) >= u.size:
		u.w.arm(finish * u.stall)
	case n > 0:
		u.w.arm(u.stall)
	}
	if errors.Is(err, io.EOF) && n < len(p) && off+int64(n) < u.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}

// end takes the body away, and tells how it failed, if it did.
func (u *upload) end() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.body = nil
	return u.err
}

// download is the body of an object that was opened. Whoever reads it slowly is not waited for;
// a service that sends nothing is.
type download struct {
	body  io.ReadCloser
	w     *watch
	stall time.Duration
	left  int64
	fail  func(error) error
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	d.w.arm(d.stall)
	n, err := d.body.Read(p)
	d.w.rest()
	d.left -= int64(n)
	switch {
	case err == nil || errors.Is(err, io.EOF) && d.left <= 0:
		return n, err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return n, d.fail(err)
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.w.end()
	return d.body.Close()
}
