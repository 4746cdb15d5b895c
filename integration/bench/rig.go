//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/integration/bench/table"
)

// bench holds what the cases share.
type bench struct {
	options
	ctx        context.Context
	contenders []contender // the first one is judged
	work       table.Table // mounts
	faces      table.Table // servers
	serial     int
	load       string // of the machine, when this began
	undo       []func()
}

func newBench(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, ctx: ctx, load: load()}
	if min(o.rounds, o.documents, o.memoryDocuments, o.blobs) < 1 {
		return nil, errors.New("there is one round and one document at least")
	}
	dir, err := os.MkdirTemp(o.dir, "ccsfs-bench-")
	if err != nil {
		return nil, err
	}
	if b.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	b.undo = append(b.undo, func() { os.RemoveAll(b.dir) })
	if err := b.gather(); err != nil {
		b.close()
		return nil, err
	}
	for _, c := range b.contenders {
		b.work.Contenders = append(b.work.Contenders, c.name)
	}
	b.faces.Contenders = b.work.Contenders
	b.work.Peers = []string{"rclone"}
	b.faces.Peers = []string{"rclone serve webdav", "rclone serve http", "curl, straight"}
	return b, nil
}

func (b *bench) close() {
	for i := len(b.undo) - 1; i >= 0; i-- {
		b.undo[i]()
	}
}

// add adds a row to the table of mounts.
func (b *bench) add(r table.Row) {
	b.work.Add(r)
	fmt.Fprintf(os.Stderr, "  %s\n", b.work.Line(r))
}

// addFace adds a row to the table of servers.
func (b *bench) addFace(r table.Row) {
	b.faces.Add(r)
	fmt.Fprintf(os.Stderr, "  %s\n", b.faces.Line(r))
}

// print writes both tables, and how many targets were met.
func (b *bench) print(w io.Writer) error {
	fmt.Fprintf(w, "Measured %s on %s, with a load of %s when it began; medians of %d rounds, and of %d of what takes milliseconds.\n",
		time.Now().Format("2006-01-02"), machine(), b.load, b.rounds, b.rounds*warmRounds)
	var met, of int
	for _, t := range []*table.Table{&b.work, &b.faces} {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := t.Write(w); err != nil {
			return err
		}
		m, n := t.Met()
		met, of = met+m, of+n
	}
	_, err := fmt.Fprintf(w, "\n%d of %d targets met.\n", met, of)
	return err
}

// machine says where this was measured.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	return fmt.Sprintf("%d cores, %s %s, %s", runtime.NumCPU(), unix.ByteSliceToString(u.Sysname[:]),
		unix.ByteSliceToString(u.Release[:]), runtime.Version())
}

// load is how many processes wanted a core in the last minute: none should, beside this.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	minute, _, _ := strings.Cut(string(text), " ")
	return minute
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

// settle waits until what was prepared is on the disk: else that is written while something is
// measured. What is in memory stays there.
func (b *bench) settle() error {
	f, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
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
