//go:build !windows

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
)

// benchCase is one or more rows of the table.
type benchCase struct {
	name string
	run  func(b *bench) error
}

// walker is a tool that reads a whole directory; "$1" is it, "$2" an empty
// directory.
type walker struct{ name, script string }

func walkers() []walker {
	return []walker{
		{"cp", `cp -r "$1" "$2/copy"`},
		{"tar", `tar -cf - -C "$1" . | cat >"$2/t.tar"`},
		{"rsync", `rsync -a "$1/" "$2/copy/"`},
		{"grep -r", `grep -rc qqqqqqqqqq "$1" >/dev/null || test $? -eq 1`},
		{"ls -l", `ls -l "$1" >/dev/null`},
	}
}

func cases() []benchCase {
	return []benchCase{
		{"first", firstWork},
		{"again", againWork},
		{"large", largeDocument},
		{"listing", longListing},
		{"memory", memory},
		{"scale", scale},
		{"limited", limited},
		{"serve", served},
		{"pool", pooled},
	}
}

// best is the shortest of several measurements of each of several things, which
// take turns.
func (b *bench) best(things ...func() (time.Duration, error)) ([]float64, error) {
	result := make([]float64, len(things))
	for i := range result {
		result[i] = math.Inf(1)
	}
	for range b.rounds {
		for i, thing := range things {
			took, err := thing()
			if err != nil {
				return nil, err
			}
			result[i] = min(result[i], took.Seconds())
		}
	}
	return result, nil
}

// contractDir is the first contract's directory under a mount.
func contractDir(m *mount) (string, error) {
	entries, err := os.ReadDir(m.path)
	if err != nil || len(entries) == 0 {
		return "", errors.Join(errors.New("nothing mounted at "+m.path), err)
	}
	return filepath.Join(m.path, entries[0].Name()), nil
}

// cold measures a script on a fresh cache and a fresh mount.
func (b *bench) cold(a *api, script string, flags ...string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		m, err := b.mount(a, b.fresh("cache"), flags...)
		if err != nil {
			return 0, err
		}
		defer m.unmount()
		out := b.fresh("out")
		defer os.RemoveAll(out)
		before := a.Calls().File
		took, err := b.sh(script, filepath.Join(m.path, b.contract(a)), out)
		if files := a.Calls().File - before; err == nil && files > b.documents {
			return 0, fmt.Errorf("%d calls for %d documents", files, b.documents)
		}
		return took, err
	}
}

func (b *bench) contract(a *api) string { return a.Snapshot().Contracts[0].ID }

// curl measures what fetching all documents of the first contract takes 16 at a time.
func (b *bench) curl(a *api) func() (time.Duration, error) {
	return b.curlOf(a, a.Snapshot().Contracts[0])
}

// curlOf is curl for a contract.
func (b *bench) curlOf(a *api, c apisim.Contract) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		out := b.fresh("curl")
		defer os.RemoveAll(out)
		token, err := a.token()
		if err != nil {
			return 0, err
		}
		var cfg strings.Builder
		for i, d := range c.Documents {
			fmt.Fprintf(&cfg, "url = \"%s%s/documents/%s/file\"\noutput = \"%s/%d\"\n", a.url, apisim.APIPath, d.ID, out, i)
		}
		cfgFile := filepath.Join(out, "curl.cfg")
		if err := os.WriteFile(cfgFile, []byte(cfg.String()), 0o600); err != nil {
			return 0, err
		}
		return b.sh(`curl -sS --fail -Z --parallel-max 16 -H "Authorization: Bearer $2" -H "X-API-Key: $3" `+
			`-H "X-ECCS-Contract-Id: $4" -H "Accept: application/json" -K "$1"`,
			cfgFile, token, apisim.APIKey, c.ID)
	}
}

// account is one contract with documents that are listed eagerly.
func account(contracts, documents int, size int64) *apisim.Account {
	acc := apisim.Synthetic(contracts, documents, size, ".bin")
	for i := range acc.Contracts {
		if c := &acc.Contracts[i]; c.Documents == nil && c.Generate != nil {
			c.Documents = c.Generate()
		}
	}
	return acc
}

