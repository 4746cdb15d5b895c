//go:build linux

package integration

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// serve serves an account to a ccsfs of its own.
func serve(t *testing.T, account *apisim.Account) (sim *apisim.Server, url string) {
	t.Helper()
	sim = &apisim.Server{Account: account}
	web := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Faults.Clear()
		web.Close()
	})
	return sim, web.URL
}

// TestSIGTERMUnmountsWithAFileOpen: the mount is gone at once, and the exit
// status is 0, though somebody still reads.
func TestSIGTERMUnmountsWithAFileOpen(t *testing.T) {
	begin(t)
	sim, url := serve(t, sample())
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		cache := filepath.Join(t.TempDir(), "cache")
		p := startBinary(t, url, cache, t.TempDir())
		reader := command(t, "sh", "-c", `exec 3< "$0"; cat <&3 > /dev/null; echo; sleep 30`, filepath.Join(p.dir, "OCB0001234", "CreditNote.txt"))
		out, err := reader.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatalf("the reader has not begun: %v", err)
		}
		if err := p.stop(signal); err != nil {
			t.Errorf("%v: %v\n%s", signal, err, p.errors.String())
		}
		if left := mounts(t); len(left) > 0 {
			t.Errorf("%v: still mounted: %v", signal, left)
		}
		reader.Process.Kill()
		reader.Wait()
	}
	if c := sim.Calls(); c.File != 2 {
		t.Errorf("%d calls of /file", c.File)
	}
}

// TestCrashedMountIsMountedAgain: after kill -9 in the middle of a download, a new
// ccsfs on the same mountpoint and cache clears the dead mount, shows
// everything, and fetches only what had not come whole.
func TestCrashedMountIsMountedAgain(t *testing.T) {
	begin(t)
	account := sample()
	sim, url := serve(t, account)
	files := expected(t, sim, nil)
	last := files[len(files)-1]
	cache, dir := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	p := startBinary(t, url, cache, dir)
	for _, f := range files[:len(files)-1] {
		if _, err := run(t, "cat", filepath.Join(dir, f.path)); err != nil {
			t.Fatal(err)
		}
	}
	sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: last.id}, 0, apisim.Fault{After: 100, Stall: true})
	victim := command(t, "cat", filepath.Join(dir, last.path))
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last document is on its way", func() bool { return sim.Calls().Files[last.id] > 0 })
	p.stop(os.Kill)
	if err := victim.Wait(); err == nil {
		t.Error("a reader of a mount that has died ends without an error")
	}
	if _, err := run(t, "ls", dir); err == nil {
		t.Error("the mount is not dead: this tests nothing")
	}

	sim.Faults.Clear()
	sim.ResetCalls()
	p = startBinary(t, url, cache, dir)
	out := t.TempDir()
	if _, err := run(t, "cp", "-r", dir, out+"/x"); err != nil {
		t.Fatal(err)
	}
	sameTree(t, out+"/x", files)
	if c := sim.Calls(); c.Files[last.id] != 1 || c.File > 3 { // and what walks ahead had begun
		t.Errorf("%d calls of /file after the crash, %d of the one on its way", c.File, c.Files[last.id])
	}
	if err := p.stop(unix.SIGTERM); err != nil {
		t.Errorf("%v\n%s", err, p.errors.String())
	}
}
