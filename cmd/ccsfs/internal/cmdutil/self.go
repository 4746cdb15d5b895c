package cmdutil

import (
	"os"
	"os/exec"
)

// SelfCommand runs this program again, even if its file was replaced since.
func SelfCommand(args ...string) *exec.Cmd {
	path := "/proc/self/exe"
	if _, err := os.Lstat(path); err != nil {
		if self, err := os.Executable(); err == nil {
			path = self
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = "ccsfs" // not the name of the mount helper
	return cmd
}
