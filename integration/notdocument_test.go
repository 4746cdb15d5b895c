//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/content"
)

// badAnswer is what may come in place of a document.
type badAnswer struct {
	name   string
	fault  apisim.Fault
	quirks apisim.Quirks
	errno  string // one of the table in docs/decisions/0015
	part   bool   // bytes of the document came before the failure
	slow   bool   // the client waits long for it to pass
}

const (
	errorBody  = `{"code":50,"message":"Access denied","description":"no","infoURL":""}`
	oauthError = "{\n  \"error\": \"invalid_client\"}"
	some       = 10_000 // bytes of a document that came before something went wrong
)

func badAnswers() []badAnswer {
	return []badAnswer{ // the slow one first: the others run beside it
		{name: "403 with code 53", fault: apisim.Fault{Status: 403, Code: 53}, errno: "EBUSY", slow: true},
		{name: "an HTML page", fault: apisim.Fault{Body: apisim.HTMLPage}, errno: "EIO"},
		{name: "an HTML page that says it is a document", fault: apisim.Fault{Body: "\ufeff \n<html><title>x</title>", ContentType: "application/pdf"}, errno: "EIO"},
		{name: "a JSON error as 200", fault: apisim.Fault{Body: errorBody}, errno: "EIO"},
		{name: "an OAuth error as 200", fault: apisim.Fault{Body: oauthError, ContentType: "application/octet-stream"}, errno: "EIO"},
		{name: "an empty listing", fault: apisim.Fault{Body: "{\"documents\": null}"}, errno: "EIO"},
		{name: "nothing, as 200", fault: apisim.Fault{Status: 200}, errno: "EIO"},
		{name: "nothing, as 204", fault: apisim.Fault{Status: 204}, errno: "EIO"},
		{name: "304 without a condition", fault: apisim.Fault{Status: 304}, errno: "EIO"},
		{name: "400", fault: apisim.Fault{Status: 400, Code: 28}, errno: "EIO"},
		{name: "401", fault: apisim.Fault{Status: 401, Code: 41}, errno: "EACCES"},
		{name: "403 with code 50", fault: apisim.Fault{Status: 403, Code: 50}, errno: "EACCES"},
		{name: "404", fault: apisim.Fault{Status: 404, Code: 60}, errno: "EIO"},
		{name: "404 as a page", fault: apisim.Fault{Status: 404, Body: apisim.HTMLPage}, errno: "EIO"},
		{name: "500", fault: apisim.Fault{Status: 500, Code: 1}, errno: "EIO"},
		{name: "503 as a page", fault: apisim.Fault{Status: 503, Body: apisim.HTMLPage}, errno: "EIO"},
		{name: "504, empty", fault: apisim.Fault{Status: 504}, errno: "EIO"},
		{name: "a reset connection", fault: apisim.Fault{Reset: true}, errno: "EHOSTUNREACH"},
		{name: "no answer", fault: apisim.Fault{Never: true}, errno: "ETIMEDOUT"},
		{name: "a body that is cut at once", fault: apisim.Fault{Cut: true}, errno: "EHOSTUNREACH"},
		{name: "a body that is cut", fault: apisim.Fault{After: some, Cut: true}, errno: "EHOSTUNREACH", part: true},
		{name: "a body that is cut, without a length", fault: apisim.Fault{After: some, Cut: true}, quirks: apisim.Quirks{Chunked: true}, errno: "EHOSTUNREACH"},
		{name: "a body that stops coming", fault: apisim.Fault{After: some, Stall: true}, errno: "ETIMEDOUT", part: true},
	}
}

