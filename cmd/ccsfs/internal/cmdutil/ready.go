package cmdutil

import (
	"strconv"
)

// ReadyVariable tells a process in the background on which descriptor it is
// to say that it is mounted, or why not.
const ReadyVariable = "CCSFS_INTERNAL_READY_FD"

// ReadyPipe returns the descriptor of the starter, -1 if there is none.
func ReadyPipe(env Environment) int {
	fd, err := strconv.Atoi(env.Vars[ReadyVariable])
	if err != nil {
		return -1
	}
	return fd
}
