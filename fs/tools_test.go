//go:build linux

package fs

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ccsfs/internal/billing"
)

func TestConformance(t *testing.T) {
	st := newFakeStore()
	st.put("a", "hello")
	st.put("b", "world")
	b := doc("b", "")
	b.Filename = "2025/01/b.pdf"
	r := mountRig(t, newFakeCatalog(doc("a", ""), b), st, Config{})
	argv := helper(t, "testfs", r.dir, "C1/a.pdf", "C1/2025/01/b.pdf", "C1/.documents.json", "C2/.contract.json")
	r.must(argv[0], argv[1:]...)
}

// Programs that stat, map or seek get every byte of a fresh mount.
func TestTools(t *testing.T) {
	for _, c := range []struct {
		name string
		argv []string // FILE is b.pdf
	}{
		{"mmap", helper(t, "mmap", "FILE")},
		{"tar", []string{"sh", "-c", `tar -cf - -C "$(dirname FILE)" b.pdf | tar -xOf -`}},
		{"tail", []string{"tail", "-c", "+1", "FILE"}},
		{"dd", []string{"dd", "if=FILE", "bs=1M", "status=none"}},
		{"cp", []string{"sh", "-c", `d=$(mktemp) && cp FILE "$d" && cat "$d" && rm "$d"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := simpleRig(t, Config{})
			argv := slices.Clone(c.argv)
			for i := range argv {
				argv[i] = strings.ReplaceAll(argv[i], "FILE", r.path("C1", "b.pdf"))
			}
			if got := r.must(argv[0], argv[1:]...); got != string(r.store.data["b"]) {
				t.Errorf("%d bytes of %d, or others", len(got), len(r.store.data["b"]))
			}
		})
	}
}

// What go-fuse would answer with an error, or with the size of another version.
func TestSeekAndSync(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	r := simpleRig(t, Config{})
	got := r.must("python3", "-c", `import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(f, 2, os.SEEK_DATA), os.lseek(f, 0, os.SEEK_HOLE), os.lseek(f, 0, os.SEEK_END))
os.fsync(f)`, r.path("C1", "b.pdf"))
	if got != "2 500000 500000\n" {
		t.Errorf("data, hole, end: %s", got)
	}
	r.must("sync", r.path("C1", "a.pdf"), r.path("C1"))
}

// A directory that has been open for long must not make the kernel believe for
// long in what is gone.
func TestOldListingIsNotBelieved(t *testing.T) {
	r := simpleRig(t, Config{})
	script := `import os, sys
d = os.scandir(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
print(sorted(e.name for e in d), flush=True)
sys.stdin.readline()
for n in "a.pdf", "b.pdf":
    print(n, os.path.exists(sys.argv[1] + "/" + n), flush=True)`
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	cmd := exec.Command("python3", "-c", script, r.path("C1"))
	in, out := pipes(t, cmd)
	expect(t, out, "open\n")
	r.catalog.set("C1", doc("b", ""))
	io.WriteString(in, "\n")
	expect(t, out, "['.contract.json', '.documents.json', 'a.pdf', 'b.pdf']\n")
	io.WriteString(in, "\n")
	expect(t, out, "a.pdf False\nb.pdf True\n")
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestInodesAreTheSameEverywhere(t *testing.T) {
	numbers := func(name string) map[string]string {
		all := map[string]string{}
		t.Run(name, func(t *testing.T) { // unmounts at its end: the next one counts goroutines
			d := doc("a", "")
			d.Filename = name
			r := mountRig(t, newFakeCatalog(d), newFakeStore(), Config{})
			for line := range strings.Lines(r.must("find", r.dir, "-printf", "%P %i\n")) {
				path, ino, _ := strings.Cut(strings.TrimSpace(line), " ")
				all[path] = ino
			}
			for line := range strings.Lines(r.must("ls", "-ai", r.path("C1"))) {
				f := strings.Fields(line)
				if want, ok := all["C1/"+f[1]]; ok && f[0] != want {
					t.Errorf("%s: readdir says inode %s, stat %s", f[1], f[0], want)
				}
			}
		})
		return all
	}
	before, after := numbers("2025/a.pdf"), numbers("2026/renamed.pdf")
	if before["C1/2025/a.pdf"] == "" || before["C1/2025/a.pdf"] != after["C1/2026/renamed.pdf"] {
		t.Errorf("a document renamed by the layout: inode %s, then %s", before["C1/2025/a.pdf"], after["C1/2026/renamed.pdf"])
	}
	for _, path := range []string{"C1", "C2", "C1/.contract.json", "C1/.documents.json"} {
		if before[path] == "" || before[path] != after[path] {
			t.Errorf("%s: inode %s, after a remount %s", path, before[path], after[path])
		}
	}
	if before["C1/2025"] == after["C1/2026"] {
		t.Error("two directories with one inode number")
	}
}

func TestXAttrs(t *testing.T) {
	python := func(r *rig, expression string) (string, error) {
		return r.run("python3", "-c", "import os,sys; p=sys.argv[1]; print("+expression+")", r.path("C1", "a.pdf"))
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	// One mount at a time: each looks at its end for goroutines that were not there before it.
	t.Run("sizes are exact", func(t *testing.T) {
		r := simpleRig(t, Config{XAttrs: true})
		for _, q := range [][2]string{ // the list first: to get one finds out the size, and with it the checksum
			{"os.listxattr(p)", "['user.ccs.amount', 'user.ccs.currency', 'user.ccs.id', 'user.ccs.period', 'user.ccs.type']"},
			{"os.getxattr(p,'user.ccs.amount')", "b'12.50'"},
			{"os.getxattr(p,'user.ccs.id')", "b'a'"},
		} {
			if got, err := python(r, q[0]); err != nil || strings.TrimSpace(got) != q[1] {
				t.Errorf("%s: %s, %v, want %s", q[0], got, err, q[1])
			}
		}
		if n := r.store.count(r.store.opens); n != 0 {
			t.Error("opened")
		}
		// The kernel checks the permission to read, and so asks for the attributes.
		if n := r.store.count(r.store.stats); n != 1 {
			t.Errorf("asked for %d sizes", n)
		}
		r.must("cat", r.path("C1", "a.pdf"))
		if got, err := python(r, "os.getxattr(p,'user.ccs.sha256')"); err != nil || got != "b'hash-of-a'\n" {
			t.Errorf("hash: %s, %v", got, err)
		}
	})
	t.Run("sizes are found out at the first open", func(t *testing.T) {
		r := simpleRig(t, Config{XAttrs: true, LazySizes: true})
		if got, err := python(r, "os.getxattr(p,'user.ccs.amount')"); err != nil || got != "b'12.50'\n" {
			t.Errorf("%s, %v", got, err)
		}
		if n := r.store.count(r.store.stats) + r.store.count(r.store.opens); n != 0 {
			t.Error("asked for the content")
		}
		if _, err := python(r, "os.getxattr(p,'user.ccs.sha256')"); err == nil || !strings.Contains(err.Error(), "No data available") {
			t.Errorf("hash before the document is here: %v", err)
		}
	})
	t.Run("without the option", func(t *testing.T) {
		r := simpleRig(t, Config{})
		if _, err := python(r, "os.listxattr(p)"); err == nil || !strings.Contains(err.Error(), "not supported") {
			t.Error(err)
		}
	})
}

func TestXAttrFill(t *testing.T) {
	if n, errno := fill(make([]byte, 3), "abc"); n != 3 || errno != 0 {
		t.Error(n, errno)
	}
	if n, errno := fill(make([]byte, 2), "abc"); n != 3 || errno.Error() != "numerical result out of range" {
		t.Error(n, errno)
	}
}

func TestLazySizes(t *testing.T) {
	r := simpleRig(t, Config{LazySizes: true})
	if got := r.must("stat", "--format=%s", r.path("C1", "a.pdf")); got != "0\n" {
		t.Errorf("size before the open: %s", got)
	}
	if n := r.store.count(r.store.stats); n != 0 {
		t.Errorf("%d sizes found out", n)
	}
	if got := r.must("cat", r.path("C1", "a.pdf")); got != "hello" {
		t.Errorf("content %q", got)
	}
	if got := r.must("stat", "--format=%s", r.path("C1", "a.pdf")); got != "5\n" {
		t.Errorf("size after the open: %s", got)
	}
}

func TestWalksAreTold(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("stat", r.path("C1", "a.pdf"))
	r.must("cat", r.path("C1", "b.pdf"))
	r.must("stat", r.path("C1", "b.pdf"))
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if got := strings.Join(r.store.touched, ", "); got != "a false, b false, b true" {
		t.Errorf("touched %s", got)
	}
}

// tar takes a new ctime for a file that changed while it was read: loading the
// listing must not make one.
func TestTarOfAll(t *testing.T) {
	r := simpleRig(t, Config{})
	out := t.TempDir()
	r.must("sh", "-c", "cd "+r.dir+" && tar -cf "+out+"/t.tar . && tar -tf "+out+"/t.tar")
	r.must("cp", "-r", r.dir, out+"/copy")
	defer r.must("chmod", "-R", "u+w", out+"/copy") // copied modes would stop the clean-up
	for name, want := range map[string]string{"a.pdf": "hello", "b.pdf": string(r.store.data["b"])} {
		got, err := os.ReadFile(out + "/copy/C1/" + name)
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestDocumentOfLayout(t *testing.T) {
	var docs []billing.Document
	st := newFakeStore()
	for id, path := range map[string]string{"a": "2024/12/a.pdf", "b": "2025/01/b.pdf", "c": "2025/02/c.pdf"} {
		d := doc(id, "")
		d.Filename = path
		docs = append(docs, d)
		st.put(id, path)
	}
	r := mountRig(t, newFakeCatalog(docs...), st, Config{})
	if got := r.must("sh", "-c", "cd "+r.path("C1")+" && find . -name '*.pdf' | sort | xargs cat"); got != "2024/12/a.pdf2025/01/b.pdf2025/02/c.pdf" {
		t.Errorf("contents %q", got)
	}
	// A month appears, another goes with all that is in it.
	d := doc("d", "")
	d.Filename = "2025/03/d.pdf"
	st.put("d", "new")
	r.catalog.set("C1", append(slices.Clone(r.catalog.listings["C1"].Documents[1:]), d)...)
	if got := r.must("ls", r.path("C1")); got != "2025\n" {
		t.Errorf("years %q", got)
	}
	if got := r.must("cat", r.path("C1", "2025/03/d.pdf")); got != "new" {
		t.Errorf("new month: %q", got)
	}
	r.wantError("No such file", "cat", r.path("C1", "2024/12/a.pdf"))
	eventually(t, "the year is gone", func() bool {
		_, err := r.run("stat", r.path("C1", "2024"))
		return err != nil && strings.Contains(err.Error(), "No such file")
	})
}
