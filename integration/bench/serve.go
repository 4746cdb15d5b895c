//go:build !windows

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
	url   string // of the folder, with a slash at its end
	page  string // of the page of ccsfs, the same
	look  string // what somebody looks at
	under *mount // what it serves, where that goes with it
}

// close ends the server. What it was killed for is not looked at: what counts was measured.
func (s *server) close() {
	_ = s.stop()
	if s.under != nil {
		_ = s.under.unmount()
	}
}

// serveCcsfs starts ccsfs serve on a cache, and waits until it answers.
func (b *bench) serveCcsfs(a *api, cache string, flags ...string) (*server, error) {
	password := filepath.Join(b.fresh("password"), "password")
	if err := os.WriteFile(password, []byte(servePassword+"\n"), 0o600); err != nil {
		return nil, err
	}
	s := &server{process: b.ccsfs(a, "serve", cache, append([]string{"--listen=127.0.0.1:0", "--password-file=" + password, "--user=" + serveUser}, flags...)...)}
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
	return nil, fmt.Errorf("ccsfs does not serve: %s", text)
}

// serveRclone starts rclone serve webdav, or http, on a directory, and waits until it answers.
func (b *bench) serveRclone(kind, dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at := l.Addr().String()
	l.Close()
	s := &server{url: "http://" + at + "/"}
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

// faces are the servers of a case: ccsfs, and rclone's two where it is there.
type faces []*server

func (f faces) close() {
	for _, s := range f {
		s.close()
	}
}

// coldFaces start on nothing: what they serve was never looked at.
func (b *bench) coldFaces(a *api, flags ...string) []func() (*server, error) {
	all := []func() (*server, error){func() (*server, error) { return b.serveCcsfs(a, b.fresh("cache"), flags...) }}
	if !hasRclone() {
		return all
	}
	for _, kind := range []string{"webdav", "http"} {
		all = append(all, func() (*server, error) {
			m, err := b.mount(a, b.fresh("cache"), flags...)
			if err != nil {
				return nil, err
			}
			s, err := b.serveRclone(kind, m.path)
			if err != nil {
				_ = m.unmount()
				return nil, err
			}
			s.under = m
			return s, nil
		})
	}
	return all
}

// warmFaces have fetched everything, or serve a copy of it on the local disk.
func (b *bench) warmFaces(a *api) (faces, error) {
	s, err := b.serveCcsfs(a, b.fresh("cache"))
	if err != nil {
		return nil, err
	}
	all := faces{s}
	local := b.fresh("local")
	for _, c := range a.Snapshot().Contracts {
		if err := os.Mkdir(filepath.Join(local, c.ID), 0o700); err != nil {
			return nil, err
		}
		for _, d := range c.Documents {
			body, err := a.Bytes(c.ID, d.ID)
			if err == nil {
				err = os.WriteFile(filepath.Join(local, c.ID, d.Filename), body, 0o600)
			}
			if err != nil {
				return nil, err
			}
		}
		if _, err := b.getAll(s, c)(); err != nil {
			return nil, err
		}
	}
	if !hasRclone() {
		return all, nil
	}
	for _, kind := range []string{"webdav", "http"} {
		s, err := b.serveRclone(kind, local)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func hasRclone() bool {
	_, err := exec.LookPath("rclone")
	return err == nil
}

// getAll gets all documents of a contract, 16 at a time.
func (b *bench) getAll(s *server, c apisim.Contract) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		out := b.fresh("curl")
		defer os.RemoveAll(out)
		var cfg strings.Builder
		fmt.Fprintf(&cfg, "user = \"%s:%s\"\n", serveUser, servePassword)
		for i, d := range c.Documents {
			fmt.Fprintf(&cfg, "url = \"%s%s/%s\"\noutput = \"%s/%d\"\n", s.url, c.ID, url.PathEscape(d.Filename), out, i)
		}
		cfgFile := filepath.Join(out, "curl.cfg")
		if err := os.WriteFile(cfgFile, []byte(cfg.String()), 0o600); err != nil {
			return 0, err
		}
		took, err := b.sh(`curl -sS --fail -Z --parallel-max 16 -K "$1"`, cfgFile)
		if err != nil {
			return 0, err
		}
		for i, d := range c.Documents {
			if info, err := os.Stat(filepath.Join(out, fmt.Sprint(i))); err != nil || info.Size() != size(d) {
				return 0, errors.Join(fmt.Errorf("%s came cut", d.Filename), err)
			}
		}
		return took, nil
	}
}

// size is the length of a document, in bytes.
func size(d apisim.Document) int64 {
	r, err := d.Content(0)
	if err != nil {
		return -1
	}
	n, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return -1
	}
	return n
}

// ask sends a request over a connection of its own, and tells how long it took to the first
// byte of the answer's body and to the last.
func (b *bench) ask(method, at string, depth string) (first, all time.Duration, body []byte, err error) {
	t := &http.Transport{DisableCompression: true}
	defer t.CloseIdleConnections()
	return b.askBy(t, method, at, depth)
}

