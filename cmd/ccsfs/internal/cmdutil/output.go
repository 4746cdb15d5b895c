package cmdutil

import (
	"bufio"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Printing hands out a buffered standard output. If whoever reads it has left,
// as head does, the command ends quietly, with the status that a shell gives to
// SIGPIPE.
func Printing(env Environment, use func(w io.Writer) error) error {
	_, stop := env.Notify(unix.SIGPIPE) // else the signal ends the program before it has cleaned up
	defer stop()
	out := &output{w: env.Stdout, at: env.Printed}
	w := bufio.NewWriterSize(out, 64<<10)
	err := use(w)
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	switch {
	case errors.Is(out.err, unix.EPIPE):
		return exitcode.Silently(exitcode.Signal + int(unix.SIGPIPE))
	case out.err != nil:
		return exitcode.Errorf(exitcode.Failed, "cannot write the output: %w", out.err)
	}
	return err
}

// output remembers why it could not be written to.
type output struct {
	w   io.Writer
	at  *atomic.Int64
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.at.Store(time.Now().UnixNano())
	if err != nil {
		o.err = err
	}
	return n, err
}
