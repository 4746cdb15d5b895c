// Package s3test runs services of S3 for tests, each as a process of its own: versitygw, which
// keeps objects as files of a directory, and others where they are installed.
package s3test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the servers here let in, and the bucket that they have.
const (
	AccessKey = "test"
	SecretKey = "testtesttest"
	Region    = "us-east-1"
	Bucket    = "pool"
)

// Server is a versitygw. It is ended with the test.
type Server struct {
	// Address is that of its bucket, with a prefix.
	Address string
	// Endpoint is its URL.
	Endpoint string
	// Dir has a directory for each bucket, and in those the objects as files.
	Dir string

	t    testing.TB
	host string
	args []string

	mu     sync.Mutex
	cmd    *exec.Cmd // nil: it does not run
	exited chan struct{}
	output bytes.Buffer
}

// Start runs a versitygw with the flags args of its posix backend. Where there is none the test
// is skipped, or fails if CCSFS_REQUIRE_ENGINES is set. What is started finds credentials for
// it in the environment once [Server.Setenv] was called.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartIn(t, t.TempDir(), args...)
}

// StartIn is Start with the objects in a directory.
func StartIn(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("versitygw"); err != nil {
		if os.Getenv("CCSFS_REQUIRE_ENGINES") != "" {
			t.Fatal("versitygw is not in PATH, and CCSFS_REQUIRE_ENGINES is set: make test-tools installs it")
		}
		t.Skip("versitygw is not in PATH: make test-tools installs it")
	}
	if err := os.MkdirAll(filepath.Join(dir, Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	host := freePort(t)
	s := &Server{
		Address:  fmt.Sprintf("s3://%s/ccsfs?endpoint=http://%s&region=%s", Bucket, host, Region),
		Endpoint: "http://" + host, Dir: dir, t: t, host: host, args: args,
	}
	s.Restart()
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("versitygw said:\n%s", s.output.String())
		}
	})
	return s
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// Environment has the credentials for the server, as NAME=VALUE, and nothing that would lead
// anybody to others.
func (s *Server) Environment() []string {
	none := filepath.Join(s.Dir, "none")
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_SESSION_TOKEN=", "AWS_PROFILE=",
		"AWS_SHARED_CREDENTIALS_FILE=" + none, "AWS_CONFIG_FILE=" + none, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_WEB_IDENTITY_TOKEN_FILE=", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=",
		"AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_CA_BUNDLE=",
	}
}

// Setenv sets the environment of the test that the server was started for.
func (s *Server) Setenv() { s.SetenvOf(s.t) }

// SetenvOf sets the environment of a test.
func (s *Server) SetenvOf(t testing.TB) {
	t.Helper()
	for _, v := range s.Environment() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

// Restart runs the server again, at the same address and with the same objects, and waits until
// it takes connections. The flags are of versitygw itself, such as --readonly.
func (s *Server) Restart(flags ...string) {
	s.t.Helper()
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	args := append(append([]string{"--port", s.host, "--region", Region}, flags...), "posix")
	args = append(args, s.args...)
	cmd := exec.Command("versitygw", append(args, s.Dir)...)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // killed, mostly
	}()
	s.cmd, s.exited = cmd, exited
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.host)
		if err == nil {
			_ = conn.Close() // nothing was written
			return
		}
		select {
		case <-exited:
			s.t.Fatalf("versitygw ended at once:\n%s", s.output.String())
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("versitygw takes no connections: %v", err)
		}
	}
}

// Kill ends the server with SIGKILL, in the middle of whatever it does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.exited
	s.cmd = nil
}

// Stop ends the server as an administrator does.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(os.Interrupt) // Kill follows
		select {
		case <-s.exited:
		case <-time.After(10 * time.Second):
		}
	}
	s.mu.Unlock()
	s.Kill()
}
