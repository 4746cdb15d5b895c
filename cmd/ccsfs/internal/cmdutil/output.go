package cmdutil

import (
	"bufio"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/osfile"
)

// Printing hands out a buffered standard output. If whoever reads it has left,
// as head does, the command ends quietly, with the status that a shell gives to
// SIGPIPE.
func Printing(env Environment, use func(w io.Writer) error) error {
	_, stop := env.Notify(syscall.SIGPIPE) // else the signal ends the program before it has cleaned up
	defer stop()
	out := &output{w: env.Stdout, at: env.Printed}
	w := bufio.NewWriterSize(out, 64<<10)
	err := use(w)
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	switch {
	case osfile.IsUnread(out.err):
		return exitcode.Silently(exitcode.Signal + int(syscall.SIGPIPE))
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
