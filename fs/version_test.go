//go:build linux

package fs

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/billing"
)

// eventually waits for something that happens behind the caller's back.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("still not so: %s", what)
}

func TestPagesAreKept(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("cat", r.path("C1", "b.pdf"))
	r.store.hold(t) // any further read would hang
	if got := r.must("cat", r.path("C1", "b.pdf")); got != string(r.store.data["b"]) {
		t.Errorf("second read: %d bytes", len(got))
	}
	if n := r.store.count(r.store.opens); n != 2 {
		t.Errorf("%d opens, want 2: access must be checked each time", n)
	}
}

func TestNewVersionInListing(t *testing.T) {
	r := simpleRig(t, Config{})
	file := r.path("C1", "a.pdf")
	before := r.must("stat", "--format=%i", file)
	r.must("cat", file)
	r.store.put("a", "good bye")
	r.catalog.set("C1", doc("a", "2025-06-01T00:00:00Z"), doc("b", ""))
	// Not "eventually": the open itself must find out.
	if got := r.must("cat", file); got != "good bye" {
		t.Errorf("after the change: %q", got)
	}
	if after := r.must("stat", "--format=%i", file); after != before {
		t.Errorf("inode number changed from %s to %s", before, after)
	}
	if got := strings.TrimSpace(r.must("stat", "--format=%s %Y", file)); got != "8 1748736000" {
		t.Errorf("size and time: %s", got)
	}
}

// Whoever opens a document finds out that it is listed anew, also if its
// content is the same and nothing was announced.
func TestOpenFindsNewListing(t *testing.T) {
	r := simpleRig(t, Config{})
	file := r.path("C1", "a.pdf")
	r.must("cat", file)
	r.catalog.mu.Lock()
	r.catalog.listings["C1"] = fakeListing("C1", []billing.Document{doc("a", "2025-06-01T00:00:00Z")})
	r.catalog.mu.Unlock()
	r.must("cat", file)
	if got := strings.TrimSpace(r.must("stat", "--format=%Y", file)); got != "1748736000" {
		t.Errorf("time of modification: %s", got)
	}
}

func TestStatHearsOfChange(t *testing.T) {
	r := simpleRig(t, Config{})
	file := r.path("C1", "a.pdf")
	if got := r.must("stat", "--format=%s", file); got != "5\n" {
		t.Fatalf("size %s", got)
	}
	documents := r.path("C1", ".documents.json")
	before := r.must("stat", "--format=%s", documents)
	r.store.put("a", "good bye")
	r.store.forgetSize("a")
	r.catalog.set("C1", doc("a", "2025-06-01T00:00:00Z"))
	eventually(t, "stat tells the new size", func() bool { return r.must("stat", "--format=%s", file) == "8\n" })
	eventually(t, "the list of documents has another size", func() bool { return r.must("stat", "--format=%s", documents) != before })
	eventually(t, "b.pdf is gone for stat", func() bool {
		_, err := r.run("stat", r.path("C1", "b.pdf"))
		return err != nil && strings.Contains(err.Error(), "No such file")
	})
}

// A volatile document changes without a word in the listing.
func TestNewVersionByRevalidation(t *testing.T) {
	d := doc("a", "")
	d.Type = billing.TypePartialBills
	st := newFakeStore()
	st.put("a", "hello")
	r := mountRig(t, newFakeCatalog(d), st, Config{})
	file := r.path("C1", "a.pdf")
	if got := r.must("cat", file); got != "hello" {
		t.Fatalf("first: %q", got)
	}
	for i := range 3 {
		want := strings.Repeat("new", i+1)
		st.put("a", want)
		st.forgetSize("a") // due
		if got := r.must("cat", file); got != want {
			t.Errorf("change %d: cat %q, want %q", i, got, want)
		}
		if got := strings.TrimSpace(r.must("stat", "--format=%s", file)); got != fmt.Sprint(len(want)) {
			t.Errorf("change %d: size %s, want %d", i, got, len(want))
		}
	}
}

