//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/integration/bench/table"
)

// heap is the memory of a Go process, in bytes.
type heap struct {
	resident float64 // of the process, RSS
	inUse    float64 // spans of the heap that hold something, live or not yet collected
	free     float64 // spans that hold nothing, and that the system has not got back yet
	live     float64 // what is left after a collection
}

// socket is where a mount can be asked, below the XDG_RUNTIME_DIR that it was given.
type socket struct{ runtimeDir string }

// path waits for the socket, which comes after the mount.
func (s socket) path() (string, error) {
	for range 1000 {
		if all, _ := filepath.Glob(filepath.Join(s.runtimeDir, "ccsfs", "*.sock")); len(all) > 0 {
			return all[0], nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("no socket in " + s.runtimeDir)
}

// get asks the process behind the socket, and reads its answer.
func (s socket) get(ctx context.Context, path string, read func(io.Reader) error) error {
	at, err := s.path()
	if err != nil {
		return err
	}
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", at)
	}}
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://ccsfs"+path, nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return read(res.Body)
}

// metrics reads numbers without labels from the text format of Prometheus.
func metrics(r io.Reader) (map[string]float64, error) {
	all := map[string]float64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			all[name] = v
		}
	}
	return all, lines.Err()
}

// heapOf is the memory of a mount now. What is live is known by a collection, which comes last:
// it changes all the others.
func (b *bench) heapOf(m *mount, s socket) (h heap, err error) {
	if _, err = s.path(); err != nil {
		return heap{}, err
	}
	if h.resident, err = m.resident(); err != nil {
		return heap{}, err
	}
	numbers := func() (all map[string]float64, err error) {
		err = s.get(b.ctx, "/metrics", func(r io.Reader) error {
			all, err = metrics(r)
			return err
		})
		return all, err
	}
	now, err := numbers()
	if err != nil {
		return heap{}, err
	}
	h.inUse = now["go_memstats_heap_inuse_bytes"]
	h.free = now["go_memstats_heap_idle_bytes"] - now["go_memstats_heap_released_bytes"]
	for range 2 { // what has a finalizer goes at the second one
		if err := s.get(b.ctx, "/debug/pprof/heap?gc=1", func(r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		}); err != nil {
			return heap{}, err
		}
	}
	if now, err = numbers(); err != nil {
		return heap{}, err
	}
	h.live = now["go_memstats_heap_alloc_bytes"]
	return h, nil
}

// memoryOfReading is what each document leaves behind that was read once, of many small ones.
// What is resident holds, beside what is live, garbage that no collection has come to yet (as
// much as what is live, by GOGC=100) and what was given back to the runtime, but not to the
// system; so both are told.
func memoryOfReading(b *bench) error {
	const size = 2000
	perContract := min(1000, b.memoryDocuments)
	contracts := b.memoryDocuments / perContract
	n := float64(contracts * perContract)
	a, err := b.serve(apisim.Synthetic(contracts, perContract, size, ".bin"), 0)
	if err != nil {
		return err
	}
	var inUse, live []table.Series
	resident, err := b.each(func(c contender) (float64, error) {
		cache := b.fresh("cache")
		defer os.RemoveAll(cache)
		s := socket{b.fresh("run")}
		m, err := b.mount(c.with("XDG_RUNTIME_DIR="+s.runtimeDir), a, cache)
		if err != nil {
			return 0, err
		}
		defer m.unmount()
		before, err := b.heapOf(m, s)
		if err != nil {
			return 0, err
		}
		calls := a.Calls().File
		took, err := b.sh(`find "$1" -type f -name "*.bin" -print0 | xargs -0 cat | wc -c | grep -qx "$2"`, m.path, strconv.Itoa(int(n)*size))
		if err != nil {
			return 0, err
		}
		if got := a.Calls().File - calls; got != int(n) {
			return 0, fmt.Errorf("%s: %d calls for %.0f documents", c.name, got, n)
		}
		after, err := b.heapOf(m, s)
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(os.Stderr, "  %s read %.0f documents in %v: %.0f MiB resident of %.0f at first; heap %.0f MiB live, %.0f in use, %.0f free\n",
			c.name, n, took.Round(time.Millisecond), after.resident/(1<<20), before.resident/(1<<20), after.live/(1<<20), after.inUse/(1<<20), after.free/(1<<20))
		inUse = append(inUse, table.Fixed((after.inUse-before.inUse)/n))
		live = append(live, table.Fixed((after.live-before.live)/n))
		return (after.resident - before.resident) / n, nil
	})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("memory of each of %.0f documents read", n)
	b.add(table.Row{Work: what, Unit: table.Bytes, Of: resident, By: table.Fixed(500), Bound: "allowed", Target: 1})
	b.add(table.Row{Work: "of it, heap in use", Unit: table.Bytes, Of: inUse})
	b.add(table.Row{Work: "of it, live after a collection", Unit: table.Bytes, Of: live})
	return nil
}

