//go:build !windows

package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
	"golang.org/x/net/webdav"
)

// token gets an access token, for curl.
func (a *api) token() (string, error) {
	req, err := http.NewRequest(http.MethodPost, a.url+apisim.OAuthPath+"/token",
		strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(apisim.ClientID, apisim.ClientSecret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var t struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&t); err != nil || t.AccessToken == "" {
		return "", errors.Join(errors.New("no token: "+res.Status), err)
	}
	return t.AccessToken, nil
}

// rcloneCopy measures the same cp through rclone mount, over a WebDAV server with
// the same documents and latency. 0 where rclone is not installed.
func (b *bench) rcloneCopy(a *api) (float64, error) {
	if _, err := exec.LookPath("rclone"); err != nil {
		return 0, nil
	}
	files := b.fresh("webdav")
	for _, d := range a.Snapshot().Contracts[0].Documents {
		body, err := a.Bytes(b.contract(a), d.ID)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(files, d.Filename), body, 0o600); err != nil {
			return 0, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
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
		return 0, err
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
	return took.Seconds(), err
}
