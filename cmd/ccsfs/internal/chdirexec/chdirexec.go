//go:build !windows

// Package chdirexec runs a program inside a mount of this process, by way of a hidden
// command that enters the directory and becomes the program.
package chdirexec

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// Name is the hidden command that enters a directory and becomes
// another program. exec needs the step in between: this process must not
// fork with a directory of its own mount as the working directory, since a
// Go process waits for the child to get to its exec, and the child waits for
// this process to answer for the directory ("Deadlocks" in go-fuse's package
// fs). The helper enters the mount after its own exec, when nobody waits.
const Name = "internal-inside"

// Command is `ccsfs internal-inside DIRECTORY PROGRAM NAME [ARG…]`.
func Command() *cobra.Command {
	return &cobra.Command{
		Use: Name, Hidden: true, DisableFlagParsing: true, Args: cmdutil.TakesCommand(3, "an argument"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.Chdir(args[0]); err != nil {
				return exitcode.Errorf(exitcode.Failed, "cannot enter the mount: %w", err)
			}
			err := unix.Exec(args[1], args[2:], os.Environ())
			return commandError(args[2], err)
		},
	}
}

// FindCommand finds the program that name stands for, as a shell in the
// user's directory would: the mount holds no programs.
func FindCommand(env cmdutil.Environment, name string) (string, error) {
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(env.Dirs.Work, name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", commandError(name, err)
	}
	return filepath.Abs(path)
}

// commandError gives the failure to start a command the status that a shell
// gives it.
func commandError(name string, err error) error {
	var inner *exec.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return exitcode.Errorf(exitcode.NotFound, "%s: command not found", name)
	}
	return exitcode.Errorf(exitcode.NotExecutable, "cannot run %s: %w", name, err)
}

// RunInside runs a command with dir, a mount of this process, as its
// directory, passes signals on, and returns its exit status.
func RunInside(env cmdutil.Environment, signals <-chan os.Signal, dir, program string, args []string) (int, error) {
	cmd := cmdutil.SelfCommand(append([]string{Name, dir, program}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.Stdin, env.Stdout, env.Stderr
	cmd.Env = childEnvironment(env, dir)
	if err := cmd.Start(); err != nil {
		return exitcode.Failed, exitcode.Errorf(exitcode.Failed, "cannot start %s: %w", args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return exitStatus(cmd.ProcessState, err)
		case sig := <-signals:
			if sig != unix.SIGPIPE && !fromTerminal(sig) {
				_ = cmd.Process.Signal(sig) // fails only if it has just ended
			}
		}
	}
}

// fromTerminal tells a key press, which the terminal has sent to the command
// too, from a signal sent to this process alone.
func fromTerminal(sig os.Signal) bool {
	if sig != unix.SIGINT && sig != unix.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false // no terminal
	}
	defer func() { _ = tty.Close() }()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// exitStatus is the status of an ended command as a shell reports it.
func exitStatus(state *os.ProcessState, err error) (int, error) {
	if state == nil {
		return exitcode.Failed, err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitcode.Signal + int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// childEnvironment is our environment without the secrets, which the command
// has no need of, and with the mountpoint.
func childEnvironment(env cmdutil.Environment, mountpoint string) []string {
	secret := map[string]bool{"CCSFS_MOUNTPOINT": true, "PWD": true, cmdutil.ReadyVariable: true, mounts.PlaceVariable: true}
	for _, s := range settings.Table() {
		secret[s.Environment()] = s.Secret
	}
	vars := []string{"CCSFS_MOUNTPOINT=" + mountpoint, "PWD=" + mountpoint}
	for name, value := range env.Vars {
		if !secret[name] {
			vars = append(vars, name+"="+value)
		}
	}
	return vars
}
