package cmdutil

import "golang.org/x/sys/unix"

// duplicate makes the descriptor to one of what from is. Only standard error is
// inherited by programs that are run.
func duplicate(from, to int) error {
	flags := unix.O_CLOEXEC
	if to == unix.Stderr {
		flags = 0
	}
	return unix.Dup3(from, to, flags)
}
