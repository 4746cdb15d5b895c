package service

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"ccsfs/internal/osfile/osfiletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is systemd's end of the notification socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	osfiletest.NeedsUnix(t, "systemd")
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

// next is the next message.
func (m *manager) next() string {
	m.t.Helper()
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buf[:n])
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestLifeOfAService(t *testing.T) {
	m := newManager(t)
	s := Start(discard(), func() bool { return true })
	defer s.Close()
	if got := m.next(); got != "STATUS=Starting" {
		t.Errorf("got %q", got)
	}
	s.Ready("%s, 4 contracts", "/srv/a\nREADY=0")
	if got := m.next(); got != "READY=1\nSTATUS=/srv/a READY=0, 4 contracts" {
		t.Errorf("got %q", got)
	}
	s.Reloading()
	if got := m.next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || !strings.Contains(got, "\nSTATUS=") {
		t.Errorf("got %q", got)
	}
	s.Stopping()
	if got := m.next(); got != "STOPPING=1\nSTATUS=Unmounting" {
		t.Errorf("got %q", got)
	}
}

// The watchdog hears of a process that answers, and of no other.
func TestWatchdog(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	var asked atomic.Int64
	well := make(chan bool)
	s := Start(discard(), func() bool {
		asked.Add(1)
		return <-well
	})
	if got := m.next(); got != "STATUS=Starting" {
		t.Fatalf("got %q", got)
	}
	well <- false
	well <- false
	s.Ready("x")
	if got := m.next(); !strings.HasPrefix(got, "READY=1") {
		t.Errorf("the watchdog was told %q of a mount that does not answer", got)
	}
	well <- true
	if got := m.next(); got != "WATCHDOG=1" {
		t.Errorf("got %q", got)
	}
	close(well) // whoever hangs is let go
	s.Close()
	if asked.Load() < 3 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// A mount that hangs does not keep Close from returning.
func TestCloseWhileHanging(t *testing.T) {
	newManager(t)
	t.Setenv("WATCHDOG_USEC", "3000")
	hanging, release := make(chan struct{}), make(chan struct{})
	s := Start(discard(), func() bool {
		close(hanging)
		<-release
		return true
	})
	<-hanging
	s.Close()
	close(release)
}

func TestWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	s := Start(discard(), func() bool { t.Error("asked"); return true })
	if s != nil {
		t.Fatal("there is a service")
	}
	s.Ready("x")
	s.Reloading()
	s.Stopping()
	s.Close()
	t.Setenv("NOTIFY_SOCKET", "/nowhere/at/all")
	if s := Start(discard(), nil); s != nil {
		t.Error("there is a service behind a socket that does not exist")
	}
}
