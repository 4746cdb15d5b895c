//go:build unix && !linux

package cmdutil

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// duplicate makes the descriptor to one of what from is. Only standard error is
// inherited by programs that are run.
func duplicate(from, to int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Dup2(from, to); err != nil {
		return err
	}
	if to != unix.Stderr {
		unix.CloseOnExec(to)
	}
	return nil
}
