//go:build !windows

package fs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// rig is a mount of fakes.
type rig struct {
	t       testing.TB
	dir     string
	catalog *fakeCatalog
	store   *fakeStore
	server  *Server
	close   func() // of the real thing
}

// mountRig mounts in a temporary directory. At the end of the test the mount
// must go away, and leave no goroutine and no file descriptor behind.
func mountRig(t testing.TB, cat *fakeCatalog, st *fakeStore, cfg Config) *rig {
	t.Helper()
	requireFUSE(t)
	before := openFiles(t)
	ignore := goleak.IgnoreCurrent()
	r := &rig{t: t, dir: t.TempDir(), catalog: cat, store: st}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	cfg.UID, cfg.GID = uint32(os.Getuid()), uint32(os.Getgid())
	var err error
	if r.server, err = mount(r.dir, cfg, cat, st); err != nil {
		t.Fatal(err)
	}
	if err := r.server.DisablePoll(); err != nil { // tests open files of the mount
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Unmount(); err != nil {
			t.Error(err)
		}
		r.server.Wait()
		if _, ok := topMount(r.dir); ok {
			t.Error("still mounted")
		}
		served(t, r.server)
		if err := goleak.Find(ignore); err != nil {
			t.Error(err)
		}
		if after := openFiles(t); after > before+1 { // /dev/null of go-fuse stays
			t.Errorf("%d file descriptors before the mount, %d after", before, after)
		}
	})
	return r
}

// served waits until a mount that was taken away is served no more: what copied the mount
// namespace while it was there, as tests of other packages do, keeps it alive.
func served(t testing.TB, s *Server) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		t.Errorf("%s is served a minute after its unmount; it is kept by\n%s", s.mountpoint, strings.Join(keepers(s), "\n"))
	}
}

// keepers are the processes that have a copy of the mount, or something of it open.
func keepers(s *Server) (all []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		name, _ := os.ReadFile(p + "/cmdline")
		mounts, _ := os.ReadFile(p + "/mountinfo")
		if strings.Contains(string(mounts), " "+s.device+" ") {
			all = append(all, fmt.Sprintf("%s %.200q: has a copy", p, name))
		}
		links, _ := filepath.Glob(p + "/fd/*")
		for _, link := range append(links, p+"/cwd", p+"/root") {
			if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, s.mountpoint) {
				all = append(all, fmt.Sprintf("%s %.200q: %s", link, name, to))
			}
		}
	}
	return all
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func openFiles(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd")
	}
	return len(all)
}

func (r *rig) path(parts ...string) string {
	return filepath.Join(append([]string{r.dir}, parts...)...)
}

// run runs a program on the mount. The test itself does not touch it: a Go
// process that waits for its own mount in a system call can stop itself. Nor may
// a command's Dir be in the mount: the new process goes there before it is one,
// while this one, which should answer, waits for it (vfork).
func (r *rig) run(name string, args ...string) (stdout string, err error) {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = cmd.Run(); err != nil {
		err = errors.New(strings.TrimSpace(errs.String()) + ": " + err.Error())
	}
	return out.String(), err
}

func (r *rig) must(name string, args ...string) string {
	r.t.Helper()
	out, err := r.run(name, args...)
	if err != nil {
		r.t.Fatalf("%s %q: %v", name, args, err)
	}
	return out
}

func (r *rig) wantError(text, name string, args ...string) {
	r.t.Helper()
	if out, err := r.run(name, args...); err == nil || !strings.Contains(err.Error(), text) {
		r.t.Fatalf("%s %q: %q, %v, want %q", name, args, out, err, text)
	}
}

func simpleRig(t testing.TB, cfg Config) *rig {
	st := newFakeStore()
	st.put("a", "hello")
	st.put("b", strings.Repeat("0123456789", 50_000))
	return mountRig(t, newFakeCatalog(doc("a", ""), doc("b", "")), st, cfg)
}

