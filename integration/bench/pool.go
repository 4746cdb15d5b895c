//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"ccsfs/integration/bench/table"
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
// fetches the very objects from there, 16 at once. Each contender has a pool of its own, which it
// has filled itself.
func pooled(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	members := make([]contender, len(b.contenders))
	var first *engines
	for i, c := range b.contenders {
		e, err := b.engines()
		if err != nil || e == nil {
			return err
		}
		if i == 0 {
			first = e
		}
		members[i] = c.with(e.environment()...)
		fill := members[i].ccsfs(a, "pull", b.fresh("cache"), "--rate-limit=1000", b.fresh("out")).cmd
		if out, err := fill.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", c.name, err, out)
		}
	}
	fetch := func() (time.Duration, error) {
		out := b.fresh("objects")
		defer os.RemoveAll(out)
		return b.sh(`env -u AWS_CA_BUNDLE AWS_ACCESS_KEY_ID="$4" AWS_SECRET_ACCESS_KEY="$5" rclone copy --config=/dev/null --transfers=16 --checkers=16 `+
			`":s3,provider=Other,env_auth,force_path_style,region=us-east-1,endpoint='$1':$2" "$3"`,
			first.endpoint, bucket, out, accessKey, secretKey)
	}
	if !hasRclone() {
		fmt.Fprintln(os.Stderr, "  rclone is not installed: there is nothing to compare with")
		fetch = nil
	}
	known := func(script string) func(c int) timing {
		return func(c int) timing {
			return func() (time.Duration, error) {
				took, calls, err := b.once(members[c], a, script, "--rate-limit=1000")
				if err == nil && calls > 0 {
					err = fmt.Errorf("%s: %d calls for documents that are known", members[c].name, calls)
				}
				return took, err
			}
		}
	}
	const found = " of a machine, all in the shared store"
	if err := b.compare(table.Row{Work: "first cp" + found, Bound: "rclone, 16 at once", Target: 2}, b.rounds, fetch, known(walkers()[0].script)); err != nil {
		return err
	}
	return b.compare(table.Row{Work: "first ls -l" + found, Bound: "rclone, 16 at once", Target: 1}, b.rounds, fetch, known(`ls -l "$1" >/dev/null`))
}
