package apiclient

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	drainBytes = 64 << 10              // rest of a body worth reading to keep the connection
	drainTime  = 20 * time.Millisecond // it must have arrived by then
)

// paceLeast is how slow a body may be, in bytes a second: a tenth of what the slowest
// modems did. What comes more slowly for the time-out has stalled: a server that
// sends a byte now and then would keep its reader for ever.
const paceLeast = 64

// body is the body of an answer. One that stalls fails; a reader that pauses between
// reads is not punished. It ends in io.EOF only if all bytes that were announced came.
type body struct {
	src     io.ReadCloser
	want    int64 // bytes announced, -1 if not
	timeout time.Duration
	cancel  context.CancelCauseFunc // of the request
	broken  func(error) *Error      // classifies what ended the body

	mu    sync.Mutex // held by Read
	got   int64
	err   error // what ended the body, for good
	timer *time.Timer

	lap    int64         // got when the pace was last kept
	waited time.Duration // for bytes since then
	most   time.Duration // that it was ever waited so

	shut sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	left := max(b.timeout-b.waited, 0)
	if b.timer == nil {
		b.timer = time.AfterFunc(left, func() { b.cancel(&stallError{b.timeout}) })
	} else {
		b.timer.Reset(left)
	}
	start := time.Now()
	n, err := b.src.Read(p)
	b.timer.Stop()
	b.got += int64(n)
	b.waited += time.Since(start)
	b.most = max(b.most, b.waited)
	if float64(b.got-b.lap) >= paceLeast*b.timeout.Seconds() {
		b.lap, b.waited = b.got, 0
	}
	b.err = b.ended(err)
	return n, b.err
}

// slowest is the longest that bytes enough were waited for so far.
func (b *body) slowest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// ended turns the end of the source into that of the body.
func (b *body) ended(err error) error {
	switch {
	case b.want >= 0 && b.got > b.want:
		return b.broken(fmt.Errorf("%d bytes came where %d were announced", b.got, b.want))
	case err == nil:
		return nil
	case err == io.EOF && (b.want < 0 || b.got == b.want): //nolint:errorlint // a wrapped one is no end
		return io.EOF
	}
	e := b.broken(err)
	if e.is(ErrUnreachable) {
		e.Message = fmt.Sprintf("the connection broke after %d bytes: %s", b.got, e.Message)
	}
	return e
}

// Close ends the request at once, whatever is still to come. Only a short rest
// that is there already is read, so that the connection can be used again.
func (b *body) Close() error {
	b.shut.Do(func() {
		if b.mu.TryLock() { // else someone reads: cancelling ends that
			if b.err == nil && b.want-b.got >= 0 && b.want-b.got <= drainBytes {
				timer := time.AfterFunc(drainTime, func() { b.cancel(errBodyShut) })
				_, _ = io.Copy(io.Discard, io.LimitReader(b.src, drainBytes+1))
				timer.Stop()
			}
			b.err = cmp.Or(b.err, errBodyShut)
			b.mu.Unlock()
		}
		b.cancel(errBodyShut)
		b.src.Close()
	})
	return nil
}
