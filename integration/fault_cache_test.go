//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// cacheFiles are the files of a cache directory whose path contains part.
func cacheFiles(t *testing.T, r *rig, part string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(r.cache, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(path, part) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no cached %s: %v", part, err)
	}
	return files
}

// damage is how a file can be spoilt.
func damage() map[string]func(path string, data []byte) error {
	write := func(change func([]byte) []byte) func(string, []byte) error {
		return func(path string, data []byte) error {
			if len(data) == 0 { // a file of locks: nothing to spoil
				return nil
			}
			return os.WriteFile(path, change(data), 0o600)
		}
	}
	return map[string]func(string, []byte) error{
		"flipped": write(func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }),
		"cut":     write(func(b []byte) []byte { return b[:len(b)/2] }),
		"longer":  write(func(b []byte) []byte { return append(bytes.Clone(b), 0) }),
		"emptied": write(func([]byte) []byte { return nil }),
		"zeroed":  write(func(b []byte) []byte { return make([]byte, len(b)) }),
		"rubbish": write(func(b []byte) []byte {
			r := rand.New(rand.NewPCG(1, uint64(len(b))))
			b = make([]byte, len(b))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return b
		}),
		"a text":  write(func([]byte) []byte { return []byte("{\"id\":1}\nnull\n[]\n") }),
		"removed": func(path string, _ []byte) error { return os.Remove(path) },
		"a symlink": func(path string, _ []byte) error {
			foreign := foreignFile(path)
			if err := os.WriteFile(foreign, []byte("precious\n"), 0o600); err != nil {
				return err
			}
			os.Remove(path)
			return os.Symlink(foreign, path)
		},
		"a directory": func(path string, _ []byte) error {
			os.Remove(path)
			return os.Mkdir(path, 0o700)
		},
		"a pipe": func(path string, _ []byte) error { os.Remove(path); return unix.Mkfifo(path, 0o600) },
	}
}

// foreignFile is where the link in place of a file of the cache leads.
func foreignFile(path string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(path))), "foreign-"+filepath.Base(path))
}

