package control

import (
	"ccsfs/cmd/ccsfs/internal/daemon/control/peer"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Listener is the socket of a mount. Its connections come from the same user,
// or from root.
type Listener struct {
	*net.UnixListener
	path string
	file os.FileInfo // the socket as it was made
}

var _ net.Listener = (*Listener)(nil)

// Listen makes the socket of the mount at mountpoint. One that a dead process
// left there is replaced, and so is that of a process whose mount was taken
// away under it: whoever has the mountpoint now is asked about it.
func Listen(places Places, mountpoint string) (*Listener, error) {
	for try := 1; ; try++ {
		l, err := listenOnce(places, mountpoint)
		// The directory goes with its last socket: that may have been now.
		if !errors.Is(err, fs.ErrNotExist) || try == maxTries {
			return l, err
		}
	}
}

const maxTries = 20

func listenOnce(places Places, mountpoint string) (*Listener, error) {
	dir, err := places.make()
	if err != nil {
		return nil, fmt.Errorf("no place for the control socket: %w", err)
	}
	path := filepath.Join(dir, socketName(mountpoint))
	// Made under another name and renamed: never is there a moment without a
	// socket, or with one that others may write to. The name is no longer than
	// the last one.
	temp := filepath.Join(dir, "."+socketName(mountpoint)[:8]+strconv.Itoa(os.Getpid()))
	if err := os.Remove(temp); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	info, err := settle(temp, path)
	if err != nil {
		_ = l.Close()
		os.Remove(temp)
		return nil, err
	}
	return &Listener{UnixListener: l, path: path, file: info}, nil
}

// settle gives a new socket its mode and its name.
func settle(temp, path string) (os.FileInfo, error) {
	if err := os.Chmod(temp, 0o600); err != nil {
		return nil, err
	}
	info, err := os.Lstat(temp)
	if err != nil {
		return nil, err
	}
	return info, os.Rename(temp, path)
}

// Path is where the socket lies.
func (l *Listener) Path() string { return l.path }

// Accept waits for the next connection of somebody who may ask.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, _, err := peer.Credentials(c); err == nil && mayAsk(uid, os.Geteuid()) {
			return c, nil
		}
		_ = c.Close()
	}
}

// mayAsk tells whether the user uid may talk to a mount of the user own. The
// modes of directory and socket say the same; some systems do not look at
// those of a socket (unix(7), "Notes").
func mayAsk(uid uint32, own int) bool { return uid == 0 || int(uid) == own }

// Close stops listening, and removes the socket unless it is another's by now,
// and its directory if it was the last one there.
func (l *Listener) Close() error {
	err := l.UnixListener.Close()
	if now, statErr := os.Lstat(l.path); statErr == nil && os.SameFile(now, l.file) {
		os.Remove(l.path)
		os.Remove(filepath.Dir(l.path)) // fails if it is not empty
	}
	return err
}
