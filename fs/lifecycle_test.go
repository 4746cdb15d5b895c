//go:build linux

package fs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient"
)

func TestMountpoints(t *testing.T) {
	requireFUSE(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := simpleRig(t, Config{})
	for path, want := range map[string]error{
		filepath.Join(dir, "missing"): ErrMountpoint,
		file:                          ErrMountpoint,
		r.dir:                         ErrMounted,
	} {
		s, err := mount(path, Config{}, newFakeCatalog(), newFakeStore())
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if s != nil {
			s.Unmount()
		}
	}
	if _, err := Mount(dir, Config{}); err == nil {
		t.Error("mounted without a catalog")
	}
}

func TestMountOptions(t *testing.T) {
	if checkFUSE(true) != nil {
		t.Skip("other users cannot be let in here")
	}
	r := simpleRig(t, Config{AllowOther: true, FsName: "documents"})
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if f[1] != r.dir {
			continue
		}
		if f[0] != "documents" || f[2] != "fuse.ccsfs" {
			t.Errorf("mounted as %s, type %s", f[0], f[2])
		}
		for _, o := range []string{"ro", "nosuid", "nodev", "noexec", "default_permissions", "allow_other"} {
			if !strings.Contains(","+f[3]+",", ","+o+",") {
				t.Errorf("option %s is not there: %s", o, f[3])
			}
		}
		return
	}
	t.Error("not among the mounts")
}

// Without AllowOther nobody else comes in; with it, the modes decide.
func TestOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	for _, c := range []struct {
		cfg  Config
		read bool
	}{
		{Config{}, false},
		{Config{AllowOther: true}, true},
		{Config{AllowOther: true, Umask: 0o007}, false},
	} {
		r := simpleRig(t, c.cfg)
		if err := os.Chmod(filepath.Dir(r.dir), 0o755); err != nil {
			t.Fatal(err)
		}
		argv := asNobody("cat", r.path("C1", "a.pdf"))
		out, err := r.run(argv[0], argv[1:]...)
		if c.read != (err == nil && out == "hello") {
			t.Errorf("allow other %v, umask %o: %q, %v", c.cfg.AllowOther, c.cfg.Umask, out, err)
		}
		if err != nil && !strings.Contains(err.Error(), "Permission denied") {
			t.Error(err)
		}
	}
}

// nobody is a user of most systems.
const nobody = 65534

// asNobody prefixes a command so that it runs as another user.
func asNobody(argv ...string) []string {
	return append([]string{"setpriv", fmt.Sprint("--reuid=", nobody), fmt.Sprint("--regid=", nobody), "--clear-groups"}, argv...)
}

// byUser mounts as another user, by fusermount3, reads, and unmounts. /dev/fuse is
// one that users may open, in a mount namespace of its own.
const byUser = `
dir=$1 user="setpriv --reuid=65534 --regid=65534 --clear-groups"
mount -t tmpfs -o mode=755 none "$dir"
mknod -m 666 "$dir/fuse" c 10 229; mount --bind "$dir/fuse" /dev/fuse
cp "$2" "$dir/test"; mkdir "$dir/mnt"; mkfifo "$dir/ready"; chown 65534:65534 "$dir"/*
$user env "$3=serve" "$dir/test" "$dir/mnt" "$4" > "$dir/ready" &
server=$!
trap '$user fusermount3 -u "$dir/mnt"; kill $server' EXIT
read -r line < "$dir/ready"
$user env "$3=sendfile" "$dir/test" "$dir/mnt/C1/a.pdf" > "$dir/out"
$user sh -c '! [ -x "$0" ] && ! [ -w "$0" ] && [ -r "$0" ]' "$dir/mnt/C1/a.pdf"
cat "$dir/out"; grep -o "$dir/mnt fuse.ccsfs.*" /proc/mounts >&2`

