//go:build !linux && !windows

package mountinfo

import (
	"bytes"
	"os/exec"
)

// Table is the table of mounts, as mount(8) prints it.
func Table() ([]Entry, error) {
	out, err := exec.Command("mount").Output()
	if err != nil {
		return nil, err
	}
	return parseMountOutput(bytes.NewReader(out))
}