// memoryOfReaders is the peak of a process that streams 1 GiB and serves 100 readers.
func memoryOfReaders(b *bench) error {
	a, err := b.serve(account(1, 1, 1<<30), b.latency)
	if err != nil {
		return err
	}
	peak, err := b.each(func(c contender) (float64, error) {
		cache := b.fresh("cache")
		defer os.RemoveAll(cache)
		m, err := b.mount(c, a, cache)
		if err != nil {
			return 0, err
		}
		defer m.unmount()
		before := a.Calls().File
		if _, err := b.sh(`pids=; for i in $(seq 100); do cat "$1"/*.bin >/dev/null & pids="$pids $!"; done; for p in $pids; do wait $p; done`,
			filepath.Join(m.path, a.contract().ID)); err != nil {
			return 0, err
		}
		if n := a.Calls().File - before; n != 1 {
			return 0, fmt.Errorf("%s: %d calls for one document", c.name, n)
		}
		peak, err := m.peak()
		return peak / (1 << 20), err
	})
	if err != nil {
		return err
	}
	b.add(table.Row{Work: "memory, 1 GiB and 100 readers", Unit: table.MiB, Of: peak, By: table.Fixed(96), Bound: "allowed", Target: 1})
	return nil
}

// scale finds its way through a million documents.
func scale(b *bench) error {
	a, err := b.serve(apisim.Synthetic(1000, 1000, 100, ".bin"), 0)
	if err != nil {
		return err
	}
	var times []table.Series
	resident, err := b.each(func(c contender) (float64, error) {
		cache := b.fresh("cache")
		defer os.RemoveAll(cache)
		m, err := b.mount(c, a, cache)
		if err != nil {
			return 0, err
		}
		defer m.unmount()
		before, start := a.Calls(), time.Now()
		out, err := exec.CommandContext(b.ctx, "find", m.path, "-type", "f", "-name", "*.bin").Output()
		if err != nil {
			return 0, err
		}
		times = append(times, table.Fixed(time.Since(start).Seconds()))
		if n := strings.Count(string(out), "\n"); n != 1_000_000 {
			return 0, fmt.Errorf("%s: find saw %d documents", c.name, n)
		}
		calls := a.Calls()
		if listings, files := calls.Documents-before.Documents, calls.File-before.File; listings > 7000 || files > 0 {
			return 0, fmt.Errorf("%s: %d listings, %d files", c.name, listings, files)
		}
		resident, err := m.resident()
		return resident / (1 << 20), err
	})
	if err != nil {
		return err
	}
	b.add(table.Row{Work: "memory after find over 1,000 × 1,000", Unit: table.MiB, Of: resident, By: table.Fixed(1024), Bound: "allowed", Target: 1})
	b.add(table.Row{Work: "that find", Unit: table.Seconds, Of: times})
	return nil
}
