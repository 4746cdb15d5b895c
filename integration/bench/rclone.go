//go:build linux

package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/net/webdav"

	"ccsfs/integration/bench/table"
)

// rcloneCopy measures the same cp through rclone mount, over a WebDAV server with the same
// documents and latency; once, since it takes long, and not at all where rclone is not installed.
func (b *bench) rcloneCopy(a *api) (table.Series, error) {
	if _, err := exec.LookPath("rclone"); err != nil {
		return nil, nil
	}
	files := b.fresh("webdav")
	contract := a.contract()
	for _, d := range contract.Documents {
		body, err := a.Bytes(contract.ID, d.ID)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(files, d.Filename), body, 0o600); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dav := &webdav.Handler{FileSystem: webdav.Dir(files), LockSystem: webdav.NewMemLS()}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(b.latency)
		dav.ServeHTTP(w, r)
	})}
	go srv.Serve(l)
	defer srv.Close()
	mnt := b.fresh("rclone")
	cmd := exec.Command("rclone", "mount", "--config=/dev/null", "--read-only", "--vfs-cache-mode=full", "--cache-dir="+b.fresh("cache"),
		":webdav,url='http://"+l.Addr().String()+"':", mnt)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}()
	for range 500 {
		if entries, _ := os.ReadDir(mnt); len(entries) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	out := b.fresh("out")
	defer os.RemoveAll(out)
	took, err := b.sh(walkers()[0].script, mnt, out)
	return table.Fixed(took.Seconds()), err
}
