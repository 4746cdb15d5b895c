//go:build linux

package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// TestFirstBytesBeforeTheBodyIsComplete: a reader gets its bytes while the
// download stands still behind them, whatever its tool; and where that breaks,
// the rest comes later.
func TestFirstBytesBeforeTheBodyIsComplete(t *testing.T) {
	begin(t)
	const size, sent = 80 << 20, 2 << 20
	account, f := single(t, size)
	for _, q := range []struct {
		name   string
		quirks apisim.Quirks
	}{
		{"to be begun anew", apisim.Quirks{}},
		{"to be resumed", apisim.Quirks{Range: true, ETag: true}},
	} {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account, quirks: q.quirks})
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, apisim.Fault{After: sent, Stall: true})
			a := newAgent(t)
			if x := a.stat(r.path(f.path)); x.Errno != "" || x.Size != size {
				t.Fatalf("stat: %d bytes, %s", x.Size, x.Errno)
			}
			if x := a.read(r.path(f.path), 0, 1<<20); x.Errno != "" || !bytes.Equal(x.Data, f.data[:1<<20]) {
				t.Fatalf("first bytes: %d, or others, %s", len(x.Data), x.Errno)
			}
			if got := r.must("head", "-c", "100000", r.path(f.path)); got != string(f.data[:100_000]) {
				t.Error("head gets other bytes")
			}
			if s := r.content.Stats(); s.Downloads != 0 || s.Bytes > sent {
				t.Errorf("%d downloads and %d bytes, but only %d were sent", s.Downloads, s.Bytes, sent)
			}
			if got := r.sim.Calls().File; got != 1 {
				t.Errorf("%d calls of /file", got)
			}
			r.sim.Faults.Clear()
			if x := <-a.ask(question{Op: "sum", Path: r.path(f.path)}); x.Sum != sum(f.data) {
				t.Errorf("whole: %d bytes of %d, or others, %s", x.Size, size, x.Errno)
			}
			if got := r.sim.Calls().File; got != 2 {
				t.Errorf("%d calls of /file after one connection broke", got)
			}
		})
	}
}

// TestReadingFromTheMiddle: a reader that seeks gets the right bytes of a large
// document, also while it comes.
func TestReadingFromTheMiddle(t *testing.T) {
	begin(t)
	account, f := single(t, 24<<20)
	r := newRig(t, options{account: account})
	a := newAgent(t)
	var reads []<-chan answer
	offsets := []int64{23 << 20, 12<<20 + 17, 0, 24<<20 - 5, 1<<20 - 1}
	for _, off := range offsets {
		reads = append(reads, a.ask(question{Op: "read", Path: r.path(f.path), Off: off, Len: 100_000}))
	}
	for i, c := range reads {
		off := offsets[i]
		want := f.data[off:min(off+100_000, int64(len(f.data)))]
		if x := <-c; x.Errno != "" || !bytes.Equal(x.Data, want) {
			t.Errorf("at %d: %d bytes of %d, or others, %s", off, len(x.Data), len(want), x.Errno)
		}
	}
	onceEach(t, r.sim, []file{f})
}

// TestMemoryDoesNotGrowWithTheDocument: a document of 1 GiB needs no more of it
// than one of 16 MiB, first read or second.
func TestMemoryDoesNotGrowWithTheDocument(t *testing.T) {
	begin(t)
	if testing.Short() {
		t.Skip("reads 1 GiB")
	}
	const small, large, most = 16 << 20, 1 << 30, 32 << 10 // bytes, bytes, KiB
	with16M := peakMemory(t, small)
	with1G := peakMemory(t, large)
	t.Logf("peak memory: %d KiB for 16 MiB, %d KiB for 1 GiB", with16M, with1G)
	if with1G > with16M+most {
		t.Errorf("peak memory is %d KiB for 1 GiB, %d KiB for 16 MiB: it grows with the document", with1G, with16M)
	}
}