func TestTree(t *testing.T) {
	r := simpleRig(t, Config{})
	if got, want := r.must("ls", "-a", r.dir), ".\n..\nC1\nC2\n"; got != want {
		t.Errorf("root: %q, want %q", got, want)
	}
	if got, want := r.must("ls", "-a", r.path("C1")), ".\n..\n.contract.json\n.documents.json\na.pdf\nb.pdf\n"; got != want {
		t.Errorf("contract: %q, want %q", got, want)
	}
	if n := r.store.count(r.store.stats); n != 0 {
		t.Errorf("listing found out %d sizes", n)
	}
	if got := r.must("cat", r.path("C1", "a.pdf")); got != "hello" {
		t.Errorf("a.pdf: %q", got)
	}
	if got := r.must("cat", r.path("C1", "b.pdf")); got != string(r.store.data["b"]) {
		t.Errorf("b.pdf: %d bytes of %d, or others", len(got), len(r.store.data["b"]))
	}
	if got, want := r.must("cat", r.path("C1", ".contract.json")), r.catalog.details["C1"]; got != want {
		t.Errorf(".contract.json: %q, want %q", got, want)
	}
	if got, want := r.must("cat", r.path("C1", ".documents.json")), string(r.catalog.listings["C1"].JSON()); got != want {
		t.Errorf(".documents.json: %q, want %q", got, want)
	}
	r.wantError("No such file", "cat", r.path("C1", "nothing"))
	r.wantError("No such file", "cat", r.path("C3"))
}

func TestStat(t *testing.T) {
	r := simpleRig(t, Config{})
	format := "--format=%F %a %h %s %b %Y %U"
	owner := strings.TrimSpace(r.must("id", "-un"))
	for path, want := range map[string]string{
		"C1/a.pdf":          "regular file 444 1 5 1 1738404000 " + owner,
		"C1/b.pdf":          "regular file 444 1 500000 977 1738404000 " + owner,
		"C1":                "directory 555 1 0 0 1704164645 " + owner,
		"C1/.contract.json": "regular file 444 1 47 1 1740787200 " + owner,
	} {
		if got := strings.TrimSpace(r.must("stat", format, r.path(path))); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	// Twice the same question costs the store nothing more.
	r.must("ls", "-l", r.path("C1"))
	if n := r.store.count(r.store.stats); n != 2 {
		t.Errorf("%d sizes found out for 2 documents", n)
	}
}

func TestReadOnly(t *testing.T) {
	r := simpleRig(t, Config{})
	for _, cmd := range [][]string{
		{"touch", r.path("new")}, {"mkdir", r.path("C1", "new")}, {"rm", "-f", r.path("C1", "a.pdf")},
		{"chmod", "600", r.path("C1", "a.pdf")}, {"mv", r.path("C1", "a.pdf"), r.path("C1", "c.pdf")},
		{"sh", "-c", "echo x > " + r.path("C1", "a.pdf")}, {"ln", "-s", "x", r.path("link")},
	} {
		r.wantError("Read-only file system", cmd[0], cmd[1:]...)
	}
}

func TestNothingInTheMountIsAProgramOrADevice(t *testing.T) {
	r := simpleRig(t, Config{})
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if f[1] != r.dir {
			continue
		}
		for _, option := range []string{"ro", "nosuid", "nodev", "noexec"} {
			if !strings.Contains(","+f[3]+",", ","+option+",") {
				t.Errorf("not mounted %s: %s", option, f[3])
			}
		}
		return
	}
	t.Error("not among the mounts")
}

func TestDiskFree(t *testing.T) {
	r := simpleRig(t, Config{})
	r.catalog.fail(errors.New("no API"))
	out := strings.Fields(r.must("df", "--output=fstype,source,pcent", r.dir))
	if got := strings.Join(out[len(out)-3:], " "); got != "fuse.ccsfs ccsfs 0%" {
		t.Errorf("df says %q", got)
	}
}
