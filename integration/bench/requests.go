//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
)

// What is asked of servers, ours and others: all of them want the same password.

// getAll gets all documents of a contract, 16 at a time.
func (b *bench) getAll(s *server, c apisim.Contract) timing {
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
		took, err := b.sh(`curl -q -sS --no-progress-meter --noproxy '*' --fail -Z --parallel-max 16 -K "$1"`, cfgFile)
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
func (b *bench) propfind(s *server, c apisim.Contract) timing {
	return func() (time.Duration, error) {
		_, took, body, err := b.ask("PROPFIND", s.url+c.ID+"/", "1")
		if n := bytes.Count(body, []byte("getcontentlength>")); err == nil && n < 2*len(c.Documents) {
			err = fmt.Errorf("%d sizes of %d documents", n/2, len(c.Documents))
		}
		return took, err
	}
}

// get reads what is at an address.
func (b *bench) get(at string) timing {
	return func() (time.Duration, error) {
		_, took, _, err := b.ask(http.MethodGet, at, "")
		return took, err
	}
}

// firstOf is the time to the first byte.
func (b *bench) firstOf(at string) timing {
	return func() (time.Duration, error) {
		took, _, _, err := b.ask(http.MethodGet, at, "")
		return took, err
	}
}

// screen reads a page, and what it is made of, over one connection.
func (b *bench) screen(s *server) timing {
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
func (b *bench) largeOf(s *server, c apisim.Contract) timing {
	return func() (time.Duration, error) {
		return b.sh(`curl -q -sS --noproxy '*' --fail -o /dev/null -u "$2" "$1"`, s.url+c.ID+"/"+url.PathEscape(c.Documents[0].Filename), serveUser+":"+servePassword)
	}
}
