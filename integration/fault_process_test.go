//go:build linux

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// TestSignals: signals that end programs end them, others do not disturb.
func TestSignals(t *testing.T) {
	begin(t)
	account := small()
	survive(t, "Ctrl-C while nothing comes", func(t *testing.T) {
		r := newRig(t, options{account: account, timeout: time.Hour})
		a := newAgent(t)
		a.names(r.path("OCB0000001"), len(account.Contracts[0].Documents))
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Never: true})
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, apisim.Fault{Never: true})
		for _, argv := range [][]string{
			{"cat", r.path("OCB0000001/bills-1.csv")}, {"ls", "-l", r.path("OCB0000001")}, {"ls", r.path("OCB0000002")},
			{"stat", r.path("OCB0000001/bills-2.csv")}, {"cp", "-r", r.path("OCB0000001"), t.TempDir()},
			{"tar", "cf", t.TempDir() + "/x", r.path("OCB0000001")}, {"find", r.path("OCB0000001"), "-size", "+1"},
			{"python3", "-c", "open('" + r.path("OCB0000001/reports-1.csv") + "','rb').read()"},
		} {
			cmd := command(t, argv...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, argv[0]+" waits", func() bool { return waitsInKernel(cmd.Process.Pid, "") })
			cmd.Process.Signal(os.Interrupt)
			within(t, 20*time.Second, argv[0]+" after Ctrl-C", func() {
				if err := cmd.Wait(); err == nil {
					t.Errorf("%v ended without an error", argv)
				}
			})
		}
	})
	survive(t, "a storm of harmless signals", func(t *testing.T) {
		account, f := single(t, 2<<20)
		r := newRig(t, options{account: account})
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Drip: 3 * time.Millisecond, Chunk: 16 << 10})
		exe := compile(t, stormProgram)
		out := r.must(exe, r.path(f.path))
		if out != string(f.data) {
			t.Errorf("%d bytes of %d, or others", len(out), len(f.data))
		}
	})
	survive(t, "SIGTERM with files open", func(t *testing.T) {
		for _, sig := range []os.Signal{unix.SIGTERM, unix.SIGINT} {
			p := newProgram(t, options{account: account})
			p.start(nil)
			holder := command(t, "sh", "-c", `exec 3<"$0" && echo open && cat >/dev/null`, p.path("OCB0000001/bills-1.csv"))
			in, err := holder.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			said := &logBook{}
			holder.Stdout = said
			if err := holder.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the file is open", func() bool { return said.text() != "" })
			if code := p.kill(sig); code != 0 {
				t.Errorf("%v: exit status %d", sig, code)
			}
			p.gone()
			in.Close()
			holder.Wait()
		}
	})
	survive(t, "SIGHUP refreshes", func(t *testing.T) {
		p := newProgram(t, options{account: account, quirks: apisim.Quirks{Dates: true}})
		p.start(nil)
		p.allRight(nil)
		if err := p.sim.Bump("OCB0000001", "121", "2026-11-20T10:00:00Z"); err != nil {
			t.Fatal(err)
		}
		p.cmd.Process.Signal(unix.SIGHUP)
		eventually(t, "the new version shows", func() bool {
			return same(t, p.sh(`cp -r "$MNT/." "$OUT"`), expected(t, p.sim, nil))
		})
		if code := p.kill(unix.SIGTERM); code != 0 {
			t.Errorf("exit status %d", code)
		}
	})
}

// stormProgram copies a file to standard output with read(2) while a child sends
// it signals that it catches without SA_RESTART, and two timers run.
const stormProgram = `
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>
static volatile int caught;
static void handler(int sig) { caught++; }
int main(int argc, char **argv) {
	int sigs[] = {SIGURG, SIGWINCH, SIGCHLD, SIGALRM, SIGPROF, SIGVTALRM, SIGUSR1, SIGIO, SIGCONT};
	int n = sizeof sigs / sizeof *sigs;
	struct sigaction sa;
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = handler;
	for (int i = 0; i < n; i++) sigaction(sigs[i], &sa, 0);
	struct itimerval every = {{0, 2000}, {0, 2000}};
	setitimer(ITIMER_REAL, &every, 0);
	setitimer(ITIMER_PROF, &every, 0);
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0;; i++) { kill(parent, sigs[i % n]); usleep(700); }
	}
	int fd = open(argv[1], O_RDONLY);
	if (fd < 0) { perror("open"); kill(child, SIGKILL); return 1; }
	char buf[65536];
	for (;;) {
		ssize_t k = read(fd, buf, sizeof buf);
		if (k < 0) { perror("read"); kill(child, SIGKILL); return 1; }
		if (k == 0) break;
		for (ssize_t w = 0; w < k;) {
			ssize_t m = write(1, buf + w, k - w);
			if (m < 0 && errno != EINTR) { perror("write"); kill(child, SIGKILL); return 1; }
			if (m > 0) w += m;
		}
	}
	kill(child, SIGKILL);
	if (caught < 20) { fprintf(stderr, "only %d signals\n", caught); return 1; }
	return 0;
}
`

