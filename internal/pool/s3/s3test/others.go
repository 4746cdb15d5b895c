package s3test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Others are services that tests pass with, too, of those that are installed: MinIO, and moto,
// which answers as AWS does.
func Others() (programs []string) {
	for _, name := range []string{"minio", "moto_server"} {
		if _, err := exec.LookPath(name); err == nil {
			programs = append(programs, name)
		}
	}
	return programs
}

// StartOther starts one of [Others], with the credentials of this package, and returns the
// address of its bucket. It is ended with the test, and skips it where it does not run here.
func StartOther(t testing.TB, program string) (address string) {
	t.Helper()
	dir, host := t.TempDir(), freePort(t)
	if err := os.Mkdir(filepath.Join(dir, Bucket), 0o755); err != nil { // MinIO takes it for a bucket
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	args := map[string][]string{
		"minio":       {"server", "--quiet", "--address", host, "--console-address", "127.0.0.1:0", "--certs-dir", t.TempDir(), dir},
		"moto_server": {"-H", "127.0.0.1", "-p", port},
	}[program]
	var output bytes.Buffer
	cmd := exec.Command(program, args...)
	ours := func(v string) bool { return strings.HasPrefix(v, "AWS_") }
	cmd.Env = append(slices.DeleteFunc(os.Environ(), ours), "MINIO_ROOT_USER="+AccessKey, "MINIO_ROOT_PASSWORD="+SecretKey)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // killed, mostly
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-exited
		if t.Failed() {
			t.Logf("%s said:\n%s", program, output.String())
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if begun(t, host) {
			return fmt.Sprintf("s3://%s/ccsfs?endpoint=http://%s&region=%s", Bucket, host, Region)
		}
		select {
		case <-exited:
			t.Skipf("%s does not run here:\n%s", program, output.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer", program)
		}
	}
}

// begun tells whether a service answers, and makes the bucket where anybody may.
func begun(t testing.TB, host string) bool {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+host+"/"+Bucket, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode < http.StatusInternalServerError
}