// TestDamagedCache: whatever happens to the files of the cache between two
// mounts, only right bytes are served, and the damage is mended.
func TestDamagedCache(t *testing.T) {
	begin(t)
	account := small()
	for _, part := range []string{"/content/blobs/", "/content/index/", "/catalog/"} {
		for name, spoil := range damage() {
			surviveOnEach(t, "files of "+strings.Trim(part, "/")+" "+name, func(t *testing.T, on face) {
				r := newRig(t, options{face: on, account: account})
				r.allRight(nil)
				r.unmount()
				damaged := cacheFiles(t, r, part)
				for _, path := range damaged {
					data, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if err := spoil(path, data); err != nil {
						t.Fatal(err)
					}
				}
				r.mount()
				r.allRight(nil)
				r.remount()
				r.sim.ResetCalls()
				r.allRight(nil)
				for _, path := range damaged {
					if text, err := os.ReadFile(foreignFile(path)); err == nil && string(text) != "precious\n" {
						t.Errorf("a file outside of the cache was written to: it has %d bytes", len(text))
					}
				}
				if n := r.sim.Calls().File; n > 0 && name != "a directory" && name != "a pipe" {
					t.Errorf("not mended: %d more calls of /file", n)
				}
			})
		}
	}
	surviveOnEach(t, "blobs swapped", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		r.allRight(nil)
		blobs := cacheFiles(t, r, "/content/blobs/") // while mounted
		for i := 0; i+1 < len(blobs); i += 2 {
			for _, s := range [][2]string{{blobs[i], "x"}, {blobs[i+1], blobs[i]}, {"x", blobs[i+1]}} {
				for j, p := range s {
					if p == "x" {
						s[j] = filepath.Join(r.cache, "x")
					}
				}
				if err := os.Rename(s[0], s[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		r.remount()
		r.allRight(nil)
	})
	surviveOnEach(t, "blobs flipped under the mount", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		r.allRight(nil)
		for _, path := range cacheFiles(t, r, "/content/blobs/") {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)-1] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if os.Geteuid() == 0 {
			os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0o200) // pages of the kernel hide it, else
		}
		r.allRight(nil)
		r.remount()
		r.allRight(nil)
	})
	surviveOnEach(t, "the cache removed under way", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		files, a := expected(t, r.sim, nil), r.agent()
		for i, f := range files {
			if i%5 == 2 {
				for _, d := range []string{"content", "catalog"} {
					if err := os.RemoveAll(filepath.Join(r.cache, d)); err != nil {
						t.Fatal(err)
					}
				}
			}
			a.gets(r.path(f.path), f.data)
		}
		r.refresh()
		r.allRight(nil)
		r.remount()
		r.allRight(nil)
	})
	survive(t, "temporary files of the dead", func(t *testing.T) {
		r := newRig(t, options{account: account})
		r.allRight(nil)
		r.unmount()
		left := filepath.Join(r.cache, "content/tmp/sdead")
		if err := os.MkdirAll(left, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"lock", "1", "2"} {
			if err := os.WriteFile(filepath.Join(left, name), []byte("left behind"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.mount()
		if _, err := os.Stat(left); err == nil {
			t.Error("still there")
		}
	})
}

// TestTwoMountsOneCache: two mounts, or a mount and a drive, share what they have, and
// their refreshes.
func TestTwoMountsOneCache(t *testing.T) {
	begin(t)
	account := small()
	surviveOnEach(t, "two mounts on one cache", func(t *testing.T, on face) {
		one := newRig(t, options{account: account, quirks: apisim.Quirks{Dates: true}})
		two := newRig(t, options{face: on, account: account, quirks: apisim.Quirks{Dates: true}, cache: one.cache,
			wrap: instead(one.serve)})
		two.sim = one.sim
		wrong := func() string {
			files := expected(t, one.sim, nil)
			beside := make(chan string, 1)
			go func() { beside <- two.wrong(files) }()
			return one.wrong(files) + <-beside
		}
		if w := wrong(); w != "" {
			t.Error(w)
		}
		for _, id := range []string{"121", "122", "131"} {
			if err := one.sim.Bump("OCB0000001", id, "2026-11-20T10:00:00Z"); err != nil {
				t.Fatal(err)
			}
		}
		one.refresh()
		two.refresh()
		eventually(t, "both show the new versions", func() bool { return wrong() == "" })
		one.unmount()
		two.allRight(nil)
		one.mount()
		one.allRight(nil)
	})
}

// tmpfs mounts a small disk in memory. That takes root.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a disk")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		t.Skipf("cannot mount a disk here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestCacheDisk: a disk that is full or read-only costs the cache, never a byte
// of a document.
func TestCacheDisk(t *testing.T) {
	begin(t)
	account := small()
	surviveOnEach(t, "the disk too small for the account", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, cache: tmpfs(t, 256<<10)})
		for range 3 {
			r.allRight(nil)
		}
		r.remount()
		r.allRight(nil)
	})
	surviveOnEach(t, "the disk full in the middle of a document", func(t *testing.T, on face) {
		account, f := single(t, 12<<20)
		log := &logBook{}
		r := newRig(t, options{face: on, account: account, cache: tmpfs(t, 5<<20), logger: log.logger()})
		a := r.agent()
		a.gets(r.path(f.path), f.data)
		a.gets(r.path(f.path), f.data)
		if !strings.Contains(log.text(), "kept in memory while they are read") {
			t.Error("nobody was told")
		}
	})
	survive(t, "the disk full, the document larger than memory, then space", func(t *testing.T) {
		account, f := single(t, 90<<20)
		r := newRig(t, options{account: account, quirks: apisim.Quirks{Range: true, ETag: true}, cache: tmpfs(t, 110<<20)})
		ballast := filepath.Join(r.cache, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 100<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		a := r.agent()
		all := func() answer { return <-a.ask(question{Op: "sum", Path: r.path(f.path)}) }
		if x := all(); x.Errno != "EIO" {
			t.Errorf("reading what fits nowhere: %q", x.Errno)
		}
		os.Remove(ballast)
		r.clock.advance(time.Minute)
		if x := all(); x.Sum != sum(f.data) {
			t.Errorf("other bytes, %s", x.Errno)
		}
		r.remount()
		if x := all(); x.Sum != sum(f.data) {
			t.Errorf("other bytes are kept, %s", x.Errno)
		}
	})
	surviveOnEach(t, "the disk full before the mount", func(t *testing.T, on face) {
		disk := tmpfs(t, 64<<10)
		if err := os.WriteFile(disk+"/ballast", make([]byte, 64<<10), 0o600); err == nil {
			t.Log("there was room for all of the ballast")
		}
		r := newRig(t, options{face: on, account: account, cache: disk})
		r.allRight(nil)
	})
	surviveOnEach(t, "the disk read-only before the mount and under it", func(t *testing.T, on face) {
		disk := tmpfs(t, 8<<20)
		remount := func(flags uintptr) {
			t.Helper()
			if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		r := newRig(t, options{face: on, account: account, cache: disk})
		a, files := r.agent(), expected(t, r.sim, nil)
		for _, f := range files[:6] {
			a.gets(r.path(f.path), f.data)
		}
		r.unmount()
		remount(unix.MS_RDONLY)
		r.mount()
		r.sim.ResetCalls()
		for _, f := range files[:6] {
			a.gets(r.path(f.path), f.data)
		}
		if n := r.sim.Calls().File; n != 0 {
			t.Errorf("%d calls for documents in a cache that can be read", n)
		}
		r.allRight(nil)
		remount(0)
		r.clock.advance(time.Hour)
		r.allRight(nil)
	})
	surviveOnEach(t, "no cache at all", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, content: func(c *content.Config) { c.CacheSize = 0 }, catalog: func(c *catalog.Config) { c.Dir = "" }})
		r.allRight(nil)
		r.allRight(nil)
	})
	surviveOnEach(t, "a cache of two documents", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, content: func(c *content.Config) { c.CacheSize = 3000 }})
		r.allRight(nil)
		r.remount()
		r.allRight(nil)
	})
}

// serve lets another rig's server answer by the API of this one.
func (r *rig) serve(w http.ResponseWriter, q *http.Request) bool {
	r.sim.ServeHTTP(w, q)
	return true
}