// askBy is ask over the connections of a transport.
func (b *bench) askBy(t *http.Transport, method, at string, depth string) (first, all time.Duration, body []byte, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return 0, 0, nil, err
	}
	req.SetBasicAuth(serveUser, servePassword)
	if depth != "" {
		req.Header.Set("Depth", depth)
	}
	start := time.Now()
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return 0, 0, nil, err
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	if _, err = io.CopyN(&buf, resp.Body, 1); err != nil {
		return 0, 0, nil, err
	}
	first = time.Since(start)
	if _, err = io.Copy(&buf, resp.Body); err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, at, resp.Status, buf.Bytes()[:min(buf.Len(), 300)])
	}
	return first, time.Since(start), buf.Bytes(), err
}

// propfind lists a contract with the sizes of its documents.
func (b *bench) propfind(s *server, c apisim.Contract) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		_, took, body, err := b.ask("PROPFIND", s.url+c.ID+"/", "1")
		if n := bytes.Count(body, []byte("getcontentlength>")); err == nil && n < 2*len(c.Documents) {
			err = fmt.Errorf("%d sizes of %d documents", n/2, len(c.Documents))
		}
		return took, err
	}
}

// get reads what is at an address.
func (b *bench) get(at string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		_, took, _, err := b.ask(http.MethodGet, at, "")
		return took, err
	}
}

// firstOf is the time to the first byte.
func (b *bench) firstOf(at string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		took, _, _, err := b.ask(http.MethodGet, at, "")
		return took, err
	}
}

// screen reads a page, and what it is made of, over one connection.
func (b *bench) screen(s *server) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		t := &http.Transport{DisableCompression: true}
		defer t.CloseIdleConnections()
		_, took, body, err := b.askBy(t, http.MethodGet, s.look, "")
		for _, m := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllSubmatch(body, -1) {
			if err != nil {
				return 0, err
			}
			var more time.Duration
			_, more, _, err = b.askBy(t, http.MethodGet, strings.TrimSuffix(s.page, "/")+string(m[1]), "")
			took += more
		}
		return took, err
	}
}

// largeOf gets a large document, and keeps nothing of it.
func (b *bench) largeOf(s *server, c apisim.Contract) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		return b.sh(`curl -sS --fail -o /dev/null -u "$2" "$1"`, s.url+c.ID+"/"+url.PathEscape(c.Documents[0].Filename), serveUser+":"+servePassword)
	}
}

// medians are those of several measurements of each of several things, which take turns.
func (b *bench) medians(rounds int, things ...func() (time.Duration, error)) ([]float64, error) {
	all := make([][]float64, len(things))
	for range rounds {
		for i, thing := range things {
			if thing == nil {
				continue
			}
			took, err := thing()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], took.Seconds())
		}
	}
	result := make([]float64, len(things))
	for i, of := range all {
		if len(of) > 0 {
			slices.Sort(of)
			result[i] = of[len(of)/2]
		}
	}
	return result, nil
}

// warmRounds is how many measurements of what takes milliseconds make a round.
const warmRounds = 7

// face adds a row: ccsfs serve, rclone's two, and what bounds all of them.
func (b *bench) face(work string, rounds int, servers faces, bound func() (time.Duration, error), of func(*server) func() (time.Duration, error), unlike ...string) error {
	things := make([]func() (time.Duration, error), 4)
	for i, s := range servers {
		things[i] = of(s)
	}
	things[3] = bound
	for _, kind := range unlike {
		things[map[string]int{"webdav": 1, "http": 2}[kind]] = nil
	}
	t, err := b.medians(rounds, things...)
	if err == nil {
		b.table.addFace(faceRow{work, t[0], t[1], t[2], t[3]})
	}
	return err
}

// coldly measures what is done to servers that start anew for each measurement.
func (b *bench) coldly(start func() (*server, error), of func(*server) func() (time.Duration, error), a *api) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		s, err := start()
		if err != nil {
			return 0, err
		}
		defer s.close()
		before := a.Calls().File
		took, err := of(s)()
		documents := 0
		for _, c := range a.Snapshot().Contracts {
			documents += len(c.Documents)
		}
		if n := a.Calls().File - before; err == nil && n > documents {
			err = fmt.Errorf("%d calls for %d documents", n, documents)
		}
		return took, err
	}
}

// coldFace is face of servers that start anew for each measurement.
func (b *bench) coldFace(work string, a *api, bound func() (time.Duration, error), of func(*server) func() (time.Duration, error), unlike ...string) error {
	things := make([]func() (time.Duration, error), 4)
	for i, start := range b.coldFaces(a) {
		things[i] = b.coldly(start, of, a)
	}
	things[3] = bound
	for _, kind := range unlike {
		things[map[string]int{"webdav": 1, "http": 2}[kind]] = nil
	}
	t, err := b.medians(b.rounds, things...)
	if err == nil {
		b.table.addFace(faceRow{work, t[0], t[1], t[2], t[3]})
	}
	return err
}

// served is the work of ccsfs serve.
func served(b *bench) error {
	for _, part := range []func(*bench) error{servedPage, servedContract, servedLarge, servedArchive, servedLimited} {
		if err := part(b); err != nil {
			return err
		}
	}
	return nil
}

