package mountinfo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxUsers bounds how many processes a message names.
const maxUsers = 5

// Process is one that uses a mount.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"program"`
}

// String names it for people.
func (p Process) String() string { return fmt.Sprintf("%s (pid %d)", p.Name, p.PID) }

// UsersOf names processes that have a file, or their working directory, below
// path, as far as /proc lets us see, five at most; more says that there are others. The
// process that asks is not among them. It never touches the mount itself.
func UsersOf(path string) (users []Process, more bool) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, false
	}
	for _, process := range processes {
		if !uses(process, path) {
			continue
		}
		if len(users) == maxUsers {
			return users, true
		}
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil || pid == os.Getpid() {
			continue // no process, or the one that asks
		}
		users = append(users, Process{pid, strings.ToValidUTF8(strings.TrimSpace(string(name)), "?")})
	}
	return users, false
}

// uses tells whether a process, given by its directory in /proc, is below path.
func uses(process, path string) bool {
	links := []string{filepath.Join(process, "cwd"), filepath.Join(process, "root")}
	fds, err := filepath.Glob(filepath.Join(process, "fd", "*"))
	if err != nil {
		return false
	}
	for _, link := range append(links, fds...) {
		if target, err := os.Readlink(link); err == nil && path != "/" && Within(target, path) {
			return true
		}
	}
	maps, err := os.ReadFile(filepath.Join(process, "maps"))
	return err == nil && strings.Contains(string(maps), " "+path+"/")
}
