package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounting"
)

const fuseDevice = "/dev/fuse"

func (d *doctor) checkDevice(context.Context) (string, error) {
	f, err := os.OpenFile(fuseDevice, os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
		return fuseDevice, nil
	case errors.Is(err, os.ErrNotExist):
		return "", exitcode.Errorf(exitcode.Mount, "there is no %s\nLoad it with: sudo modprobe fuse. In a container, start it with: --device %[1]s --cap-add SYS_ADMIN\n"+
			"ls, cat and pull work without.", fuseDevice)
	case errors.Is(err, os.ErrPermission):
		return "", exitcode.Errorf(exitcode.Mount, "%s cannot be opened: permission denied\nLet users open it: sudo chmod 666 %[1]s. In a container, start it with: --device %[1]s\n"+
			"ls, cat and pull work without.", fuseDevice)
	}
	return "", exitcode.Errorf(exitcode.Mount, "%w\nDoes the kernel have FUSE? Try: sudo modprobe fuse", err)
}

func (d *doctor) checkHelper(context.Context) (string, error) {
	if os.Geteuid() == 0 {
		return "", errSkipped("root mounts without it")
	}
	helper := mounting.Fusermount()
	if helper == "" {
		return "", exitcode.Errorf(exitcode.Mount, "there is no fusermount3, with which users mount\nInstall it: sudo apt install fuse3")
	}
	info, err := os.Stat(helper)
	if err != nil {
		return "", exitcode.Errorf(exitcode.Mount, "%w", err)
	}
	if info.Mode()&os.ModeSetuid == 0 && unix.Access(helper, unix.X_OK) == nil {
		return "", exitcode.Errorf(exitcode.Mount, "%s is not setuid root, so that users cannot mount\nInstall it anew: sudo apt install --reinstall fuse3", helper)
	}
	allowed, err := userAllowOther("/etc/fuse.conf")
	switch {
	case err != nil:
		return fmt.Sprintf("%s (whether --allow-other is allowed cannot be seen: %v)", helper, err), nil
	case allowed:
		return helper + ", --allow-other is allowed", nil
	case d.settings.Mount.AllowOther:
		return "", exitcode.Errorf(exitcode.Mount, "--allow-other is not allowed to users here\nAdd the line user_allow_other to /etc/fuse.conf, as root.")
	}
	return helper + " (--allow-other would take the line user_allow_other in /etc/fuse.conf)", nil
}

// userAllowOther tells whether fuse.conf lets users open their mounts to others.
func userAllowOther(file string) (bool, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for line := range bytes.Lines(data) {
		if string(bytes.TrimSpace(line)) == "user_allow_other" {
			return true, nil
		}
	}
	return false, nil
}
