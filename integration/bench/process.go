//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// process is a program that runs until it is interrupted.
type process struct{ cmd *exec.Cmd }

// stop ends it.
func (p process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// ccsfs is a command of a contender that asks an api, as often as it likes, and has the
// credentials; it is not started.
func (c contender) ccsfs(a *api, command, cache string, flags ...string) process {
	args := append([]string{command, "--api-url=" + a.url + apisim.APIPath, "--oauth-url=" + a.url + apisim.OAuthPath,
		"--cache-dir=" + cache, "--rate-limit=0", "--log-level=warn"}, flags...)
	if a.ca != "" {
		args = append(args, "--ca-file="+a.ca)
	}
	cmd := exec.Command(c.binary, args...)
	cmd.Env = append(os.Environ(), "CCSFS_CLIENT_ID="+apisim.ClientID, "CCSFS_CLIENT_SECRET="+apisim.ClientSecret,
		"CCSFS_API_KEY="+apisim.APIKey)
	cmd.Env = append(cmd.Env, c.env...)
	return process{cmd}
}

// mount is a mount of a ccsfs.
type mount struct {
	process
	path string
}

// mount starts a contender on a cache and waits until it is there.
func (b *bench) mount(c contender, a *api, cache string, flags ...string) (*mount, error) {
	table, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	defer table.Close()
	path := b.fresh("mnt")
	m := &mount{process: c.ccsfs(a, "mount", cache, append(flags, path)...), path: path}
	m.cmd.Stderr = warnings{os.Stderr}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	// The kernel tells of each change of the table by POLLPRI (proc(5)), so that neither a
	// poller takes a core from what is measured nor the time is that of its pauses.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && b.ctx.Err() == nil; {
		mounts, err := os.ReadFile("/proc/self/mounts")
		if err == nil && bytes.Contains(mounts, []byte(" "+m.path+" fuse.ccsfs ")) {
			return m, nil
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(table.Fd()), Events: unix.POLLPRI}}, 100)
	}
	_ = m.stop()
	return nil, errors.New(c.name + " did not mount")
}

// warnings passes on what a mount says but where it is. Each write is a line.
type warnings struct{ to io.Writer }

func (w warnings) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("ccsfs: mounted at ")) {
		return len(line), nil
	}
	return w.to.Write(line)
}

// unmount ends the mount; the kernel's pages of it go with it.
func (m *mount) unmount() error { return m.stop() }

// contractDir is the first contract's directory under a mount.
func contractDir(m *mount) (string, error) {
	entries, err := os.ReadDir(m.path)
	if err != nil || len(entries) == 0 {
		return "", errors.Join(errors.New("nothing mounted at "+m.path), err)
	}
	return filepath.Join(m.path, entries[0].Name()), nil
}

// peak is the largest resident memory of the process so far, in bytes.
func (p process) peak() (float64, error) { return p.memory("VmHWM:") }

// resident is its resident memory now, in bytes.
func (p process) resident() (float64, error) { return p.memory("VmRSS:") }

func (p process) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == field {
			kib, err := strconv.ParseFloat(f[1], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no " + field + " in status")
}

// forget writes the files below a directory to the disk, and takes their pages out of the
// kernel's memory; those of other programs stay there.
func forget(dir string) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		// A mount that only reads need not know fsync; pages that are clean go without it.
		_ = f.Sync()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}
