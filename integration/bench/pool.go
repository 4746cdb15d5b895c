//go:build !windows

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/internal/pool/seal"
)

// Machines that share an account: Redis and versitygw, which are started here, on loopback.

const (
	bucket    = "bench"
	accessKey = "bench"
	secretKey = "bench-secret"
)

// engines are those of a pool.
type engines struct {
	redis, endpoint string // addresses
	key             string
}

// start starts a server with its address, and waits until it can be reached.
func (b *bench) start(cmd *exec.Cmd, address string) error {
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	b.undo = append(b.undo, func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 500 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s cannot be reached", cmd.Path)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// engines starts both, nil where one of them is not installed.
func (b *bench) engines() (*engines, error) {
	for _, name := range []string{"redis-server", "versitygw"} {
		if _, err := exec.LookPath(name); err != nil {
			fmt.Fprintf(os.Stderr, "  %s is not installed: make test-tools\n", name)
			return nil, nil
		}
	}
	redis, err1 := freeAddress()
	endpoint, err2 := freeAddress()
	_, key, err3 := seal.Generate()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(redis)
	if err := b.start(exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", b.fresh("redis")), redis); err != nil {
		return nil, err
	}
	store := b.fresh("store")
	if err := os.Mkdir(filepath.Join(store, bucket), 0o700); err != nil {
		return nil, err
	}
	gw := exec.Command("versitygw", "--port", endpoint, "--region", "us-east-1", "--quiet", "posix", store)
	gw.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	return &engines{redis, "http://" + endpoint, key}, b.start(gw, endpoint)
}

// environment is what a member has.
func (e *engines) environment() []string {
	return []string{"CCSFS_SHARED=redis://" + e.redis, "CCSFS_SHARED_STORE=s3://" + bucket + "?region=us-east-1&endpoint=" + e.endpoint,
		"CCSFS_SHARED_KEY=" + e.key, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey}
}

// pooled is the first cp of a machine that finds all documents in the shared store; rclone
// fetches the very objects from there, 16 at once.
func pooled(b *bench) error {
	e, err := b.engines()
	if err != nil || e == nil {
		return err
	}
	for _, v := range e.environment() {
		name, value, _ := strings.Cut(v, "=")
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	fill := b.ccsfs(a, "pull", b.fresh("cache"), "--rate-limit=1000", b.fresh("out")).cmd
	if out, err := fill.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	cp := func() (time.Duration, error) {
		before := a.Calls().File
		took, err := b.cold(a, walkers()[0].script, "--rate-limit=1000")()
		if n := a.Calls().File - before; err == nil && n > 0 {
			err = fmt.Errorf("%d calls for documents that are known", n)
		}
		return took, err
	}
	list := func() (time.Duration, error) {
		before := a.Calls().File
		took, err := b.cold(a, `ls -l "$1" >/dev/null`, "--rate-limit=1000")()
		if n := a.Calls().File - before; err == nil && n > 0 {
			err = fmt.Errorf("%d calls for sizes that are known", n)
		}
		return took, err
	}
	fetch := func() (time.Duration, error) {
		return b.sh(`env -u AWS_CA_BUNDLE rclone copy --config=/dev/null --transfers=16 --checkers=16 ":s3,provider=Other,env_auth,force_path_style,region=us-east-1,endpoint='$1':$2" "$3"`,
			e.endpoint, bucket, b.fresh("objects"))
	}
	if _, err := exec.LookPath("rclone"); err != nil {
		fmt.Fprintln(os.Stderr, "  rclone is not installed: there is nothing to compare with")
		fetch = cp
	}
	got, err := b.best(cp, fetch, list)
	if err != nil {
		return err
	}
	b.table.add(row{work: "first cp of a machine, all in the shared store", took: got[0], bound: got[1], what: "rclone, 16 at once", target: 2, unit: "s"})
	b.table.add(row{work: "first ls -l of a machine, all in the shared store", took: got[2], bound: got[1], what: "rclone, 16 at once", target: 1, unit: "s"})
	return nil
}
