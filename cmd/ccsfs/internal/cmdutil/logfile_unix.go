//go:build unix

package cmdutil

import (
	"os"
	"syscall"
)

// openLog opens a log. Where it does not wait, a pipe that nobody reads is an error.
func openLog(path string, wait bool) (*os.File, error) {
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE
	if !wait {
		flags |= syscall.O_NONBLOCK
	}
	return os.OpenFile(path, flags, 0o600)
}

// follow goes on with a new file under the descriptor of the old one: whatever has that goes
// on with it, too. It returns what is written to from now on.
func follow(old, to *os.File) (*os.File, error) {
	defer func() { _ = to.Close() }()
	return old, duplicate(int(to.Fd()), int(old.Fd()))
}