// TestWhatIsNoDocumentIsNeverShownAsOne: an error page, an error object, an empty
// or a cut answer fail the program that reads, with an errno that says why and
// an exit status, and nothing of them is kept: after the fault the bytes are
// right, and stay right after a remount.
func TestWhatIsNoDocumentIsNeverShownAsOne(t *testing.T) {
	begin(t)
	account := apisim.Synthetic(1, 1, 50_000, ".pdf")
	f := expected(t, &apisim.Server{Account: account}, nil)[0]
	for _, bad := range badAnswers() {
		survive(t, bad.name+" in place of a document, on the drive", func(t *testing.T) { servedAsNone(t, bad) })
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account, quirks: bad.quirks, timeout: 700 * time.Millisecond})
			a := newAgent(t)
			if x := a.list(r.path(f.contract)); len(x.Names) != 3 { // the token, and the listings, come without faults
				t.Fatalf("%q, %s", x.Names, x.Errno)
			}
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, bad.fault)
			reading := a.ask(question{Op: "read", Path: r.path(f.path), Len: -1})
			out := t.TempDir()
			tools := [][]string{
				{"cp", r.path(f.path), out}, {"tar", "-cf", out + "/a.tar", "-C", r.dir, "."}, {"rsync", "-a", r.dir + "/", out + "/x/"},
				{"sha256sum", r.path(f.path)}, {"cat", r.path(f.path)}, {"grep", "-rc", "nothing like this", r.dir},
			}
			if bad.slow {
				tools = tools[:1]
			}
			everyToolFails(t, tools)
			x := <-reading
			if x.Errno != bad.errno {
				t.Errorf("read: %q, want %q", x.Errno, bad.errno)
			}
			if !bad.part && len(x.Data) > 0 || !bytes.HasPrefix(f.data, x.Data) || len(x.Data) > some {
				t.Errorf("%d bytes were read before the error", len(x.Data))
			}
			if kept := largest(t, out, ".pdf"); kept > some {
				t.Errorf("%d bytes were kept of what is no document", kept)
			}

			r.sim.Faults.Clear()
			eventually(t, "the document can be read again", func() bool {
				r.clock.advance(10 * time.Minute) // past whatever was held off
				x = a.readAll(r.path(f.path))
				return x.Errno == ""
			})
			if !bytes.Equal(x.Data, f.data) {
				t.Errorf("after the fault: %d bytes of %d, or others", len(x.Data), len(f.data))
			}
			r.remount()
			if got := r.must("sha256sum", r.path(f.path)); !strings.HasPrefix(got, sum(f.data)) {
				t.Error("after a remount: other bytes")
			}
		})
	}
}

// servedAsNone is the same over HTTP, where a list of sizes comes in between, and clients go
// on by the same address.
func servedAsNone(t *testing.T, bad badAnswer) {
	account := apisim.Synthetic(1, 2, 50_000, ".pdf")
	r := newRig(t, options{face: asDrive, account: account, quirks: bad.quirks, timeout: 700 * time.Millisecond})
	files, a := expected(t, r.sim, nil), r.agent()
	a.gets(r.path(files[1].path), files[1].data)
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: files[0].id}, 0, bad.fault)
	a.fails(r.path(files[0].path), bad.errno, "EHOSTUNREACH")
	if all, errno := r.propfind(r.path(files[0].contract), "1", ""); errno == "" {
		known := bad.part && all[1].Stats[0].Prop.Length == "50000" // as it was announced
		if len(all) != 3 || !all[1].withheld() && !known || all[2].withheld() {
			t.Errorf("listed: %+v", all)
		}
		if !known {
			a.fails(r.path(files[0].path), "EACCES") // clients go by the one byte that they were told
		}
	}
	if x, errno := r.request("GET", r.path(files[0].path), "", "Range", "bytes=0-0"); errno == "" || len(x.body) == 1 {
		t.Errorf("%q of it is read, %s", x.body, errno)
	}
	a.gets(r.path(files[1].path), files[1].data)
	r.sim.Faults.Clear()
	r.clock.advance(time.Hour)
	eventually(t, "the document can be read again", func() bool {
		r.clock.advance(10 * time.Minute) // past whatever was held off
		return a.readAll(r.path(files[0].path)).Errno == ""
	})
	r.allRight(nil)
	r.remount()
	r.allRight(nil)
}

// everyToolFails runs programs at once, which all must end with an error.
func everyToolFails(t *testing.T, tools [][]string) {
	t.Helper()
	var wg sync.WaitGroup
	for _, argv := range tools {
		wg.Go(func() {
			if text, err := run(t, argv...); err == nil {
				t.Errorf("%s: exit status 0, %q", argv[0], shorten(text))
			}
		})
	}
	wg.Wait()
}

func shorten(s string) string { return s[:min(len(s), 100)] }

// largest is the size of the largest file with an extension below dir.
func largest(t *testing.T, dir, ext string) (size int64) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, st os.FileInfo, err error) error {
		if err == nil && filepath.Ext(path) == ext {
			size = max(size, st.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// TestOneBadDocumentAmongMany: the tools go on with the rest, and say by their
// exit status that something is missing.
func TestOneBadDocumentAmongMany(t *testing.T) {
	begin(t)
	account := sample()
	for _, copier := range []string{`tar -C "$MNT" -cf "$OUT/a.tar" . ; s=$?; mkdir "$OUT/x"; tar -C "$OUT/x" -xf "$OUT/a.tar"`,
		`rsync -a "$MNT/" "$OUT/x/"; s=$?`, `cp -r "$MNT" "$OUT/x"; s=$?`} {
		t.Run(copier[:4], func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account})
			files := expected(t, r.sim, nil)
			bad := files[3]
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, apisim.Fault{Body: apisim.HTMLPage})
			out := r.sh(`set +e; ` + copier + `; [ "$s" != 0 ]`)
			sameTree(t, filepath.Join(out, "x"), append(files[:3:3], files[4:]...))
		})
	}
}

