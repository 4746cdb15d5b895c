//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/integration/bench/table"
)

// walker is a tool that reads a whole directory; "$1" is it, "$2" an empty directory.
type walker struct {
	name, script string
	again        float64 // target of what is in the kernel, beside the local disk
}

func walkers() []walker {
	return []walker{
		{"cp -r", `cp -r "$1" "$2/copy"`, 1.4},
		{"tar", `tar -cf - -C "$1" . | cat >"$2/t.tar"`, 1.15},
		{"rsync", `rsync -a "$1/" "$2/copy/"`, 1.15},
		{"grep -r", `grep -rc qqqqqqqqqq "$1" >/dev/null || test $? -eq 1`, 1.15},
		{"ls -lR", `ls -lR "$1" >/dev/null`, 1.15},
	}
}

// cold measures a script on the first contract, by a fresh mount with a fresh cache. A document
// that is asked for twice is an error.
func (b *bench) cold(c contender, a *api, script string, flags ...string) timing {
	return func() (time.Duration, error) {
		took, calls, err := b.once(c, a, script, flags...)
		if n := len(a.contract().Documents); err == nil && calls > n {
			err = fmt.Errorf("%s: %d calls for %d documents", c.name, calls, n)
		}
		return took, err
	}
}

// once does what cold measures, and counts the calls for documents. Neither the kernel's pages of
// the mount nor what was written is left to what comes next.
func (b *bench) once(c contender, a *api, script string, flags ...string) (took time.Duration, calls int, err error) {
	cache, out := b.fresh("cache"), b.fresh("out")
	defer os.RemoveAll(cache)
	defer os.RemoveAll(out)
	m, err := b.mount(c, a, cache, flags...)
	if err != nil {
		return 0, 0, err
	}
	defer m.unmount()
	contract := a.contract()
	dir := filepath.Join(m.path, contract.ID)
	before := a.Calls().File
	took, err = b.sh(script, dir, out)
	calls = a.Calls().File - before
	if err == nil && calls > 0 {
		err = complete(dir, contract)
	}
	return took, calls, err
}

// complete holds that a directory shows each document of a contract, with its size: what is quick
// because it is cut is not quick.
func complete(dir string, c apisim.Contract) error {
	for _, d := range c.Documents {
		info, err := os.Stat(filepath.Join(dir, d.Filename))
		if err != nil {
			return err
		}
		if info.Size() != size(d) {
			return fmt.Errorf("%s has %d bytes of %d", d.Filename, info.Size(), size(d))
		}
	}
	return nil
}

// curl measures what fetching all documents of the first contract into files takes, 16 at a time.
func (b *bench) curl(a *api) timing { return b.curlOf(a, a.contract()) }

// curlOf is curl for a contract.
func (b *bench) curlOf(a *api, c apisim.Contract) timing {
	return func() (time.Duration, error) {
		out := b.fresh("curl")
		defer os.RemoveAll(out)
		token, err := a.token()
		if err != nil {
			return 0, err
		}
		var cfg strings.Builder
		if len(c.Documents) > 1 {
			cfg.WriteString("parallel\nparallel-max = 16\n")
		}
		if a.ca != "" {
			fmt.Fprintf(&cfg, "cacert = \"%s\"\nhttp2\n", a.ca)
		}
		for i, d := range c.Documents {
			fmt.Fprintf(&cfg, "url = \"%s%s/documents/%s/file\"\noutput = \"%s/%d\"\n", a.url, apisim.APIPath, d.ID, out, i)
		}
		cfgFile := filepath.Join(out, "curl.cfg")
		if err := os.WriteFile(cfgFile, []byte(cfg.String()), 0o600); err != nil {
			return 0, err
		}
		return b.sh(`curl -q -sS --no-progress-meter --noproxy '*' --fail -H "Authorization: Bearer $2" -H "X-API-Key: $3" `+
			`-H "X-ECCS-Contract-Id: $4" -H "Accept: application/json" -K "$1"`,
			cfgFile, token, apisim.APIKey, c.ID)
	}
}

// firstWork is on a contract that nobody has looked at.
func firstWork(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	for _, w := range walkers() {
		r := table.Row{Work: "first " + w.name, Bound: "curl -Z -o", Target: 1.2}
		if w.name == "cp -r" {
			peer, err := b.rcloneCopy(a)
			if err != nil {
				return err
			}
			r.Peers = []table.Series{peer}
		}
		if err := b.compare(r, b.rounds, b.curl(a), func(c int) timing { return b.cold(b.contenders[c], a, w.script) }); err != nil {
			return err
		}
	}
	return nil
}

// limited is first-time work under the default rate limit, which is the bound.
func limited(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), 300*time.Millisecond)
	if err != nil {
		return err
	}
	return b.compare(table.Row{Work: "first cp at 20 requests/s and 300 ms", By: table.Fixed(float64(b.documents) / 20), Bound: "the rate", Target: 1.15},
		1, nil, func(c int) timing { return b.cold(b.contenders[c], a, walkers()[0].script, "--rate-limit=20") })
}