// The kernel checks the modes and asks for the size at the open also where a user
// mounts; and the modes hold for the mounting user as for others.
func TestMountedByUser(t *testing.T) {
	requireFUSE(t)
	if _, err := fusermount(); err != nil || os.Geteuid() != 0 || exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("takes root, mount namespaces and fusermount3")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for umask, read := range map[string]bool{"022": true, "077": true, "0777": false} {
		dir, err := os.MkdirTemp("", "ccsfs-user-") // t.TempDir is below a directory of root's
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(dir)
		var errs strings.Builder
		cmd := exec.Command("unshare", "-m", "sh", "-euc", byUser, "sh", dir, exe, helperVariable, umask)
		cmd.Stderr = &errs
		got, err := cmd.Output()
		if read != (err == nil && string(got) == "hello") {
			t.Errorf("umask %s: %q, %v, %s", umask, got, err, errs.String())
		}
		if read && !strings.Contains(errs.String(), "default_permissions") || !read && !strings.Contains(errs.String(), "permission denied") {
			t.Errorf("umask %s: %s", umask, errs.String())
		}
	}
}

func TestUmask(t *testing.T) {
	r := simpleRig(t, Config{Umask: 0o027})
	if got := r.must("stat", "--format=%a", r.dir, r.path("C1"), r.path("C1", "a.pdf")); got != "550\n550\n440\n" {
		t.Errorf("modes %q", got)
	}
}

// A file that is open does not stop an unmount, and its reader goes on.
func TestUnmountWhileBusy(t *testing.T) {
	r := simpleRig(t, Config{})
	cmd := exec.Command("sh", "-c", `cd "$0"; exec 3< b.pdf; echo open; read x; cat <&3`, r.path("C1"))
	in, out := pipes(t, cmd)
	expect(t, out, "open\n")
	if err := r.server.Unmount(); err != nil {
		t.Fatal(err)
	}
	if _, ok := topMount(r.dir); ok {
		t.Error("still mounted")
	}
	in.Write([]byte("\n"))
	expect(t, out, string(r.store.data["b"]))
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := r.server.Unmount(); err != nil {
		t.Errorf("second unmount: %v", err)
	}
}

// Reads that hang do not stop an unmount either.
func TestUnmountWhileWaiting(t *testing.T) {
	r := simpleRig(t, Config{})
	waiting, release := r.store.hold(t)
	_, ended := r.start("cat", r.path("C1", "a.pdf"))
	<-waiting
	if err := r.server.Unmount(); err != nil {
		t.Fatal(err)
	}
	r.server.Wait() // returns although the reader is still there
	release()
	if err := <-ended; err != nil {
		t.Errorf("the reader: %v", err)
	}
}

// Whoever leaves the common mount namespace takes a copy of the mount along, which
// keeps it alive: a container, a sandbox, a service of systemd. That holds up neither
// an unmount nor the end of the process.
func TestUnmountWithACopyElsewhere(t *testing.T) {
	if os.Geteuid() != 0 || exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("no mount namespaces here")
	}
	for name, unmount := range map[string]func(r *rig) error{
		"by us":     func(r *rig) error { return r.server.Unmount() },
		"by others": func(r *rig) error { r.must("umount", r.dir); return r.server.Unmount() },
	} {
		t.Run(name, func(t *testing.T) {
			r := simpleRig(t, Config{})
			there := filepath.Join(t.TempDir(), "there")
			_, ended := r.start("unshare", "-m", "sh", "-c", `: >"$1"; exec sleep 1000`, "sh", there)
			for {
				if _, err := os.Stat(there); err == nil {
					break
				}
				select {
				case err := <-ended:
					t.Fatal("the other namespace: ", err)
				case <-time.After(10 * time.Millisecond):
				}
			}
			if err := unmount(r); err != nil {
				t.Fatal(err)
			}
			r.server.Wait()
			select {
			case <-r.server.done:
				t.Error("there was no copy: nothing was tested")
			default:
			}
		})
	}
}