func firstWork(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	for _, w := range walkers() {
		t, err := b.best(b.cold(a, w.script), b.curl(a))
		if err != nil {
			return err
		}
		r := row{work: "first " + w.name, took: t[0], bound: t[1], what: "curl -Z", target: 2, unit: "s"}
		if w.name == "cp" {
			if r.peer, err = b.rcloneCopy(a); err != nil {
				return err
			}
		}
		b.table.add(r)
	}
	return nil
}

// warm mounts, reads everything once, and copies it to the local disk.
func (b *bench) warm(a *api) (m *mount, dir, local string, err error) {
	if m, err = b.mount(a, b.fresh("cache")); err != nil {
		return nil, "", "", err
	}
	if dir, err = contractDir(m); err != nil {
		return nil, "", "", err
	}
	local = filepath.Join(b.fresh("local"), "copy")
	_, err = b.sh(`cp -r "$1" "$2" && diff -r "$1" "$2"`, dir, local)
	return m, dir, local, err
}

func againWork(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	m, dir, local, err := b.warm(a)
	if err != nil {
		return err
	}
	defer m.unmount()
	on := func(script, dir string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			out := b.fresh("out")
			defer os.RemoveAll(out)
			return b.sh(script, dir, out)
		}
	}
	for _, w := range walkers() {
		t, err := b.best(on(w.script, dir), on(w.script, local))
		if err != nil {
			return err
		}
		b.table.add(row{work: w.name + " again", took: t[0], bound: t[1], what: "local", target: 2, unit: "s"})
	}
	return nil
}

func largeDocument(b *bench) error {
	a, err := b.serve(account(1, 1, b.large), b.latency)
	if err != nil {
		return err
	}
	cold := b.cold(a, `cat "$1"/*.bin >/dev/null`)
	token, err := a.token()
	if err != nil {
		return err
	}
	id := a.Snapshot().Contracts[0].Documents[0].ID
	curl := func() (time.Duration, error) {
		return b.sh(`curl -sS --fail -o /dev/null -H "Authorization: Bearer $2" -H "X-API-Key: $3" -H "X-ECCS-Contract-Id: $4" `+
			`-H "Accept: application/json" "$1"`, a.url+apisim.APIPath+"/documents/"+id+"/file", token, apisim.APIKey, b.contract(a))
	}
	t, err := b.best(cold, curl)
	if err != nil {
		return err
	}
	b.table.add(row{work: "first read of a large document", took: t[0], bound: t[1], what: "curl", target: 1.2, unit: "s"})

	first, err := b.best(b.firstByte(a))
	if err != nil {
		return err
	}
	b.table.add(row{work: "its first byte", took: first[0], bound: b.latency.Seconds(), what: "one call", target: 2, unit: "s"})

	m, dir, local, err := b.warm(a)
	if err != nil {
		return err
	}
	defer m.unmount()
	read := func(dir string) func() (time.Duration, error) {
		return func() (time.Duration, error) { return b.sh(`cat "$1"/*.bin >/dev/null`, dir) }
	}
	if t, err = b.best(read(dir), read(local)); err != nil {
		return err
	}
	b.table.add(row{work: "the large document again", took: t[0], bound: t[1], what: "local", target: 1.5, unit: "s"})
	if dropCaches() != nil {
		fmt.Fprintln(os.Stderr, "  drop_caches needs root: left out")
		return nil
	}
	dropped := func(dir string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			if err := dropCaches(); err != nil {
				return 0, err
			}
			return read(dir)()
		}
	}
	if t, err = b.best(dropped(dir), dropped(local)); err != nil {
		return err
	}
	b.table.add(row{work: "again after drop_caches", took: t[0], bound: t[1], what: "local", target: 1.5, unit: "s"})
	return nil
}

