//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/integration/bench/table"
)

// startWithBlobs is a mount that begins on a cache of many documents: until its first directory
// is listed, and from then to the first byte of one of them.
func startWithBlobs(b *bench) error {
	perContract := min(1000, b.blobs)
	a, err := b.serve(apisim.Synthetic(b.blobs/perContract, perContract, 100, ".bin"), 0)
	if err != nil {
		return err
	}
	caches := make([]string, len(b.contenders))
	for i, c := range b.contenders {
		caches[i] = b.fresh("cache")
		defer os.RemoveAll(caches[i])
		if err := b.fill(c, a, caches[i]); err != nil {
			return err
		}
	}
	if err := b.settle(); err != nil {
		return err
	}
	a.delay.Store(int64(b.latency)) // filling took none
	all := a.Snapshot().Contracts
	first := make([]table.Series, len(b.contenders))
	round := make([]int, len(b.contenders))
	ready := func(i int) timing {
		return func() (time.Duration, error) {
			start := time.Now()
			m, err := b.mount(b.contenders[i], a, caches[i])
			if err != nil {
				return 0, err
			}
			defer m.unmount()
			entries, err := os.ReadDir(m.path)
			took := time.Since(start)
			if err != nil || len(entries) < len(all) {
				return 0, errors.Join(fmt.Errorf("%d contracts of %d", len(entries), len(all)), err)
			}
			c := all[round[i]%len(all)] // another one each time
			round[i]++
			byteTook, err := readByte(filepath.Join(m.path, c.ID, c.Generate()[0].Filename))
			first[i] = append(first[i], byteTook.Seconds())
			return took, err
		}
	}
	return asksNothing(a, func() error {
		what := fmt.Sprintf("%d documents in the cache: ", b.blobs)
		if err := b.compare(table.Row{Work: what + "mounted and listed", By: table.Fixed(0.05), Bound: "allowed", Target: 1}, b.rounds, nil, ready); err != nil {
			return err
		}
		b.add(table.Row{Work: what + "first byte", Unit: table.Seconds, Of: first, By: table.Fixed(0.05), Bound: "allowed", Target: 1})
		return nil
	})
}

// fill reads everything once, so that it is in the cache.
func (b *bench) fill(c contender, a *api, cache string) error {
	m, err := b.mount(c, a, cache)
	if err != nil {
		return err
	}
	defer m.unmount()
	_, err = b.sh(`find "$1" -type f -name "*.bin" -print0 | xargs -0 cat >/dev/null`, m.path)
	return err
}
