//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/content"
)

// TestNoMixtureAfterEviction: the kernel has the end of a document (a PDF viewer reads
// that first), the cache has lost it, and the API has another content of the same size
// by now, under the version that is listed. What comes then never stands together with
// what the kernel has: not for who reads first, nor for who comes while it comes.
func TestNoMixtureAfterEviction(t *testing.T) {
	begin(t)
	for _, limits := range []struct{ size, above int64 }{{200_000, 1 << 20}, {3 << 20, 64 << 20}, {3 << 20, 1 << 20}} { // the last is read while it comes
		size := limits.size
		for _, q := range []apisim.Quirks{{Dates: true}, {Dates: true, ETag: true, Range: true}, {Chunked: true}} {
			t.Run(fmt.Sprintf("%d bytes above %d, range %v, chunked %v", size, limits.above, q.Range, q.Chunked), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, options{account: pseudo(1, size), quirks: q, content: func(c *content.Config) { c.PrefetchLimit, c.StreamAbove = 1<<20, limits.above }})
				was := expected(t, r.sim, nil)[0]
				path := r.path(was.path)
				readTail(t, path, was.data, size/2)
				r.loseBlobs()
				if err := r.sim.Bump(was.contract, was.id, ""); err != nil {
					t.Fatal(err)
				}
				is := expected(t, r.sim, nil)[0]
				if len(is.data) != len(was.data) || bytes.Equal(is.data, was.data) {
					t.Fatal("the change is not one")
				}
				gate := r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: was.id}, 0, apisim.Fault{Stall: true, After: size * 3 / 4})
				first := make(chan error, 1)
				go func() { first <- readsOne(path, 64<<10, was.data, is.data) }()
				second := make(chan error, 1)
				go func() { second <- readsOne(path, size/4, was.data, is.data) }()
				eventually(t, "it is asked for", func() bool { return r.sim.Calls().File >= 2 })
				third := make(chan error, 1)
				go func() { third <- readsOne(path, size, was.data, is.data) }()
				gate()
				r.sim.Faults.Clear()
				for _, c := range []chan error{first, second, third} {
					if err := <-c; err != nil {
						t.Error(err)
					}
				}
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, is.data) {
					t.Errorf("afterwards: %d bytes that are not the new ones, %v", len(got), err)
				}
			})
		}
	}
}

// readTail has the kernel keep what comes after off, and not what comes before.
func readTail(t *testing.T, path string, want []byte, off int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, len(want))
	if n, err := f.ReadAt(got, 0); n != len(got) || !bytes.Equal(got, want) {
		t.Fatal(n, err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, off, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

// readsOne reads n bytes from the start of a file, and the rest, and fails unless all
// are of one of the contents. That a read fails is fair.
func readsOne(path string, n int64, contents ...[]byte) error {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	got := make([]byte, len(contents[0]))
	if _, err := f.ReadAt(got[:n], 0); err != nil {
		return nil
	}
	if int(n) < len(got) {
		if _, err := f.ReadAt(got[n:], n); err != nil {
			return nil
		}
	}
	for _, c := range contents {
		if bytes.Equal(got, c) {
			return nil
		}
	}
	at := 0
	for at < len(got) && got[at] == contents[1][at] {
		at++
	}
	return fmt.Errorf("%d bytes of one content, and then of another: nobody was told", at)
}