// peakMemory has a ccsfs of its own read a document twice, and returns its peak
// resident memory in KiB.
func peakMemory(t *testing.T, size int64) int {
	t.Helper()
	account := pseudo(1, size)
	doc := account.Contracts[0].Generate()[0]
	doc.Content = repeating(size)
	account.Contracts[0].Documents = []apisim.Document{doc}
	sim := &apisim.Server{Account: account}
	web := httptest.NewServer(sim)
	defer web.Close()
	p := startBinary(t, web.URL, filepath.Join(t.TempDir(), "cache"), t.TempDir())
	path := p.dir + "/" + account.Contracts[0].ID + "/" + doc.Filename

	body, err := repeating(size)(0)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(h.Sum(nil))
	for range 2 {
		out, err := run(t, "sha256sum", path)
		if err != nil || !strings.HasPrefix(out, want) {
			t.Errorf("%d bytes: %s, %v, want %s", size, out, err, want)
		}
		// The second time from the cache on disk, not from the kernel's.
		if _, err := run(t, "dd", "if="+path, "iflag=nocache", "count=0", "status=none"); err != nil {
			t.Error(err)
		}
	}
	if c := sim.Calls(); c.File != 1 {
		t.Errorf("%d calls of /file", c.File)
	}
	kib := p.memory("VmHWM:")
	p.stop(unix.SIGTERM)
	return kib
}

// repeating is a content of any size that costs little to make: pseudo-random
// blocks of 1 MiB that are the same but for their number.
func repeating(size int64) apisim.Content {
	return func(int) (io.ReadSeeker, error) {
		body, err := apisim.Pseudo(1, 1<<20, "x.bin")(0)
		if err != nil {
			return nil, err
		}
		block, err := io.ReadAll(body)
		return &blocks{block: block, size: size}, err
	}
}

type blocks struct {
	block     []byte
	size, off int64
}

// next is the content from here on, up to the end of the block at most.
func (b *blocks) next() []byte {
	header := fmt.Sprintf("block %010d", b.off/int64(len(b.block)))
	at := b.off % int64(len(b.block))
	p := b.block[at:]
	if at < int64(len(header)) {
		p = []byte(header[at:])
	}
	return p[:min(int64(len(p)), b.size-b.off)]
}

func (b *blocks) Read(p []byte) (int, error) {
	if b.off >= b.size {
		return 0, io.EOF
	}
	n := copy(p, b.next())
	b.off += int64(n)
	return n, nil
}

// WriteTo spares io.Copy a copy.
func (b *blocks) WriteTo(w io.Writer) (int64, error) {
	from := b.off
	for b.off < b.size {
		n, err := w.Write(b.next())
		b.off += int64(n)
		if err != nil {
			return b.off - from, err
		}
	}
	return b.off - from, nil
}

func (b *blocks) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.off
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, errors.New("before the first byte")
	}
	b.off = offset
	return offset, nil
}

// process is a ccsfs mount of its own, as users run it.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	dir    string
	errors bytes.Buffer
	ended  chan error
}

// startBinary mounts the API at url on dir, and ends it with the test.
func startBinary(t testing.TB, url, cache, dir string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, ended: make(chan error, 1)}
	p.cmd = exec.CommandContext(context.Background(), os.Getenv(binaryVariable), "mount", "--cache-dir="+cache, "--rate-limit=0", dir)
	home := t.TempDir()
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CCSFS_") })
	p.cmd.Env = append(env, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_STATE_HOME="+home, "XDG_RUNTIME_DIR="+home,
		"CCSFS_API_URL="+url+apisim.APIPath, "CCSFS_OAUTH_URL="+url+apisim.OAuthPath,
		"CCSFS_CLIENT_ID="+apisim.ClientID, "CCSFS_CLIENT_SECRET="+apisim.ClientSecret, "CCSFS_API_KEY="+apisim.APIKey)
	p.cmd.Stderr = &p.errors
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		unix.Unmount(dir, unix.MNT_DETACH)
	})
	eventually(t, "ccsfs mounts", func() bool {
		select {
		case err := <-p.ended:
			t.Fatalf("ccsfs mount: %v: %s", err, p.errors.String())
		default:
		}
		var st unix.Statfs_t // fails for a dead mount that is about to be cleared, and then tells of what is below
		return unix.Statfs(dir, &st) == nil && st.Type == unix.FUSE_SUPER_MAGIC
	})
	return p
}

// stop ends it by a signal and returns how it ended.
func (p *process) stop(signal os.Signal) error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Error(err)
	}
	select {
	case err := <-p.ended:
		return err
	case <-time.After(20 * time.Second):
		p.t.Fatalf("ccsfs does not end by %v", signal)
		return nil
	}
}

// memory is a field of /proc/PID/status, in KiB.
func (p *process) memory(field string) int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			kib, err := strconv.Atoi(f[1])
			if err != nil {
				p.t.Fatal(err)
			}
			return kib
		}
	}
	p.t.Fatalf("no %s in /proc/PID/status", field)
	return 0
}