// TestBytesAreNeverAltered: whatever a document holds, each byte comes as it was
// sent: line ends, NUL, invalid UTF-8, what is compressed, and what looks like an
// error but is called a text.
func TestBytesAreNeverAltered(t *testing.T) {
	begin(t)
	bodies := []string{
		"a\r\nb\rc\n", "\x00\x00\x00", "\ufeffBOM", "\xff\xfe\xfd", "\x1f\x8b\x08\x00not really gzip", " leading and trailing \n\n", "x",
		strings.Repeat("\n", 5000), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0\r\n\r\n", "nullified", "[]", strings.Repeat("ab", 65536), strings.Repeat("z", 131073),
	}
	c := apisim.Contract{ID: "C"}
	for i, body := range bodies {
		c.Documents = append(c.Documents, apisim.Document{
			ID: fmt.Sprint("d", i), Type: "reports", Filename: fmt.Sprintf("%d.txt", i), Period: "202501", Content: apisim.Bytes([]byte(body)),
		})
	}
	account := &apisim.Account{Contracts: []apisim.Contract{c}}
	for _, quirks := range []apisim.Quirks{{}, {Chunked: true, Gzip: true}, {ContentTypes: true, Disposition: true}} {
		for _, prefetch := range []int64{0, 4 << 20} {
			r := newRig(t, options{account: account, quirks: quirks, content: func(c *content.Config) { c.PrefetchLimit = prefetch }})
			sameTree(t, filepath.Join(r.sh(`cp -r "$MNT" "$OUT/x"`), "x"), expected(t, r.sim, nil))
		}
	}
}

// TestNoCacheNoHarm: with a cache of no bytes everything still works.
func TestNoCacheNoHarm(t *testing.T) {
	begin(t)
	r := newRig(t, options{content: func(c *content.Config) { c.CacheSize = 0 }})
	files := expected(t, r.sim, nil)
	sameTree(t, filepath.Join(r.sh(`cp -r "$MNT" "$OUT/x"`), "x"), files)
	r.remount()
	sameTree(t, filepath.Join(r.sh(`rsync -a "$MNT/" "$OUT/x/"`), "x"), files)
}

// TestFailuresAreNoticed: what cannot be had fails at the open, whether its size is known or
// not, and so also in programs that take the error of a read for the end of the file.
func TestFailuresAreNoticed(t *testing.T) {
	begin(t)
	programs := []string{
		`zip -qr "$OUT/a.zip" .`, `zip -q "$OUT/a.zip" "$F"`, `tar -cf "$OUT/a.tar" .`, `rsync -a ./ "$OUT/x/"`, `cp -r . "$OUT/x"`,
		`curl -s -o "$OUT/f" "file://$PWD/$F"`, `toybox cat "$F"`, `busybox cat "$F"`, `cat "$F"`, `dd if="$F" of="$OUT/f"`,
		`perl -e 'open(F, "<", $ARGV[0]) or die; print <F>' "$F"`, `python3 -c 'import sys; open(sys.argv[1], "rb").read()' "$F"`, `grep -c x "$F"; [ $? != 2 ]`,
	}
	for _, known := range []bool{false, true} {
		for _, program := range programs {
			t.Run(fmt.Sprintf("known=%v/%.14s", known, program), func(t *testing.T) {
				t.Parallel()
				if name, _, _ := strings.Cut(program, " "); exec.Command("sh", "-c", "command -v "+name).Run() != nil {
					t.Skip("no " + name)
				}
				r := newRig(t, options{account: apisim.Synthetic(1, 4, 5_000, ".pdf"), timeout: 700 * time.Millisecond})
				files := expected(t, r.sim, nil)
				bad := files[2]
				if known {
					r.must("cat", r.path(bad.path))
					r.unmount()
					mustRun(t, "rm", "-rf", filepath.Join(r.opt.cache, "content", "blobs"))
					r.mount()
				}
				r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, apisim.Fault{Status: 404, Code: 60})
				r.sh(`set +e; F=` + filepath.Base(bad.path) + `; cd "$MNT/` + bad.contract + `"; ` + program + ` >/dev/null 2>&1; [ $? != 0 ]`)
				r.sim.Faults.Clear()
				r.clock.advance(10 * time.Minute)
				eventually(t, "it can be read again", func() bool {
					out, err := exec.Command("cat", r.path(bad.path)).Output()
					return err == nil && bytes.Equal(out, bad.data)
				})
			})
		}
	}
}