// firstByte measures open and the first byte of a document whose contract has been
// listed.
func (b *bench) firstByte(a *api) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		m, err := b.mount(a, b.fresh("cache"))
		if err != nil {
			return 0, err
		}
		defer m.unmount()
		dir, err := contractDir(m)
		if err != nil {
			return 0, err
		}
		names, err := filepath.Glob(filepath.Join(dir, "*.bin"))
		if err != nil || len(names) == 0 {
			return 0, errors.Join(errors.New("no document"), err)
		}
		start := time.Now()
		f, err := os.Open(names[0])
		if err != nil {
			return 0, err
		}
		defer f.Close()
		_, err = io.ReadFull(f, make([]byte, 1))
		return time.Since(start), err
	}
}

func longListing(b *bench) error {
	a, err := b.serve(account(10, b.documents, 2000), 0)
	if err != nil {
		return err
	}
	m, err := b.mount(a, b.fresh("cache"))
	if err != nil {
		return err
	}
	defer m.unmount()
	local := filepath.Join(b.fresh("local"), "copy")
	if _, err := b.sh(`cp -r "$1" "$2"`, m.path, local); err != nil {
		return err
	}
	ls := func(dir string) func() (time.Duration, error) {
		return func() (time.Duration, error) { return b.sh(`ls -lR "$1" >/dev/null`, dir) }
	}
	t, err := b.best(ls(m.path), ls(local))
	if err != nil {
		return err
	}
	b.table.add(row{work: fmt.Sprintf("ls -lR of 10 × %d again", b.documents), took: t[0], bound: t[1], what: "local", target: 2, unit: "s"})
	return nil
}

// memory is the peak of a process that streams 1 GiB and serves 100 readers.
func memory(b *bench) error {
	a, err := b.serve(account(1, 1, 1<<30), b.latency)
	if err != nil {
		return err
	}
	m, err := b.mount(a, b.fresh("cache"))
	if err != nil {
		return err
	}
	defer m.unmount()
	dir, err := contractDir(m)
	if err != nil {
		return err
	}
	if _, err := b.sh(`for i in $(seq 100); do cat "$1"/*.bin >/dev/null & done; wait`, dir); err != nil {
		return err
	}
	peak, err := m.peak()
	if err != nil {
		return err
	}
	if n := a.Calls().File; n != 1 {
		return fmt.Errorf("%d calls for one document", n)
	}
	b.table.add(row{work: "memory, 1 GiB and 100 readers", took: peak, bound: 96, what: "allowed", target: 1, unit: "MiB"})
	return nil
}

// scale finds its way through a million documents.
func scale(b *bench) error {
	a, err := b.serve(apisim.Synthetic(1000, 1000, 100, ".bin"), 0)
	if err != nil {
		return err
	}
	m, err := b.mount(a, b.fresh("cache"))
	if err != nil {
		return err
	}
	defer m.unmount()
	start := time.Now()
	out, err := exec.CommandContext(b.ctx, "find", m.path, "-type", "f", "-name", "*.bin").Output()
	if err != nil {
		return err
	}
	took := time.Since(start)
	if n := strings.Count(string(out), "\n"); n != 1_000_000 {
		return fmt.Errorf("find saw %d documents", n)
	}
	calls := a.Calls()
	if calls.Documents > 7000 || calls.File > 0 {
		return fmt.Errorf("%d listings, %d files", calls.Documents, calls.File)
	}
	resident, err := m.resident()
	if err != nil {
		return err
	}
	b.table.add(row{work: "memory after find over 1,000 × 1,000", took: resident, bound: 1024, what: "allowed", target: 1, unit: "MiB"})
	fmt.Fprintf(os.Stderr, "  find took %v for %d listings\n", took.Round(time.Millisecond), calls.Documents)
	return nil
}

// limited is first-time work under the default rate limit, which is the bound.
func limited(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), 300*time.Millisecond)
	if err != nil {
		return err
	}
	took, err := b.cold(a, walkers()[0].script, "--rate-limit=20")()
	if err != nil {
		return err
	}
	b.table.add(row{work: "first cp at 20 requests/s and 300 ms", took: took.Seconds(), bound: float64(b.documents) / 20,
		what: "the rate", target: 1.15, unit: "s"})
	return nil
}
