package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxUsers bounds how many processes a message names.
const maxUsers = 5

// usersOf names processes that have a file, or their working directory, below
// path, as far as /proc lets us see. It never touches the mount itself.
func usersOf(path string) []string {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var users []string
	for _, process := range processes {
		if !uses(process, path) {
			continue
		}
		if len(users) == maxUsers {
			return append(users, "others")
		}
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue // it has ended
		}
		users = append(users, fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), filepath.Base(process)))
	}
	return users
}

// uses tells whether a process, given by its directory in /proc, is below path.
func uses(process, path string) bool {
	links := []string{filepath.Join(process, "cwd"), filepath.Join(process, "root")}
	fds, err := filepath.Glob(filepath.Join(process, "fd", "*"))
	if err != nil {
		return false
	}
	for _, link := range append(links, fds...) {
		if target, err := os.Readlink(link); err == nil && path != "/" && within(target, path) {
			return true
		}
	}
	maps, err := os.ReadFile(filepath.Join(process, "maps"))
	return err == nil && strings.Contains(string(maps), " "+path+"/")
}
