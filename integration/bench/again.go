//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ccsfs/integration/bench/table"
)

// warmMount is the mount of a contender that has read everything.
type warmMount struct {
	*mount
	cache string
}

// end unmounts, and takes the cache away.
func (m *warmMount) end() error { return errors.Join(m.unmount(), os.RemoveAll(m.cache)) }

// warm mounts each contender and reads everything once. A copy on the local disk is the same as
// what each of them shows.
func (b *bench) warm(a *api) (all []*warmMount, local string, err error) {
	defer func() {
		if err != nil {
			end(all)
			all = nil
		}
	}()
	local = filepath.Join(b.fresh("local"), "copy")
	for i, c := range b.contenders {
		cache := b.fresh("cache")
		m, err := b.mount(c, a, cache)
		if err != nil {
			return all, "", err
		}
		all = append(all, &warmMount{m, cache})
		script := `cp -r "$1" "$2"; diff -r "$1" "$2"`
		if i > 0 {
			script = `diff -r "$1" "$2"`
		}
		if _, err := b.sh(script, m.path, local); err != nil {
			return all, "", err
		}
	}
	return all, local, b.settle()
}

func end(all []*warmMount) {
	for _, m := range all {
		_ = m.end() // what counts was measured
	}
}

// on measures a script on a directory.
func (b *bench) on(script, dir string) timing {
	return func() (time.Duration, error) {
		out := b.fresh("out")
		defer os.RemoveAll(out)
		return b.sh(script, dir, out)
	}
}

// asksNothing holds that no document was asked for while f ran.
func asksNothing(a *api, f func() error) error {
	before := a.Calls().File
	err := f()
	if n := a.Calls().File - before; err == nil && n > 0 {
		return fmt.Errorf("%d calls for documents that are in the cache", n)
	}
	return err
}

// againWork is done a second time on the same mount: what the kernel keeps of it is there.
func againWork(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	mounts, local, err := b.warm(a)
	if err != nil {
		return err
	}
	defer end(mounts)
	id := a.contract().ID
	return asksNothing(a, func() error {
		for _, w := range walkers() {
			r := table.Row{Work: w.name + " again", Bound: "local", Target: w.again}
			if err := b.compare(r, b.rounds*warmRounds, b.on(w.script, filepath.Join(local, id)),
				func(c int) timing { return b.on(w.script, filepath.Join(mounts[c].path, id)) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// remountedWork is done by a mount that has just begun, on a cache that has everything: the
// kernel keeps nothing of the mount, and the files of the cache in its memory, as those of the
// local copy.
func remountedWork(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	mounts, local, err := b.warm(a)
	if err != nil {
		return err
	}
	defer end(mounts)
	id := a.contract().ID
	for _, m := range mounts {
		if err := m.unmount(); err != nil {
			return err
		}
	}
	anew := func(i int, script string) timing {
		return func() (time.Duration, error) {
			m, err := b.mount(b.contenders[i], a, mounts[i].cache)
			if err != nil {
				return 0, err
			}
			defer m.unmount()
			return b.on(script, filepath.Join(m.path, id))()
		}
	}
	return asksNothing(a, func() error {
		for _, w := range walkers() {
			r := table.Row{Work: w.name + " again, new mount", Bound: "local"}
			if err := b.compare(r, b.rounds, b.on(w.script, filepath.Join(local, id)), func(c int) timing { return anew(c, w.script) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// longListing is that of ten contracts whose listings and sizes are known.
func longListing(b *bench) error {
	a, err := b.serve(account(10, b.documents, 2000), 0)
	if err != nil {
		return err
	}
	mounts, local, err := b.warm(a)
	if err != nil {
		return err
	}
	defer end(mounts)
	const script = `ls -lR "$1" >/dev/null`
	return b.compare(table.Row{Work: fmt.Sprintf("ls -lR of 10 × %d again", b.documents), Bound: "local", Target: 1.15}, b.rounds*warmRounds,
		b.on(script, local), func(c int) timing { return b.on(script, mounts[c].path) })
}
