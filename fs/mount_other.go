//go:build !linux && !windows

package fs

import (
	"context"
	"fmt"
	"os/exec"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

func platformOptions(o *fuse.MountOptions) {}

// newServer mounts; awaitMount waits until it is done.
func newServer(root gofs.InodeEmbedder, dir string, o *fuse.MountOptions) (*fuse.Server, error) {
	return fuse.NewServer(gofs.NewNodeFS(root, nodeOptions()), dir, o)
}

// disablePoll has nothing to add to what go-fuse does where it knows the mountpoint.
func disablePoll(string) error { return nil }

func awaitMount(s *fuse.Server) error { return s.WaitMount() }

func checkFUSE(allowOther bool) error { return nil }

func checkOwn(string) error { return nil }

func explainMount(dir string, err error) error {
	return fmt.Errorf("%w: mount %s: %w", ErrNoFUSE, dir, err)
}

func unmountNow(_ context.Context, dir string) error { return unix.Unmount(dir, 0) }

// unmountLazily forces the mount away: there is no lazy unmount.
func unmountLazily(ctx context.Context, dir string) error {
	if out, err := exec.CommandContext(ctx, "umount", "-f", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("umount -f: %w: %s", err, out)
	}
	return nil
}

func kernelCachesDirs() bool { return false }

func raiseReadAhead(device string) {}

// mountEntry is what is known of a mount.
type mountEntry struct{ device, fsType string }

func (m mountEntry) ours() bool { return false }

// topMount knows nothing of mounts here.
func topMount(dir string) (mountEntry, bool) { return mountEntry{}, false }

func mountedDevice(dir string) string { return "" }