func TestOpenFilesKeepTheirContent(t *testing.T) {
	r := simpleRig(t, Config{})
	old := string(r.store.data["b"])
	cmd := exec.Command("sh", "-c", `cd "$0"; exec 3< b.pdf; head -c 1 <&3; read x; cat b.pdf; read x; cat <&3`, r.path("C1"))
	in, out := pipes(t, cmd)
	expect(t, out, old[:1])
	fresh := strings.Repeat("x", 300_000)
	r.store.put("b", fresh)
	r.catalog.set("C1", doc("b", "2025-06-01T00:00:00Z"))
	io.WriteString(in, "\n")
	expect(t, out, fresh)
	io.WriteString(in, "\n")
	in.Close()
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	// head may have taken more than the one byte that it wrote.
	if len(rest) == 0 || !strings.HasSuffix(old, string(rest)) {
		t.Errorf("the open file went on with %d bytes that are not of the old content", len(rest))
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Where a file is opened by its descriptor, no name leads to the new content, and
// the old one is not served to whoever comes now.
func TestReopenByDescriptor(t *testing.T) {
	r := simpleRig(t, Config{})
	cmd := exec.Command("bash", "-c", `cd "$0"; exec 3< b.pdf; cat /proc/self/fd/3; read x; cat /proc/self/fd/3 2>&1; cat <&3`, r.path("C1"))
	in, out := pipes(t, cmd)
	old := string(r.store.data["b"])
	expect(t, out, old)
	r.store.put("b", strings.Repeat("x", 300_000))
	r.catalog.set("C1", doc("b", "2025-06-01T00:00:00Z"))
	io.WriteString(in, "\n")
	expect(t, out, "cat: /proc/self/fd/3: Stale file handle\n"+old)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func pipes(t testing.TB, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	cmd.Stderr = testWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

func expect(t testing.TB, out io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(out, got); err != nil || string(got) != want {
		t.Fatalf("%d bytes of output, not those expected: %v", len(got), err)
	}
}

func TestAccessWithdrawn(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("cat", r.path("C1", "a.pdf"), r.path("C1", ".documents.json"), r.path("C1", ".contract.json"))
	r.catalog.refuse("C1")
	for _, name := range []string{"a.pdf", ".documents.json", ".contract.json"} {
		r.wantError("Permission denied", "cat", r.path("C1", name))
	}
	r.wantError("Permission denied", "ls", r.path("C1"))
	eventually(t, "stat is refused", func() bool {
		_, err := r.run("stat", r.path("C1", "a.pdf"))
		return err != nil && strings.Contains(err.Error(), "Permission denied")
	})
}

func TestVanished(t *testing.T) {
	r := simpleRig(t, Config{})
	r.must("cat", r.path("C1", "a.pdf"))
	r.catalog.set("C1", doc("b", ""))
	r.wantError("No such file", "cat", r.path("C1", "a.pdf"))
	if got := r.must("ls", r.path("C1")); got != "b.pdf\n" {
		t.Errorf("ls: %q", got)
	}
	r.catalog.setContracts("C2", "C3")
	if got := r.must("ls", r.dir); got != "C2\nC3\n" {
		t.Errorf("ls of the root: %q", got)
	}
	eventually(t, "the contract is gone", func() bool {
		_, err := r.run("stat", r.path("C1"))
		return err != nil && strings.Contains(err.Error(), "No such file")
	})
}

func TestGeneratedFilesChange(t *testing.T) {
	r := simpleRig(t, Config{})
	documents, detail := r.path("C1", ".documents.json"), r.path("C1", ".contract.json")
	first := r.must("cat", documents)
	r.must("cat", detail)
	r.catalog.set("C1", doc("a", ""))
	if got, want := r.must("cat", documents), string(r.catalog.listings["C1"].JSON()); got != want || got == first {
		t.Errorf("documents: %q, want %q", got, want)
	}
	const changed = `{"id":"C1","name":"another"}` + "\n"
	r.catalog.setDetail("C1", changed)
	if got := r.must("cat", detail); got != changed {
		t.Errorf("detail: %q", got)
	}
}

// Readers that read all the time while contents change never see a mixture, a
// wrong size or an error.
func TestNoMixture(t *testing.T) {
	content := func(i int) string { return strings.Repeat(string(rune('a'+i%8)), 10_000*(i%8+1)) }
	st := newFakeStore()
	st.put("a", content(0))
	st.put("b", content(3))
	r := mountRig(t, newFakeCatalog(doc("a", ""), doc("b", "")), st, Config{})
	argv := helper(t, "stale", r.path("C1"))
	cmd := exec.Command(argv[0], argv[1:]...)
	in, _ := pipes(t, cmd)
	for i := range 150 {
		stamp := time.Unix(int64(i)*1000, 0).UTC().Format(time.RFC3339)
		st.put("a", content(i))
		r.catalog.set("C1", doc("a", stamp), doc("b", ""))
		time.Sleep(2 * time.Millisecond)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