// compile makes a program of C source.
func compile(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/x.c", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	if _, err := run(t, "gcc", "-O1", "-w", "-o", dir+"/x", dir+"/x.c"); err != nil {
		t.Fatal(err)
	}
	return dir + "/x"
}

// soakTime is how long tests that get better with time go on.
func soakTime(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	if v := os.Getenv("CCSFS_SOAK"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return short
}

// seeded is a source of chance whose seed is printed, and can be given.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("CCSFS_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("CCSFS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestKillAtAnyMoment: kill -9 under load, again and again, and then the same
// mountpoint and cache: nothing wrong is served, nothing is left for good.
func TestKillAtAnyMoment(t *testing.T) {
	begin(t)
	survive(t, "kill -9", func(t *testing.T) {
		r := seeded(t)
		p := newProgram(t, options{account: apisim.Synthetic(2, 40, 150_000, ".pdf"), quirks: apisim.Quirks{Range: true, ETag: true}})
		files := expected(t, p.sim, nil)
		rounds := 0
		for end := time.Now().Add(soakTime(t, 8*time.Second)); time.Now().Before(end); rounds++ {
			p.start(nil)
			load := exec.Command("sh", "-c", `cp -r "$0/." /dev/null/x 2>/dev/null; tar cf - "$0" >/dev/null 2>&1 & ls -lR "$0" >/dev/null 2>&1 & cat "$0"/*/* >/dev/null 2>&1; wait`, p.dir)
			if err := load.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			p.kill(unix.SIGKILL)
			load.Wait() // with errors: its files are gone
			if r.IntN(3) == 0 {
				p.sim.RevokeTokens()
			}
		}
		p.start(nil)
		sameTree(t, p.sh(`cp -r "$MNT/." "$OUT"`), files)
		left, err := filepath.Glob(p.cache + "/*/content/tmp/*/*")
		if err != nil || len(left) != 1 { // the lock of the one that runs
			t.Errorf("after %d kills temporary files are left: %v, %v", rounds, left, err)
		}
		if code := p.kill(unix.SIGTERM); code != 0 {
			t.Errorf("exit status %d", code)
		}
		// What another process may be writing yet is taken away once it is old.
		unfinished := func() []string {
			hidden, _ := filepath.Glob(p.cache + "/*/c*/*/.*")
			return hidden
		}
		listings, _ := filepath.Glob(p.cache + "/*/catalog/listings")
		if err := os.WriteFile(filepath.Join(listings[0], ".begun.json123"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		for _, name := range unfinished() {
			if err := os.Chtimes(name, old, old); err != nil {
				t.Error(err)
			}
		}
		p.start(nil)
		p.kill(unix.SIGTERM)
		left, _ = filepath.Glob(p.cache + "/*/content/tmp/*")
		if hidden := unfinished(); len(left)+len(hidden) > 0 {
			t.Errorf("left after the end: %v %v", left, hidden)
		}
	})
}

// TestLimits: few descriptors, little memory.
func TestLimits(t *testing.T) {
	begin(t)
	survive(t, "256 file descriptors", func(t *testing.T) {
		p := newProgram(t, options{account: apisim.Synthetic(1, 400, 20_000, ".pdf")})
		files := expected(t, p.sim, nil)
		p.start([]string{"bash", "-c", `ulimit -n 256; exec "$0" "$@"`})
		// The directories first: two cp that both make one fail.
		out := p.sh(`cd "$MNT"; find . -mindepth 1 -type d -exec mkdir "$OUT/{}" \;; find . -type f ! -name '.*' -print0 | xargs -0 -P 8 -n 20 cp --parents -t "$OUT"`)
		sameTree(t, out, files)
		// More files open at once than it may have: errors, then all is well.
		if _, err := run(t, "python3", "-c", `
import os, sys
held, failed = [], 0
for d, _, names in os.walk(sys.argv[1]):
    for n in names:
        try: held.append(open(os.path.join(d, n), 'rb'))
        except OSError: failed += 1
for f in held:
    try: f.read(10)
    except OSError: failed += 1
print(len(held), failed)`, p.dir); err != nil {
			t.Error(err)
		}
		eventually(t, "all is well again", func() bool { return same(t, p.sh(`cp -r "$MNT/." "$OUT" || true`), files) })
		p.kill(unix.SIGTERM)
	})
	survive(t, "128 MiB of memory, a large document and 100 readers", func(t *testing.T) {
		size := int64(256 << 20)
		if os.Getenv("CCSFS_SOAK") != "" {
			size = 1 << 30
		}
		account := apisim.Synthetic(1, 1, size, ".bin")
		p := newProgram(t, options{account: account})
		p.env = append(p.env, "GOMEMLIMIT=96MiB", "CCSFS_LOG_LEVEL=info")
		p.start(cgroup(t, 128<<20))
		doc := account.Contracts[0].Generate()[0]
		content, err := doc.Content(0)
		if err != nil {
			t.Fatal(err)
		}
		path := p.path(account.Contracts[0].ID, doc.Filename)
		var readers []*exec.Cmd
		var said []*logBook
		for i := range 100 {
			cmd := command(t, "sh", "-c", `tail -c "+$1" "$0" | head -c 1000000 | sha256sum`, path, fmt.Sprint(1+int64(i)*(size/101)))
			said = append(said, &logBook{})
			cmd.Stdout, cmd.Stderr = said[i], said[i]
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			readers = append(readers, cmd)
		}
		buf := make([]byte, 1000000)
		for i, cmd := range readers {
			if err := cmd.Wait(); err != nil {
				t.Errorf("reader %d: %v: %s", i, err, said[i].text())
				continue
			}
			content.Seek(int64(i)*(size/101), 0)
			if n, err := readFull(content, buf); err != nil || !strings.HasPrefix(said[i].text(), sum(buf[:n])) {
				t.Errorf("reader %d: other bytes, %v", i, err)
			}
		}
		if c := p.sim.Calls(); c.File != 1 {
			t.Errorf("%d calls of /file", c.File)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, _ := strconv.Atoi(strings.Fields(kb)[0])
				t.Logf("peak memory %d MiB, document of %d MiB", n>>10, size>>20)
				if n > 128<<10 {
					t.Errorf("peak memory %d MiB", n>>10)
				}
			}
		}
		p.kill(unix.SIGTERM)
	})
	survive(t, "a contract of 400,000 documents", func(t *testing.T) {
		const n = 400_000
		p := endless(t, n)
		cmd := command(t, "sh", "-c", `ls -f "$0"/* | grep -c '^b'`, p.dir)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(n) {
			t.Errorf("%s names, want %d, %v\n%s", got, n, err, p.out.text())
		}
		p.kill(unix.SIGTERM)
	})
	survive(t, "a million documents of one type", func(t *testing.T) {
		p := endless(t, 1_000_000)
		if out, err := run(t, "ls", p.path("OCB5000000")); err == nil || !strings.Contains(err.Error(), "Input/output error") || out != "" {
			t.Errorf("%d bytes of names, %v; more than is taken must be an error, not a part", len(out), err)
		}
		// The log comes by a pipe, and may come after the error.
		eventually(t, "the log says why", func() bool { return strings.Contains(p.out.text(), "more than 524288 entries") })
		p.kill(unix.SIGTERM)
	})
}

// endless mounts an account of one contract with n bills.
func endless(t *testing.T, n int) *program {
	t.Helper()
	list := make([]byte, 0, 64*n)
	ends := make([]int, 0, n)
	for i := range n {
		if i > 0 {
			list = append(list, ',')
		}
		list = fmt.Appendf(list, `{"id":"%d","filename":"b%d.pdf","period":"202601"}`, i, i)
		ends = append(ends, len(list))
	}
	p := newProgram(t, options{account: apisim.Synthetic(1, 0, 10, ".pdf"), wrap: instead(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/documents") {
			return false
		}
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		if r.URL.Query().Get("documentType") != "bills" || limit <= 0 {
			fmt.Fprint(w, `{"documents":null}`)
			return true
		}
		w.Write([]byte("["))
		w.Write(list[:ends[min(limit, n)-1]])
		w.Write([]byte("]"))
		return true
	})})
	p.env = append(p.env, "CCSFS_LOG_LEVEL=info", "CCSFS_TIMEOUT=60s")
	p.start(nil)
	return p
}

func readFull(r interface{ Read([]byte) (int, error) }, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = r.Read(p[n:])
		n += k
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// cgroup returns what starts a program with so much memory and no swap. Where
// this user cannot limit memory it returns nothing, and GOMEMLIMIT remains.
func cgroup(t *testing.T, bytes int64) []string {
	t.Helper()
	for _, c := range [][3]string{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max"},
	} {
		dir := filepath.Join(c[0], "ccsfs-test-"+filepath.Base(os.TempDir()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		t.Cleanup(func() {
			eventually(t, "the cgroup is empty", func() bool { return os.Remove(dir) == nil })
		})
		if err := os.WriteFile(filepath.Join(dir, c[1]), strconv.AppendInt(nil, bytes, 10), 0o644); err != nil {
			continue
		}
		os.WriteFile(filepath.Join(dir, c[2]), []byte("0"), 0o644)
		return []string{"sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, dir}
	}
	t.Log("no cgroup here: GOMEMLIMIT alone")
	return nil
}