// Somebody else unmounts: Wait returns, and Unmount has nothing to say.
func TestUnmountedByOthers(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("cat", r.path("C1", "a.pdf"))
	r.must("umount", r.dir)
	r.server.Wait()
	// Another mount at the same place is not ours to unmount.
	if os.Geteuid() == 0 {
		if err := unix.Mount("none", r.dir, "tmpfs", 0, "size=4k"); err != nil {
			t.Skip("no tmpfs here")
		}
		defer unix.Unmount(r.dir, 0)
	}
	if err := r.server.Unmount(); err != nil {
		t.Error(err)
	}
	if m, ok := topMount(r.dir); os.Geteuid() == 0 && (!ok || m.fsType != "tmpfs") {
		t.Error("the other mount is gone")
	}
}

// A forced end of the connection ends those who wait, and the server.
func TestConnectionAborted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root aborts connections")
	}
	r := simpleRig(t, Config{})
	waiting, _ := r.store.hold(t)
	_, ended := r.start("cat", r.path("C1", "a.pdf"))
	<-waiting
	if err := unix.Unmount(r.dir, unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the reader did not notice")
	}
	r.server.Wait() // although the store still holds the read
}

func TestClearDead(t *testing.T) {
	requireFUSE(t)
	dir := filepath.Join(t.TempDir(), "with space")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	argv := helper(t, "serve", dir)
	cmd := exec.Command(argv[0], argv[1:]...)
	in, out := pipes(t, cmd)
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "mounted\n" {
		t.Fatalf("the server says %q, %v", line, err)
	}
	if cleared, err := ClearDead(dir); cleared || err != nil {
		t.Fatalf("cleared a mount that is alive: %v, %v", cleared, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := mount(dir, Config{}, newFakeCatalog(), newFakeStore()); !errors.Is(err, ErrMountpoint) {
		t.Errorf("mounting over a dead mount: %v", err)
	}
	if cleared, err := ClearDead(dir); !cleared || err != nil {
		t.Errorf("not cleared: %v, %v", cleared, err)
	}
	if cleared, err := ClearDead(dir); cleared || err != nil {
		t.Errorf("cleared twice: %v, %v", cleared, err)
	}
	if _, err := os.ReadDir(dir); err != nil {
		t.Error(err)
	}
}

func TestParseMountEntry(t *testing.T) {
	m, ok := parseMountEntry(`40 28 0:52 / /mnt/with\040space\011and\134more rw,nosuid shared:5 master:1 - fuse.ccsfs ccsfs ro`)
	want := mountEntry{device: "0:52", point: "/mnt/with space\tand\\more", fsType: "fuse.ccsfs"}
	if !ok || m != want || !m.ours() {
		t.Errorf("%+v, %v", m, ok)
	}
	for _, line := range []string{"", " - ", "1 2 3 - fuse.ccsfs", "40 28 0:52 / /mnt rw"} {
		if _, ok := parseMountEntry(line); ok {
			t.Errorf("%q is no mount", line)
		}
	}
}

func FuzzParseMountEntry(f *testing.F) {
	f.Add(`40 28 0:52 / /mnt/a\040b rw - fuse.ccsfs ccsfs ro`)
	f.Add(`1 2 3 4 \ - x`)
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMountEntry(line); ok && m.fsType == "" {
			t.Error("a mount without a type")
		}
	})
}

func TestKernelVersion(t *testing.T) {
	for release, want := range map[string][2]int{"6.18.44-fc": {6, 18}, "5.4.0": {5, 4}, "6.9-rc1": {6, 9}} {
		if major, minor, ok := kernelVersion(release); !ok || major != want[0] || minor != want[1] {
			t.Errorf("%s: %d.%d, %v", release, major, minor, ok)
		}
	}
	if _, _, ok := kernelVersion("unknown"); ok {
		t.Error("a version of nothing")
	}
}

// What cannot be read is not opened: see document.Open.
func TestWhatCannotBeginIsNotOpened(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("stat", r.path("C1", "a.pdf"))
	r.store.mu.Lock()
	r.store.unbegun = apiclient.ErrUnreachable
	r.store.mu.Unlock()
	f, err := os.Open(r.path("C1", "a.pdf"))
	if err == nil {
		f.Close()
	}
	if !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("open: %v", err)
	}
}
