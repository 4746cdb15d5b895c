package cmdutil

import (
	"os"
	"os/exec"
	"runtime"
)

// SelfCommand runs this program again, even if its file was replaced since.
func SelfCommand(args ...string) *exec.Cmd {
	path := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		if self, err := os.Executable(); err == nil {
			path = self
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = "ccsfs" // not the name of the mount helper
	return cmd
}
