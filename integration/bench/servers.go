//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"ccsfs/apiclient/apisim"
)

// ccsfs serve beside rclone serve webdav and rclone serve http. rclone has no backend for
// the API: what was fetched before it serves from the local disk, and what was not from a
// mount of ccsfs that nobody has looked at. All of them ask for a password.

const (
	serveUser     = "ccsfs"
	servePassword = "a good password"
)

// server is something that serves a folder over HTTP.
type server struct {
	process
	kind  string // "ccsfs", "webdav" or "http", the last two of rclone
	url   string // of the folder, with a slash at its end
	page  string // of the page of ccsfs, the same
	look  string // what somebody looks at
	under *mount // what it serves, where that goes with it
	cache string // of it, or of the mount under it
}

// close ends the server, and takes its cache away. What it was killed for is not looked at: what
// counts was measured.
func (s *server) close() {
	_ = s.stop()
	if s.under != nil {
		_ = s.under.unmount()
	}
	if s.cache != "" {
		os.RemoveAll(s.cache)
	}
}

// serveCcsfs starts ccsfs serve on a cache, and waits until it answers.
func (b *bench) serveCcsfs(c contender, a *api, cache string, flags ...string) (*server, error) {
	password := filepath.Join(b.fresh("password"), "password")
	if err := os.WriteFile(password, []byte(servePassword+"\n"), 0o600); err != nil {
		return nil, err
	}
	s := &server{kind: "ccsfs", cache: cache}
	s.process = c.ccsfs(a, "serve", cache, append([]string{"--listen=127.0.0.1:0", "--password-file=" + password, "--user=" + serveUser}, flags...)...)
	said := filepath.Join(filepath.Dir(password), "said")
	f, err := os.Create(said)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s.cmd.Stderr = f
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	at := regexp.MustCompile(`as a network drive: +(http://\S+/)dav/`)
	var text []byte
	for range 500 {
		text, _ = os.ReadFile(said)
		if m := at.FindSubmatch(text); m != nil {
			s.page = string(m[1])
			s.url = s.page + "dav/"
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.cmd.Process.Kill()
	return nil, fmt.Errorf("%s does not serve: %s", c.name, text)
}

// serveRclone starts rclone serve webdav, or http, on a directory, and waits until it answers.
func (b *bench) serveRclone(kind, dir string) (*server, error) {
	at, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{kind: kind, url: "http://" + at + "/"}
	s.cmd = exec.Command("rclone", "serve", kind, "--config=/dev/null", "--read-only", "--addr="+at, "--user="+serveUser, "--pass="+servePassword, dir)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.cmd.Process.Kill()
	return nil, errors.New("rclone does not serve")
}

// faces are the servers of a case: those of the contenders, and rclone's two where it is there.
type faces []*server

func (f faces) close() {
	for _, s := range f {
		s.close()
	}
}

// rcloneKinds are the two ways of rclone to serve a folder, none where it is not installed.
func rcloneKinds() []string {
	if !hasRclone() {
		return nil
	}
	return []string{"webdav", "http"}
}

// starter starts a server of a kind on nothing: what it serves was never looked at.
type starter struct {
	kind  string
	start func() (*server, error)
}

// coldFaces start on nothing. What was in the cache of one goes with it.
func (b *bench) coldFaces(a *api, flags ...string) []starter {
	var all []starter
	for _, c := range b.contenders {
		all = append(all, starter{"ccsfs", func() (*server, error) { return b.serveCcsfs(c, a, b.fresh("cache"), flags...) }})
	}
	for _, kind := range rcloneKinds() {
		all = append(all, starter{kind, func() (*server, error) {
			cache := b.fresh("cache")
			m, err := b.mount(b.contenders[0], a, cache, flags...)
			if err != nil {
				return nil, err
			}
			s, err := b.serveRclone(kind, m.path)
			if err != nil {
				_ = m.unmount()
				return nil, err
			}
			s.under, s.cache = m, cache
			return s, nil
		}})
	}
	return all
}

// warmFaces have fetched everything, or serve a copy of it on the local disk.
func (b *bench) warmFaces(a *api) (all faces, err error) {
	defer func() {
		if err != nil {
			all.close()
			all = nil
		}
	}()
	for _, c := range b.contenders {
		s, err := b.serveCcsfs(c, a, b.fresh("cache"))
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	local := b.fresh("local")
	for _, c := range a.Snapshot().Contracts {
		if err := a.write(c, filepath.Join(local, c.ID)); err != nil {
			return all, err
		}
		for _, s := range all {
			if _, err := b.getAll(s, c)(); err != nil {
				return all, err
			}
		}
	}
	for _, kind := range rcloneKinds() {
		s, err := b.serveRclone(kind, local)
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, b.settle()
}

// write writes the documents of a contract into a new directory.
func (a *api) write(c apisim.Contract, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, d := range c.Documents {
		body, err := a.Bytes(c.ID, d.ID)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, d.Filename), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func hasRclone() bool {
	_, err := exec.LookPath("rclone")
	return err == nil
}
