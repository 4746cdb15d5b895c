package server

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// A server that has too much to do to answer keeps its socket.
func TestUnixSocketOfOneWhoIsBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	defer neverAccepts(t, path)()
	for { // until nobody gets in any more
		c, err := (&net.Dialer{Timeout: 10 * time.Millisecond}).DialContext(t.Context(), "unix", path)
		if err != nil {
			break
		}
		defer c.Close()
	}
	if _, err := (&Server{settings: &settings.Settings{}}).listenUnix(t.Context(), path); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("%v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// neverAccepts has a socket that few wait for, and whose server takes none of them in.
func neverAccepts(t *testing.T, path string) (end func()) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { unix.Close(fd) }
}