// servedPage looks at an account of ten contracts whose listings are known. rclone has no
// page: what it has is a list of the names of one contract's documents.
func servedPage(b *bench) error {
	a, err := b.serve(account(10, b.documents, 2000), b.latency)
	if err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	servers[0].look = servers[0].page
	for _, s := range servers[1:] {
		s.look = s.url + a.Snapshot().Contracts[0].ID + "/"
	}
	rounds := b.rounds * warmRounds
	first := func(s *server) func() (time.Duration, error) { return b.firstOf(s.look) }
	if err := b.face(fmt.Sprintf("first byte of the page of 10 × %d", b.documents), rounds, servers, nil, first); err != nil {
		return err
	}
	return b.face("its first screen, whole", rounds, servers, nil, b.screen)
}

// servedContract is a contract of many documents, as a list and as files.
func servedContract(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	c := a.Snapshot().Contracts[0]
	n := len(c.Documents)
	propfind := func(s *server) func() (time.Duration, error) { return b.propfind(s, c) }
	all := func(s *server) func() (time.Duration, error) { return b.getAll(s, c) }
	straight := b.curl(a)
	if err := b.coldFace(fmt.Sprintf("first PROPFIND of %d", n), a, straight, propfind, "http"); err != nil {
		return err
	}
	if err := b.coldFace(fmt.Sprintf("first GET of %d by curl -Z", n), a, straight, all); err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	if err := b.face(fmt.Sprintf("PROPFIND of %d again", n), b.rounds*warmRounds, servers, nil, propfind, "http"); err != nil {
		return err
	}
	if err := b.face("as a list in HTML", b.rounds*warmRounds, servers, nil,
		func(s *server) func() (time.Duration, error) { return b.get(s.url + c.ID + "/") }); err != nil {
		return err
	}
	return b.face(fmt.Sprintf("GET of %d by curl -Z again", n), b.rounds, servers, nil, all)
}

// servedLarge is a large document.
func servedLarge(b *bench) error {
	a, err := b.serve(account(1, 1, b.large), b.latency)
	if err != nil {
		return err
	}
	c := a.Snapshot().Contracts[0]
	large := func(s *server) func() (time.Duration, error) { return b.largeOf(s, c) }
	if err := b.coldFace("first GET of the large document", a, b.curl(a), large); err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	return b.face("the large document again", b.rounds, servers, nil, large)
}

// servedArchive is a ZIP, of which rclone has none: getting the same documents one by one
// is what is compared. Its memory is bounded by that for an archive of a few.
func servedArchive(b *bench) error {
	a, err := b.serve(account(2, 2*b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	few, many := a.Snapshot().Contracts[0], a.Snapshot().Contracts[1]
	zip := func(s *server, c apisim.Contract, more string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			return b.sh(`curl -sS --fail -o /dev/null -u "$2" "$1"`, s.page+"archive.zip?contract="+c.ID+more, serveUser+":"+servePassword)
		}
	}
	whole := func(s *server) func() (time.Duration, error) { return zip(s, many, "") }
	name := fmt.Sprintf("ZIP of %d", len(many.Documents))
	straight := func() (time.Duration, error) { return b.curlOf(a, many)() }
	if err := b.coldFace("first "+name, a, straight, whole, "webdav", "http"); err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	if err := b.face(name+" again (rclone: GET of each)", b.rounds, servers, nil, func(s *server) func() (time.Duration, error) {
		if s == servers[0] {
			return whole(s)
		}
		return b.getAll(s, many)
	}); err != nil {
		return err
	}
	var peak [2]float64
	s, err := b.serveCcsfs(a, b.fresh("cache"))
	if err != nil {
		return err
	}
	defer s.close()
	for i, one := range []func() (time.Duration, error){zip(s, few, "&month=2026"), zip(s, many, "")} {
		for range 3 { // from the API, and again
			if _, err := one(); err != nil {
				return err
			}
		}
		if peak[i], err = s.peak(); err != nil {
			return err
		}
	}
	b.table.add(row{work: "memory, " + name, took: peak[1], bound: peak[0], what: "of few", target: 1.5, unit: "MiB"})
	return nil
}

// servedLimited is first-time work under the default rate limit, which is the bound.
func servedLimited(b *bench) error {
	const n = 200
	a, err := b.serve(account(1, n, b.size), 300*time.Millisecond)
	if err != nil {
		return err
	}
	c := a.Snapshot().Contracts[0]
	for _, w := range []struct {
		name string
		of   func(*server) func() (time.Duration, error)
	}{
		{"PROPFIND", func(s *server) func() (time.Duration, error) { return b.propfind(s, c) }},
		{"ZIP", func(s *server) func() (time.Duration, error) { return b.get(s.page + "archive.zip?contract=" + c.ID) }},
	} {
		took, err := b.coldly(b.coldFaces(a, "--rate-limit=20")[0], w.of, a)()
		if err != nil {
			return err
		}
		b.table.add(row{work: fmt.Sprintf("first %s of %d at 20 requests/s and 300 ms", w.name, n), took: took.Seconds(), bound: n / 20.0,
			what: "the rate", target: 1.15, unit: "s"})
	}
	return nil
}
