// Package redistest starts servers for tests: redis-server, and valkey-server and keydb-server
// where they are installed. What is stored in them does not belong here.
package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// required makes tests that find no server fail, where skipping would hide that nothing was
// tested.
const required = "CCSFS_REQUIRE_ENGINES"

// Server is a server on a port of the loopback device, which ends with its test.
type Server struct {
	t    testing.TB
	name string // of the program
	args []string
	dir  string
	port int

	process *exec.Cmd
	output  *buffer
	ended   chan struct{}
}

// Programs are the servers that tests should pass with: redis-server, and valkey-server and
// keydb-server if they are installed.
func Programs() []string {
	programs := []string{"redis-server"}
	for _, name := range []string{"valkey-server", "keydb-server"} {
		if _, err := exec.LookPath(name); err == nil {
			programs = append(programs, name)
		}
	}
	return programs
}

// Start starts redis-server, which keeps nothing on a disk unless args say so, as
// "--appendonly", "yes". Where it is not installed the test is skipped, and fails if
// CCSFS_REQUIRE_ENGINES is 1.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartProgram(t, "redis-server", args...)
}

// StartProgram starts one of [Programs].
func StartProgram(t testing.TB, name string, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv(required) == "1" {
			t.Fatalf("%s is not installed, and %s is 1", name, required)
		}
		t.Skipf("%s is not installed", name)
	}
	s := &Server{t: t, name: name, args: args, dir: shortDir(t)}
	for try := 1; ; try++ { // another process may take the port before the server does
		s.port = freePort(t)
		err := s.start()
		if err == nil {
			break
		}
		if try == 3 {
			t.Fatalf("%s does not start: %v\n%s", name, err, s.output)
		}
	}
	t.Cleanup(s.Kill)
	return s
}

// shortDir is a directory whose name leaves room for that of a socket, which may have 107
// bytes (unix(7)).
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// URL is the address of the server.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Addr is its host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Socket is the path of its socket, which not all systems have.
func (s *Server) Socket() string { return filepath.Join(s.dir, "s") }

// Pid is the process, 0 if it does not run.
func (s *Server) Pid() int {
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
}

// Kill ends the server at once, as a power cut does. It may be started again.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	<-s.ended
	s.process = nil
}

// Restart ends the server, if it runs, and starts it again with the same arguments, port and
// directory: with what is on its disk.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.t.Fatalf("%s does not start again: %v\n%s", s.name, err, s.output)
	}
}

// start returns when the server takes connections.
func (s *Server) start() error {
	s.output, s.ended = &buffer{}, make(chan struct{})
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--unixsocket", s.Socket(),
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "",
	}, s.args...)
	p := exec.Command(s.name, args...)
	p.Dir, p.Stdout, p.Stderr = s.dir, s.output, s.output
	if err := p.Start(); err != nil {
		return err
	}
	ended := s.ended
	go func() {
		_ = p.Wait()
		close(ended)
	}()
	s.process = p
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		select {
		case <-ended:
			s.process = nil
			return fmt.Errorf("it ended: %s", p.ProcessState)
		case <-time.After(5 * time.Millisecond):
		}
		if bytes.Contains(s.output.Bytes(), []byte("eady to accept connections")) {
			return nil
		}
	}
	s.Kill()
	return fmt.Errorf("it does not take connections")
}

// buffer takes the output of a process, and is read meanwhile.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// Bytes is a copy of all that was written.
func (b *buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}

func (b *buffer) String() string { return string(b.Bytes()) }
