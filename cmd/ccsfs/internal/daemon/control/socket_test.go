package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ccsfs/cmd/ccsfs/internal/daemon/control/peer"
	"ccsfs/internal/osfile/osfiletest"
)

func TestPlaces(t *testing.T) {
	osfiletest.NeedsUnix(t, "directories of the system")
	for _, c := range []struct {
		runtime string
		uid     int
		want    Places
	}{
		{"/run/user/7", 7, Places{"/run/user/7/ccsfs", "/run/user/7/ccsfs", "/home/u/.cache/ccsfs/run"}},
		{"", 7, Places{"/run/user/7/ccsfs", "/home/u/.cache/ccsfs/run"}},
		{"relative", 0, Places{"/run/ccsfs", "/home/u/.cache/ccsfs/run"}},
	} {
		if got := NewPlaces(c.runtime, "/home/u/.cache", c.uid); !slices.Equal(got, c.want) {
			t.Errorf("%q, %d: %v", c.runtime, c.uid, got)
		}
	}
}

func listen(t *testing.T, places Places, point string) *Listener {
	t.Helper()
	l, err := Listen(places, point)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestSocketIsPrivate(t *testing.T) {
	dir := filepath.Join(shortDir(t), "s")
	l := listen(t, Places{dir}, "/srv/bills")
	for path, want := range map[string]os.FileMode{dir: 0o700, l.Path(): 0o600} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(dir + "/.*"); len(left) > 0 {
		t.Errorf("temporary names left: %v", left)
	}
}

// A place that somebody else may have prepared is passed over.
func TestPlacesThatAreNotPrivate(t *testing.T) {
	base := shortDir(t)
	open, link, good := filepath.Join(base, "open"), filepath.Join(base, "link"), filepath.Join(base, "deep", "good")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(base, "no", "parent")
	l := listen(t, Places{open, link, missing, good}, "/srv/bills")
	if filepath.Dir(l.Path()) != good {
		t.Errorf("it lies at %s", l.Path())
	}
	_, err := Listen(Places{missing, open, link}, "/srv/bills")
	for _, want := range []string{"can be entered by other users", "not a directory", "no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, err = Listen(Places{filepath.Join(base, strings.Repeat("long", 30))}, "/srv/bills")
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

// A socket that a killed process left is no hindrance; nor is one of a process
// that lives on after its mount was taken away.
func TestSocketIsReplaced(t *testing.T) {
	places := Places{filepath.Join(shortDir(t), "s")}
	first := listen(t, places, "/srv/bills")
	second := listen(t, places, "/srv/bills")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() {
		c, err := second.Accept()
		if err == nil {
			err = c.Close()
		}
		accepted <- err
	}()
	if _, err := Connect(t.Context(), places, "/srv/bills"); err != nil {
		t.Errorf("the end of the first took the second's socket: %v", err)
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
	// What a killed process leaves: a socket without a listener.
	second.UnixListener.Close()
	if _, err := os.Lstat(second.Path()); err != nil {
		t.Fatal(err)
	}
	third := listen(t, places, "/srv/bills")
	if third.Path() != second.Path() {
		t.Errorf("%s and %s", third.Path(), second.Path())
	}
}

// Mounts that come and go at the same time do not take each other's directory.
func TestListenersComeAndGo(t *testing.T) {
	places := Places{filepath.Join(shortDir(t), "s")}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 50 {
				l, err := Listen(places, fmt.Sprint("/srv/", i))
				if err != nil {
					t.Errorf("%d, %d: %v", i, n, err)
					return
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := os.Lstat(places[0]); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestConnectAllSweeps(t *testing.T) {
	places := Places{filepath.Join(shortDir(t), "a"), filepath.Join(shortDir(t), "b")}
	alive := listen(t, places[1:], "/alive")
	dead := listen(t, places, "/dead")
	dead.UnixListener.Close()
	all := ConnectAll(t.Context(), places)
	if len(all) != 1 || all[0].path != alive.Path() {
		t.Errorf("%+v", all)
	}
	if _, err := os.Lstat(dead.Path()); !os.IsNotExist(err) {
		t.Errorf("the dead socket is still there: %v", err)
	}
	if _, err := Connect(t.Context(), places, "/other"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

// What a system says where nobody listens is known: a dead process is none that is silent.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	if c, err := net.Dial("tcp", at); err == nil {
		c.Close()
	} else if !peer.Refused(err) || peer.Refused(net.ErrClosed) {
		t.Error(err)
	}
}

func TestPeer(t *testing.T) {
	path := filepath.Join(shortDir(t), "p")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	server, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if uid, _, err := peer.Credentials(server); err != nil || int(uid) != os.Geteuid() {
		t.Errorf("peer is %d, %v", uid, err)
	}
	for _, c := range []struct {
		uid  uint32
		own  int
		want bool
	}{{0, 1000, true}, {1000, 1000, true}, {1001, 1000, false}, {1000, 0, false}} {
		if got := mayAsk(c.uid, c.own); got != c.want {
			t.Errorf("user %d asks user %d: %v", c.uid, c.own, got)
		}
	}
}
