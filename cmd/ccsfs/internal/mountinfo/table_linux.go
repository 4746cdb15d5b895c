package mountinfo

import (
	"os"
)

// Table is the table of mounts, as the kernel has it (proc_pid_mountinfo(5)).
func Table() ([]Entry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseMountinfo(f)
}
