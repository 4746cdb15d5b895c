package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const fuseDevice = "/dev/fuse"

// platformOptions has root mount without fusermount3, so that it need not be
// installed, and an error of mount(2) is not lost.
func platformOptions(o *fuse.MountOptions) {
	if os.Geteuid() != 0 {
		return
	}
	o.DirectMountStrict = true
	o.DirectMountFlags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY
}

// checkFUSE finds out what go-fuse would only say as an exit status.
func checkFUSE(allowOther bool) error {
	if _, err := os.Stat(fuseDevice); err != nil {
		return fmt.Errorf("%w: no %s: load it with: modprobe fuse; in a container, start it with: --device %s --cap-add SYS_ADMIN",
			ErrNoFUSE, fuseDevice, fuseDevice)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if err := unix.Access(fuseDevice, unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("%w: %s: %w: let users open it with: chmod 666 %s (as root)", ErrNoFUSE, fuseDevice, err, fuseDevice)
	}
	if _, err := fusermount(); err != nil {
		return fmt.Errorf("%w: mounting as a user takes fusermount3: apt install fuse3", ErrNoFUSE)
	}
	if allowOther && !userAllowOther() {
		return fmt.Errorf("%w: other users can only be let in where /etc/fuse.conf has the line user_allow_other", ErrNoFUSE)
	}
	return nil
}

// checkOwn refuses a directory on which fusermount3 lets this user not mount
// (check_perm in util/fusermount.c of libfuse).
func checkOwn(dir string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	const hint = "fusermount3 lets users mount on directories of their own: choose one, or have root change its owner"
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMountpoint, dir, err)
	}
	if st.Mode&unix.S_ISVTX != 0 && int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%w: %s is for everybody's files (its sticky bit is set), and another user's; %s", ErrMountpoint, dir, hint)
	}
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return fmt.Errorf("%w: you have no write access to %s (%w); %s", ErrMountpoint, dir, err, hint)
	}
	return nil
}

// fusermount finds the helper with which users mount and unmount.
func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount", "/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// userAllowOther reads /etc/fuse.conf as fusermount3 does. Where it cannot be
// read, fusermount3 decides.
func userAllowOther() bool {
	b, err := os.ReadFile("/etc/fuse.conf")
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	for line := range bytes.Lines(b) {
		if string(bytes.TrimSpace(line)) == "user_allow_other" {
			return true
		}
	}
	return false
}

// explainMount adds what to do to an error of mounting.
func explainMount(dir string, err error) error {
	var helper *helperError
	switch {
	case errors.As(err, &helper):
		return explainHelper(dir, helper)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w: mount %s: the kernel has no FUSE: %w", ErrNoFUSE, dir, err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: mount %s: %w; a container needs --device %s --cap-add SYS_ADMIN",
			ErrNoFUSE, dir, err, fuseDevice)
	}
	return fmt.Errorf("mount %s: %w", dir, err)
}

// unmountNow unmounts what is mounted at dir, if it is not in use.
func unmountNow(ctx context.Context, dir string) error {
	if os.Geteuid() == 0 {
		return unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
	}
	return runFusermount(ctx, "-u", dir)
}

// unmountLazily takes it out of the tree, whoever uses it.
func unmountLazily(ctx context.Context, dir string) error {
	if os.Geteuid() == 0 {
		return unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	return runFusermount(ctx, "-uz", dir)
}

func runFusermount(ctx context.Context, option, dir string) error {
	bin, err := fusermount()
	if err != nil {
		return fmt.Errorf("fusermount3: %w: apt install fuse3", err)
	}
	out, err := exec.CommandContext(ctx, bin, option, "--", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", bin, option, err, bytes.TrimSpace(out))
	}
	return nil
}
