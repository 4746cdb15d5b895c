//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/content"
)

// single is an account of one large document, and its path and bytes.
func single(t *testing.T, size int64) (*apisim.Account, file) {
	t.Helper()
	a := pseudo(1, size)
	return a, expected(t, &apisim.Server{Account: a}, nil)[0]
}

// TestHundredReadersOneCall: all at once, by two kinds of programs, from a
// mount that nobody has touched.
func TestHundredReadersOneCall(t *testing.T) {
	begin(t)
	for _, size := range []int64{100_000, 6 << 20} { // kept at its first stat, or not
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			account, f := single(t, size)
			r := newRig(t, options{account: account})
			want := reference(t, []file{f}) + "/" + f.path
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, apisim.Fault{Delay: 200 * time.Millisecond})
			a := newAgent(t)
			var readers []<-chan answer
			for range 60 {
				readers = append(readers, a.ask(question{Op: "sum", Path: r.path(f.path)}))
			}
			r.sh(`for i in $(seq 40); do cmp "$MNT/$FILE" "$WANT" & p="${p:-} $!"; done; for i in $p; do wait $i; done`,
				"FILE="+f.path, "WANT="+want)
			for i, c := range readers {
				if x := <-c; x.Errno != "" || x.Sum != sum(f.data) {
					t.Errorf("reader %d: %d bytes of %d, or others, %s", i, x.Size, len(f.data), x.Errno)
				}
			}
			onceEach(t, r.sim, []file{f})
		})
	}
}

// TestInterruptedReaderLeavesAlone: Ctrl-C ends a reader whose bytes do not
// come, and the others get theirs.
func TestInterruptedReaderLeavesAlone(t *testing.T) {
	begin(t)
	for _, q := range []struct {
		name   string
		quirks apisim.Quirks
		signal syscall.Signal
	}{
		{"SIGINT", apisim.Quirks{}, unix.SIGINT},
		{"SIGTERM, with Range", apisim.Quirks{Range: true, ETag: true}, unix.SIGTERM},
		{"SIGKILL", apisim.Quirks{}, unix.SIGKILL},
	} {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			account, f := single(t, 8<<20)
			r := newRig(t, options{account: account, quirks: q.quirks, content: func(c *content.Config) { c.StreamAbove = 4 << 20 }})
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, apisim.Fault{After: 3 << 20, Stall: true})
			victim, other := newReader(t, r.path(f.path)), newReader(t, r.path(f.path))
			victim.waitBlocked()
			other.waitBlocked()

			victim.cmd.Process.Signal(q.signal)
			var exit *exec.ExitError
			if _, err := victim.wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != q.signal {
				t.Errorf("interrupted reader: %v, want an end by %v", err, q.signal)
			}
			r.sim.Faults.Clear() // the connection breaks, and the download is taken up again
			data, err := other.wait()
			if err != nil || !bytes.Equal(data, f.data) {
				t.Errorf("the other reader: %d bytes of %d, or others, %v", len(data), len(f.data), err)
			}
			if got := r.must("sha256sum", r.path(f.path)); !strings.HasPrefix(got, sum(f.data)) {
				t.Error("a later reader gets other bytes")
			}
		})
	}
}

// TestInterruptedWhileTheSizeIsUnknown: stat, and open, of a document whose
// answer never comes can be interrupted, too.
func TestInterruptedWhileTheSizeIsUnknown(t *testing.T) {
	begin(t)
	account, f := single(t, 1000)
	r := newRig(t, options{account: account})
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
	for _, argv := range [][]string{{"stat", r.path(f.path)}, {"cat", r.path(f.path)}, {"ls", "-l", r.path(f.contract)}} {
		cmd := command(t, argv...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, argv[0]+" waits", func() bool { return waitsInKernel(cmd.Process.Pid, "") && r.sim.Calls().File > 0 })
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: ended without an error", argv[0])
		}
	}
	r.sim.Faults.Clear()
	if x := newAgent(t).readAll(r.path(f.path)); x.Errno != "" || !bytes.Equal(x.Data, f.data) {
		t.Errorf("afterwards: %d bytes of %d, or others, %s", len(x.Data), len(f.data), x.Errno)
	}
}

// TestInterruptedOpen: so can an open that waits for the rest of a document, and who
// comes later goes on with what is there.
func TestInterruptedOpen(t *testing.T) {
	begin(t)
	account, f := single(t, 8<<20)
	r := newRig(t, options{account: account, quirks: apisim.Quirks{Range: true, ETag: true}})
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, apisim.Fault{After: 3 << 20, Stall: true})
	cmd := command(t, "cat", r.path(f.path))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "cat waits", func() bool {
		return waitsInKernel(cmd.Process.Pid, "") && r.content.Stats().Bytes == 3<<20
	})
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err == nil {
		t.Error("cat ended without an error")
	}
	r.sim.Faults.Clear()
	if x := newAgent(t).readAll(r.path(f.path)); x.Errno != "" || !bytes.Equal(x.Data, f.data) {
		t.Errorf("afterwards: %d bytes of %d, or others, %s", len(x.Data), len(f.data), x.Errno)
	}
	if s := r.content.Stats(); s.Bytes > 8<<20 {
		t.Errorf("%d bytes came of %d", s.Bytes, 8<<20)
	}
}

// reader is a cat.
type reader struct {
	t    *testing.T
	cmd  *exec.Cmd
	path string
	data bytes.Buffer
	read chan error
}

func newReader(t *testing.T, path string) *reader {
	t.Helper()
	r := &reader{t: t, cmd: command(t, "cat", path), path: path, read: make(chan error, 1)}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := io.Copy(&r.data, out)
		r.read <- err
	}()
	return r
}

// waitBlocked waits until it has begun to read the document, and waits for more.
func (r *reader) waitBlocked() {
	r.t.Helper()
	eventually(r.t, "the reader waits for bytes", func() bool { return waitsInKernel(r.cmd.Process.Pid, r.path) })
}

// wait returns what was read, and how the reader ended.
func (r *reader) wait() ([]byte, error) {
	err := <-r.read
	return r.data.Bytes(), errors.Join(err, r.cmd.Wait())
}

// waitsInKernel reports whether a process waits for an answer of a FUSE file
// system; in read(2) of a file if that is given.
func waitsInKernel(pid int, path string) bool {
	wchan, err := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
	if err != nil || !(strings.Contains(string(wchan), "fuse") || strings.Contains(string(wchan), "request_wait") ||
		strings.Contains(string(wchan), "folio")) {
		return false
	}
	if path == "" {
		return true
	}
	call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	var number int
	var fd uint64
	if n, _ := fmt.Sscanf(string(call), "%d 0x%x", &number, &fd); err != nil || n != 2 || number != unix.SYS_READ {
		return false
	}
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	return err == nil && target == path
}
