//go:build !windows

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
)

// bench holds what the cases share.
type bench struct {
	options
	ctx    context.Context
	table  table
	serial int
	undo   []func()
}

func newBench(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, ctx: ctx}
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "ccsfs-bench-")
		if err != nil {
			return nil, err
		}
		b.dir = dir
		b.undo = append(b.undo, func() { os.RemoveAll(dir) })
	}
	bin, err := filepath.Abs(b.binary)
	if err != nil {
		return nil, err
	}
	if b.binary = bin; exec.Command(bin, "version").Run() != nil {
		return nil, fmt.Errorf("%s does not run; build it first (make)", bin)
	}
	return b, nil
}

func (b *bench) close() {
	for i := len(b.undo) - 1; i >= 0; i-- {
		b.undo[i]()
	}
}

// fresh is a new empty directory.
func (b *bench) fresh(name string) string {
	b.serial++
	dir := filepath.Join(b.dir, fmt.Sprintf("%s%d", name, b.serial))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		panic(err) // a scratch directory that cannot be made: nothing can be measured
	}
	return dir
}

// api is a simulated API of its own.
type api struct {
	*apisim.Server
	url string
	srv *http.Server
}

func (b *bench) serve(account *apisim.Account, latency time.Duration) (*api, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &apisim.Server{Account: account, Latency: latency}
	a := &api{Server: s, url: "http://" + l.Addr().String(), srv: &http.Server{Handler: s}}
	go a.srv.Serve(l)
	b.undo = append(b.undo, func() { a.srv.Close() })
	return a, nil
}

// process is a program that runs until it is interrupted.
type process struct{ cmd *exec.Cmd }

// stop ends it.
func (p process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// ccsfs is a command of ccsfs that asks an api, as often as it likes, and has the
// credentials; it is not started.
func (b *bench) ccsfs(a *api, command, cache string, flags ...string) process {
	args := append([]string{command, "--api-url=" + a.url + apisim.APIPath, "--oauth-url=" + a.url + apisim.OAuthPath,
		"--cache-dir=" + cache, "--rate-limit=0", "--log-level=warn"}, flags...)
	cmd := exec.Command(b.binary, args...)
	cmd.Env = append(os.Environ(), "CCSFS_CLIENT_ID="+apisim.ClientID, "CCSFS_CLIENT_SECRET="+apisim.ClientSecret,
		"CCSFS_API_KEY="+apisim.APIKey)
	return process{cmd}
}

// mount is a mount of a ccsfs.
type mount struct {
	process
	path string
}

// mount starts ccsfs on a cache and waits until it is there.
func (b *bench) mount(a *api, cache string, flags ...string) (*mount, error) {
	path := b.fresh("mnt")
	m := &mount{process: b.ccsfs(a, "mount", cache, append(flags, path)...), path: path}
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		if mounts, _ := os.ReadFile("/proc/self/mounts"); bytes.Contains(mounts, []byte(" "+m.path+" fuse.ccsfs ")) {
			return m, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.cmd.Process.Kill()
	return nil, errors.New("ccsfs did not mount")
}

func (m *mount) unmount() error { return m.stop() }

// peak is the largest resident memory of the process so far, in MiB.
func (p process) peak() (float64, error) { return p.memory("VmHWM:") }

// resident is its resident memory now, in MiB.
func (p process) resident() (float64, error) { return p.memory("VmRSS:") }

func (p process) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == field {
			kib, err := strconv.ParseFloat(f[1], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no " + field + " in status")
}

// sh runs a shell command and tells how long it took. "$1" … are args.
func (b *bench) sh(script string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, "sh", append([]string{"-ec", script, "sh"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", script, err, out.Bytes())
	}
	return took, nil
}

// dropCaches empties the kernel's caches, where it may.
func dropCaches() error {
	if out, err := exec.Command("sync").CombinedOutput(); err != nil {
		return fmt.Errorf("sync: %w: %s", err, out)
	}
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200)
}
