package index

import (
	"errors"
	"os"
	"time"

	"ccsfs/internal/osfile"
)

// lockMost is how long lockShared waits: longer than any compaction takes.
const lockMost = time.Second

// lockShared waits for a shared lock on f, and reports whether the time was enough:
// a process can be stopped with the other one in hand. Where the file system has no
// locks it does nothing: it only guards against a second process's compaction.
func lockShared(f *os.File) bool {
	for pause, waited := time.Millisecond/16, time.Duration(0); ; pause *= 2 {
		switch err := osfile.TryShare(f); {
		case !errors.Is(err, osfile.ErrLocked):
			return true
		case waited >= lockMost:
			return false
		}
		time.Sleep(pause)
		waited += pause
	}
}

// lockExclusive tries for an exclusive lock on f. It lasts until the file is
// closed or the process ends, also by kill -9.
func lockExclusive(f *os.File) bool {
	return osfile.TryLock(f) == nil
}
