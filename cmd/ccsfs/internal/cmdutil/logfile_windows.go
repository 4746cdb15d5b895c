package cmdutil

import (
	"os"

	"ccsfs/internal/osfile"
)

// openLog opens a log, which may be renamed while it is open.
func openLog(path string, _ bool) (*os.File, error) {
	return osfile.Open(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// follow goes on with a new file. It returns what is written to from now on.
func follow(old, to *os.File) (*os.File, error) { return to, old.Close() }
