package fs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// stub writes a program that takes the place of fusermount3.
func stub(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fusermount3")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever fusermount3 says is in the error, whatever else happens.
func TestWordsOfFusermount(t *testing.T) {
	for _, c := range []struct {
		name, script, want string
		is                 error
	}{
		{"permission", `echo "fusermount3: user has no write access to mountpoint $4" >&2; exit 1`,
			"not a usable mountpoint: mount /point: fusermount3: user has no write access to mountpoint /point; users mount on directories of their own", ErrMountpoint},
		{"sticky", `echo "fusermount3: mountpoint $4 not owned by user" >&2; exit 1`, "mountpoint /point not owned by user; users", ErrMountpoint},
		{"full", `echo 'fusermount3: too many FUSE filesystems mounted; mount_max=N can be set in /etc/fuse.conf' >&2; exit 1`,
			"FUSE is not available: mount /point: fusermount3: too many FUSE filesystems mounted; mount_max=N can be set in /etc/fuse.conf; end one", ErrNoFUSE},
		{"others", `echo "fusermount3: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf" >&2; exit 1`,
			"only allowed if 'user_allow_other' is set in /etc/fuse.conf; have root add that line", ErrNoFUSE},
		{"not set-user-id", `echo 'fusermount3: mount failed: Operation not permitted' >&2; exit 1`, "fusermount3 must be set-user-id", ErrNoFUSE},
		{"two lines", `echo 'fusermount3: one' >&2; echo; echo two; exit 1`, "mount /point: fusermount3: one; two", ErrNoFUSE},
		{"silent", `exit 3`, "mount /point: fusermount3: exit status 3", ErrNoFUSE},
		{"killed", `kill -KILL $$`, "mount /point: fusermount3: signal: killed", ErrNoFUSE},
		{"content, but sends nothing", `echo oops; exit 0`, "fusermount3: oops", ErrNoFUSE},
		{"content and silent", `exit 0`, "fusermount3: no connection came: ", ErrNoFUSE},
		{"sends no descriptor", `printf x >&3`, "fusermount3: no connection came: ", ErrNoFUSE},
		{"leaves something behind", `sleep 100 & echo 'fusermount3: no' >&2; exit 1`, "fusermount3: no", ErrNoFUSE},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := openFiles(t)
			fd, err := mountByHelper(stub(t, c.script), "/point", mountOptions(Config{}))
			if err == nil {
				_ = unix.Close(fd)
				t.Fatal("mounted")
			}
			if err = explainMount("/point", err); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if after := openFiles(t); after > before {
				t.Errorf("%d descriptors were open before, %d are", before, after)
			}
		})
	}
}

func TestHelperWords(t *testing.T) {
	if got := helperWords(strings.Repeat("é", 10_000)); len(got) > maxSaid+len("…") || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
	if got := helperWords("\n fusermount3: \n\n"); got != "" {
		t.Errorf("%q", got)
	}
}

// The real one mounts, with the options that go-fuse would give it.
func TestMountByHelper(t *testing.T) {
	requireFUSE(t)
	bin, err := fusermount()
	if err != nil {
		t.Skip("no fusermount3 here")
	}
	dir := t.TempDir()
	o := mountOptions(Config{FsName: `a,b\c`})
	fd, err := mountByHelper(bin, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	defer unix.Close(fd)
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("programs that are run inherit the connection: %x, %v", flags, err)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if !strings.Contains(line, " "+dir+" ") {
			continue
		}
		for _, want := range []string{" ro,nosuid,nodev,noexec,", " - fuse.ccsfs a,b\\134c ", "default_permissions", "user_id="} {
			if !strings.Contains(line, want) {
				t.Errorf("no %q in %s", want, line)
			}
		}
		return
	}
	t.Error("not in the table of mounts")
}

// A mount that fusermount3 made is like any other.
func TestServedByHelper(t *testing.T) {
	requireFUSE(t)
	if _, err := fusermount(); err != nil {
		t.Skip("no fusermount3 here")
	}
	r := simpleRig(t, Config{helper: true})
	if out := r.must("cat", r.path("C1", "a.pdf")); out != "hello" {
		t.Errorf("%q", out)
	}
	if out, err := exec.Command("findmnt", "-n", "-o", "FSTYPE", r.dir).Output(); err == nil && strings.TrimSpace(string(out)) != "fuse.ccsfs" {
		t.Errorf("type %q", out)
	}
}
