//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/integration/bench/table"
)

// readers are those of a whole directory of large documents: "$1" is it, "$2" an empty directory.
const (
	readByCat = `cat "$1"/*.bin >/dev/null`
	readByCp  = `cp "$1"/*.bin "$2/"`
	// sh's wait without arguments forgets who failed.
	readAtOnce = `pids=; for f in "$1"/*.bin; do cat "$f" >/dev/null & pids="$pids $!"; done; for p in $pids; do wait $p; done`
)

// mebibytes is a length for people.
func mebibytes(n int64) string { return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20)) }

// largeDocument is one that streams, over the protocols that an API may speak; curl writes it to
// a file on the same disk, as ccsfs does.
func largeDocument(b *bench) error {
	for _, over := range []struct {
		name   string
		serve  serving
		target float64
	}{
		{"HTTP/1.1", b.serve, 1.2},
		{"TLS, HTTP/2", b.serveTLS, 1.1},
	} {
		a, err := over.serve(account(1, 1, b.large), b.latency)
		if err != nil {
			return err
		}
		what := "first read of " + mebibytes(b.large) + ", " + over.name
		if err := b.compare(table.Row{Work: what, Bound: "curl -o", Target: over.target}, b.rounds, b.curl(a),
			func(c int) timing { return b.cold(b.contenders[c], a, readByCat) }); err != nil {
			return err
		}
		if err := b.compare(table.Row{Work: what + ", by cp", Bound: "curl -o"}, b.rounds, b.curl(a),
			func(c int) timing { return b.cold(b.contenders[c], a, readByCp) }); err != nil {
			return err
		}
	}
	a, err := b.serve(account(1, 1, b.large), b.latency)
	if err != nil {
		return err
	}
	if err := b.compare(table.Row{Work: "its first byte", By: table.Fixed(b.latency.Seconds()), Bound: "one call", Target: 2}, b.rounds, nil,
		func(c int) timing { return b.firstByte(b.contenders[c], a) }); err != nil {
		return err
	}
	return largeAgain(b, a)
}

// serving begins an API: bench.serve or bench.serveTLS.
type serving = func(*apisim.Account, time.Duration) (*api, error)

// largeAgain is what is in the cache: with the kernel's pages of the mount, and when neither
// these nor those of the disk are in memory.
func largeAgain(b *bench, a *api) error {
	mounts, local, err := b.warm(a)
	if err != nil {
		return err
	}
	defer end(mounts)
	id := a.contract().ID
	local = filepath.Join(local, id)
	if err := b.compare(table.Row{Work: "the large document again", Bound: "local", Target: 1.5}, b.rounds, b.on(readByCat, local),
		func(c int) timing { return b.on(readByCat, filepath.Join(mounts[c].path, id)) }); err != nil {
		return err
	}
	forgotten := func(dir string, also ...string) timing {
		return func() (time.Duration, error) {
			for _, d := range append(also, dir) {
				if err := forget(d); err != nil {
					return 0, err
				}
			}
			return b.on(readByCat, dir)()
		}
	}
	return b.compare(table.Row{Work: "again, from the disk", Bound: "local", Target: 1.5}, b.rounds, forgotten(local),
		func(c int) timing { return forgotten(filepath.Join(mounts[c].path, id), mounts[c].cache) })
}

// firstByte measures open and the first byte of a document whose contract has been listed.
func (b *bench) firstByte(c contender, a *api) timing {
	return func() (time.Duration, error) {
		cache := b.fresh("cache")
		defer os.RemoveAll(cache)
		m, err := b.mount(c, a, cache)
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
		return readByte(names[0])
	}
}

// readByte measures open and the first byte of a file.
func readByte(name string) (time.Duration, error) {
	start := time.Now()
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = io.ReadFull(f, make([]byte, 1))
	return time.Since(start), err
}

// eightAtOnce are eight large documents that are read at the same time, and the calls that it
// takes: while one is opened the sizes of others are found out, and that may be a call of its own.
func eightAtOnce(b *bench) error {
	a, err := b.serve(account(1, 8, b.large), b.latency)
	if err != nil {
		return err
	}
	what := "8 × " + mebibytes(b.large) + " at once"
	calls := make([]table.Series, len(b.contenders))
	if err := b.compare(table.Row{Work: "first read of " + what, Bound: "curl -Z -o", Target: 1.3}, b.rounds, b.curl(a), func(c int) timing {
		return func() (time.Duration, error) {
			took, n, err := b.once(b.contenders[c], a, readAtOnce)
			calls[c] = append(calls[c], float64(n))
			return took, err
		}
	}); err != nil {
		return err
	}
	b.add(table.Row{Work: "calls for " + what, Unit: table.Calls, Of: calls, By: table.Fixed(8), Bound: "at best", Target: 1})
	return nil
}

// callsForSize counts what a large document costs whose size was asked for before its bytes: by
// ls -l, and then by a reader who comes at once, or when nobody waits for one any more.
func callsForSize(b *bench) error {
	a, err := b.serve(account(1, 1, b.large), b.latency)
	if err != nil {
		return err
	}
	for _, pause := range []time.Duration{0, 5 * time.Second} {
		of, err := b.each(func(c contender) (float64, error) {
			_, calls, err := b.once(c, a, fmt.Sprintf(`ls -l "$1" >/dev/null; sleep %g; `, pause.Seconds())+readByCat)
			return float64(calls), err
		})
		if err != nil {
			return err
		}
		b.add(table.Row{Work: fmt.Sprintf("calls for %s read %v after ls -l", mebibytes(b.large), pause), Unit: table.Calls,
			Of: of, By: table.Fixed(1), Bound: "at best", Target: 1})
	}
	return nil
}
