//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// group is a program that was started, with all that it starts itself (setpgid(2)). Ctrl-C
// is not for it.
type group struct{ pid int }

func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &group{cmd.Process.Pid}, nil
}

// ask asks it to end.
func (g *group) ask() { _ = syscall.Kill(-g.pid, syscall.SIGTERM) }

// kill ends what is left of it.
func (g *group) kill() { _ = syscall.Kill(-g.pid, syscall.SIGKILL) }

func (g *group) close() {}
