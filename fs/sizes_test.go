//go:build linux

package fs

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// copyBy reads a file by one of the helpers.
func (r *rig) copyBy(name, path string) (string, error) {
	r.t.Helper()
	argv := helper(r.t, name, path)
	return r.run(argv[0], argv[1:]...)
}

// Whatever reads a file that nobody has asked for before finds all of it.
func TestFirstOpenTellsTheSize(t *testing.T) {
	for _, name := range []string{"sendfile", "splice", "mmap"} {
		for _, lazy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, lazy %v", name, lazy), func(t *testing.T) {
				st := newFakeStore()
				st.put("a", "hello")
				st.put("b", strings.Repeat("0123456789", 50_000))
				deep := doc("b", "")
				deep.Filename = "2025/01/b.pdf"
				r := mountRig(t, newFakeCatalog(doc("a", ""), deep), st, Config{LazySizes: lazy})
				for path, want := range map[string]string{
					"C1/a.pdf": "hello", "C1/2025/01/b.pdf": string(st.data["b"]),
					"C1/.contract.json": r.catalog.details["C1"], "C2/.documents.json": string(r.catalog.listings["C2"].JSON()),
				} {
					if got, err := r.copyBy(name, r.path(path)); err != nil || got != want {
						t.Errorf("%s: %d bytes of %d, %v", path, len(got), len(want), err)
					}
				}
			})
		}
	}
}

// A lazy mount goes on telling its placeholder, and no size of an open file is
// taken back for it.
func TestLazySizesWhileOpen(t *testing.T) {
	r := simpleRig(t, Config{LazySizes: true})
	script := `cd "$0"; stat -c %s b.pdf; exec 3< b.pdf; stat -Lc %s b.pdf /dev/fd/3; exec 4< b.pdf; stat -Lc %s b.pdf /dev/fd/4 a.pdf`
	if got, want := r.must("bash", "-c", script, r.path("C1")), "0\n500000\n500000\n500000\n500000\n0\n"; got != want {
		t.Errorf("sizes %q, want %q", got, want)
	}
	if n := r.store.count(r.store.stats) + r.store.count(r.store.opens); n > 4 {
		t.Errorf("%d questions to the store", n)
	}
}

// A document that changes and gets another name, both at once: a file that is
// open goes on with the old content, at its old length.
func TestOpenFileOfRenamedDocument(t *testing.T) {
	d := doc("a", "")
	d.Type = billing.TypePartialBills
	st := newFakeStore()
	old := strings.Repeat("0123456789", 50_000)
	st.put("a", old)
	r := mountRig(t, newFakeCatalog(d), st, Config{})
	cmd := exec.Command("sh", "-c", `cd "$0"; exec 3< a.pdf; echo open; read x; cat b.pdf; stat -Lc %s b.pdf; stat -Lc %s /dev/fd/3; cat <&3`, r.path("C1"))
	in, out := pipes(t, cmd)
	expect(t, out, "open\n")
	st.put("a", "short") // its size is known already
	d.Filename = "b.pdf"
	r.catalog.set("C1", d)
	io.WriteString(in, "\n")
	expect(t, out, "short5\n500000\n")
	if rest, err := io.ReadAll(out); err != nil || string(rest) != old {
		t.Errorf("the open file has %d bytes of %d, or others, %v", len(rest), len(old), err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A document that cannot be had can be stat'ed all the same, with a size that
// makes programs open it; opening it tells why. When it can be had, all is well.
func TestUnavailableDocument(t *testing.T) {
	for cause, text := range map[error]string{
		apiclient.ErrNotFound:  "Input/output error",
		apiclient.ErrForbidden: "Permission denied",
		apiclient.ErrProtocol:  "Input/output error",
		apiclient.ErrInvalid:   "Input/output error",
	} {
		r := simpleRig(t, Config{})
		file := r.path("C1", "b.pdf")
		r.store.fail(cause)
		for range 2 {
			if got := r.must("stat", "-c", "%s %h %F", file); got != "1 1 regular file\n" {
				t.Errorf("%v: stat %q", cause, got)
			}
			r.wantError(text, "cat", file)
			r.wantError(text, "cp", file, t.TempDir())
		}
		r.store.fail(nil)
		if got, err := r.copyBy("sendfile", file); err != nil || got != string(r.store.data["b"]) {
			t.Errorf("%v: afterwards %d bytes, %v", cause, len(got), err)
		}
		if got := r.must("stat", "-c", "%s", file); got != "500000\n" {
			t.Errorf("%v: afterwards stat %q", cause, got)
		}
	}
}

// It may come back while somebody only stats it.
func TestUnavailableDocumentComesBack(t *testing.T) {
	r := simpleRig(t, Config{})
	r.store.fail(apiclient.ErrNotFound)
	if got := r.must("stat", "-c", "%s", r.path("C1", "a.pdf"), r.path("C1", "b.pdf")); got != "1\n1\n" {
		t.Errorf("sizes %q", got)
	}
	r.store.fail(nil)
	if got := r.must("stat", "-c", "%s", r.path("C1", "a.pdf"), r.path("C1", "b.pdf")); got != "5\n500000\n" {
		t.Errorf("sizes afterwards %q", got)
	}
}

// A contract whose detail cannot be had keeps nobody from its documents.
func TestUnavailableDetail(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("ls", r.path("C1"))
	r.catalog.failDetail(apiclient.ErrForbidden)
	if got := r.must("stat", "-c", "%s", r.path("C1", ".contract.json")); got != "1\n" {
		t.Errorf("size %q", got)
	}
	r.wantError("Permission denied", "cat", r.path("C1", ".contract.json"))
	r.catalog.failDetail(nil)
	if got, want := r.must("cat", r.path("C1", ".contract.json")), r.catalog.details["C1"]; got != want {
		t.Errorf("afterwards %q", got)
	}
	r.catalog.failDetail(apiclient.ErrUnreachable)
	r.wantError("No route to host", "stat", r.path("C2", ".contract.json"))
}
