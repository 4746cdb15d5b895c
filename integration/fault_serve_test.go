//go:build linux

package integration

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// What goes wrong behind ccsfs serve, as it is run: the page, its documents, archives and
// search beside the drive, of one process.

// pageOf is the address of a document on the page.
func pageOf(f file) string { return "/document/" + f.path }

// allOf is an archive of all documents of a contract, "" of all.
func allOf(contract string) string {
	return "/archive.zip?" + url.Values{"name": {"-"}, "contract": {contract}}.Encode()
}

// page is what a browser is shown, once nothing is being asked for any more.
func (d *drive) page(at string) (text string) {
	d.t.Helper()
	eventually(d.t, at+" is shown whole", func() bool {
		x, errno := d.request("GET", at, "")
		if text = string(x.body); errno != "" {
			d.t.Fatalf("%s: %s", at, errno)
		}
		return !strings.Contains(text, `http-equiv="refresh"`)
	})
	return text
}

// wellKnown says what is not as it should be on page and drive; "" if all is.
func (d *drive) wellKnown(files []file) string {
	d.t.Helper()
	if wrong := d.walk(files); wrong != "" {
		return wrong
	}
	for _, f := range files {
		if x, errno := d.request("GET", pageOf(f), ""); errno != "" || !bytes.Equal(x.body, f.data) {
			return fmt.Sprintf("%s on the page: %d bytes of %d, or others, %s", f.path, len(x.body), len(f.data), errno)
		}
	}
	docs, left, errno := d.archive(allOf(""))
	if errno != "" || left != "" || len(docs) != len(files) {
		return fmt.Sprintf("the archive has %d documents of %d, %s, %s", len(docs), len(files), left, errno)
	}
	return rightArchive(docs, left, files)
}

// archive gets an archive, as programs read one: its documents, and what it says that it has
// not.
func (d *drive) archive(at string) (docs map[string][]byte, left, errno string) {
	d.t.Helper()
	x, errno := d.request("GET", at, "")
	if errno != "" {
		return nil, "", errno
	}
	z, err := zip.NewReader(bytes.NewReader(x.body), int64(len(x.body)))
	if err != nil {
		d.t.Errorf("an archive that ended well, and is none: %v", err)
		return nil, "", err.Error()
	}
	docs = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			d.t.Error(err)
			continue
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			d.t.Errorf("%s in the archive: %v", f.Name, err)
		}
		docs[f.Name] = data
	}
	left = string(docs["INCOMPLETE.txt"])
	delete(docs, "INCOMPLETE.txt")
	if named := strings.Contains(x.Header.Get("Content-Disposition"), "INCOMPLETE"); named && left == "" {
		d.t.Error("an archive is called incomplete, and does not say what it lacks")
	}
	return docs, left, ""
}

// rightArchive says what is wrong with an archive: each document is in it as it is, or it says
// that it is not.
func rightArchive(docs map[string][]byte, left string, files []file) string {
	for _, f := range files {
		data, ok := docs[f.path]
		switch {
		case ok && !bytes.Equal(data, f.data):
			return fmt.Sprintf("%s in an archive: %d bytes of %d, or others", f.path, len(data), len(f.data))
		case !ok && !strings.Contains(left, f.path) && !strings.Contains(left, f.contract+":") && !strings.Contains(left, "contract"):
			return fmt.Sprintf("%s is not in an archive, which says %q", f.path, left)
		}
	}
	return ""
}

// again has everything asked for anew, as the signal does that an administrator sends.
func (d *drive) again() { d.cmd.Process.Signal(unix.SIGHUP) }

// TestServerOutlivesWhatPasses: what the API fails to do at first costs no byte of page,
// drive and archives.
func TestServerOutlivesWhatPasses(t *testing.T) {
	begin(t)
	account := small()
	for name, f := range failuresThatPass() {
		survive(t, name+", once for each call", func(t *testing.T) {
			d := newDrive(t, options{account: account}, "CCSFS_RATE_LIMIT=1000")
			for _, op := range everyOp() {
				if op == apisim.OpToken {
					d.sim.RevokeTokens()
				}
				d.sim.Faults.Add(apisim.Match{Op: op}, 1, f)
			}
			if wrong := d.wellKnown(expected(t, d.sim, nil)); wrong != "" {
				t.Error(wrong)
			}
			if text := d.page("/"); strings.Contains(text, `class="banner`) {
				t.Errorf("the page says that something is wrong: %s", banner(text))
			}
			d.again() // the list of contracts is asked for again, too
			eventually(t, "all faults have happened", func() bool { return d.sim.Faults.Pending() == 0 })
		})
	}
}

// banner is what a page says of what is wrong.
func banner(text string) string {
	_, text, _ = strings.Cut(text, `class="banner`)
	text, _, _ = strings.Cut(text, "</section")
	return text
}

// TestServerTellsWhatLasts: what the API cannot do is an error of page, drive and archives,
// and no empty one; the page says so; what was seen stays; and it all comes back.
func TestServerTellsWhatLasts(t *testing.T) {
	begin(t)
	withoutANetwork(t) // beside the others: it waits
	account := small()
	for _, c := range failuresThatLast() {
		survive(t, c.name+", for ever", func(t *testing.T) {
			d := newDrive(t, options{account: account}, "CCSFS_TIMEOUT=1s")
			files := expected(t, d.sim, nil)
			mine := files[:len(files)/2]
			seen, unseen, other := files[0], files[1], account.Contracts[1].ID
			a := d.agent()
			a.gets(d.path(seen.path), seen.data)
			d.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, c.fault)
			d.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, c.fault)
			a.fails(d.path(unseen.path), append(c.file, "EHOSTUNREACH")...)
			for _, at := range []string{pageOf(unseen), "/document/" + other + "/bills-1.csv"} {
				if x, errno := d.request("GET", at, ""); errno == "" || errno == brokenOff {
					t.Errorf("%s: %d, %d bytes", at, x.StatusCode, len(x.body))
				}
			}
			for _, s := range []struct {
				contract string
				files    []file
			}{{mine[0].contract, mine}, {other, files[len(mine):]}, {"", files}} {
				docs, left, errno := d.archive(allOf(s.contract))
				if wrong := rightArchive(docs, left, s.files); errno == "" && wrong != "" {
					t.Error(wrong)
				}
			}
			if text := d.page("/"); !strings.Contains(text, `class="banner`) || strings.Contains(text, "has no contracts") {
				t.Errorf("the page does not say that something is wrong:\n%s", text)
			}
			a.gets(d.path(seen.path), seen.data)
			if x, errno := d.request("GET", pageOf(seen), ""); errno != "" || !bytes.Equal(x.body, seen.data) {
				t.Errorf("what was seen, on the page: %d bytes, %s", len(x.body), errno)
			}
			d.sim.Faults.Clear()
			d.again()
			eventually(t, "all is well again", func() bool {
				for _, f := range files { // the page keeps nobody from what had a made-up length
					if x, errno := d.request("GET", pageOf(f), ""); errno != "" || !bytes.Equal(x.body, f.data) {
						return false
					}
				}
				return true
			})
			if wrong := d.wellKnown(files); wrong != "" {
				t.Error(wrong)
			}
			d.again() // the first one may have come while the API was still held to be away
			eventually(t, "the page says that all is well", func() bool { return !strings.Contains(d.page("/"), `class="banner`) })
		})
	}
}

// everyAddress are requests for all that is shown of documents, on the drive and the page.
func everyAddress(files []file) (all [][]string) {
	for _, f := range files {
		at := drivePrefix + "/" + f.path
		all = append(all, []string{"GET", at}, []string{"HEAD", at}, []string{"PROPFIND", at, "Depth", "0"}, []string{"GET", at, "Range", "bytes=0-9"},
			[]string{"GET", at, "If-None-Match", `"` + sum(f.data) + `"`}, []string{"GET", pageOf(f)}, []string{"GET", pageOf(f), "Range", "bytes=0-9"},
			[]string{"GET", pageOf(f), "If-None-Match", `"` + sum(f.data) + `"`})
	}
	dir := drivePrefix + "/" + files[0].contract
	for _, at := range []string{dir, dir + "/"} {
		all = append(all, []string{"GET", at}, []string{"PROPFIND", at, "Depth", "0"}, []string{"PROPFIND", at, "Depth", "1"})
	}
	for _, name := range []string{".contract.json", ".documents.json"} {
		all = append(all, []string{"GET", dir + "/" + name}, []string{"PROPFIND", dir + "/" + name, "Depth", "0"})
	}
	return all
}

// refused fails unless nothing of some documents, which are all of a contract, is shown, by
// whatever way, though all of it lies in the cache.
func (d *drive) refused(files []file) {
	d.t.Helper()
	for _, q := range everyAddress(files) {
		if x, errno := d.request(q[0], q[1], "", q[2:]...); errno != "EACCES" {
			d.t.Errorf("%v: %q, %d bytes", q, errno, len(x.body))
		}
	}
	contract := files[0].contract
	if docs, left, errno := d.archive(allOf(contract)); errno != "EACCES" {
		d.t.Errorf("an archive of what is refused has %d documents, and says %q, %s", len(docs), left, errno)
	}
	for _, at := range []string{"/?name=-&contract=" + contract, "/archive?name=-&contract=" + contract, "/?contract=" + contract} {
		text := d.page(at)
		for _, f := range files {
			if strings.Contains(text, f.path) || strings.Contains(text, contract+"/"+f.id) {
				d.t.Errorf("%s shows %s", at, f.path)
				break
			}
		}
	}
}

// TestServerWhenAccessIsWithdrawn: what is refused is refused at each address of page and
// drive, also after a kill -9; the rest stays; and what is allowed again is there again.
func TestServerWhenAccessIsWithdrawn(t *testing.T) {
	begin(t)
	survive(t, "a contract forbidden", func(t *testing.T) {
		d := newDrive(t, options{account: small()})
		files := expected(t, d.sim, nil)
		mine, other := files[:len(files)/2], files[len(files)/2:]
		if wrong := d.wellKnown(files); wrong != "" {
			t.Fatal(wrong)
		}
		d.page("/")
		d.sim.ForbidContract(mine[0].contract, true)
		d.again()
		eventually(t, "it has been noticed", func() bool {
			_, errno := d.request("GET", d.path(mine[0].path), "")
			return errno == "EACCES"
		})
		d.refused(mine)
		a := d.agent()
		for _, f := range other {
			a.gets(d.path(f.path), f.data)
		}
		if docs, left, errno := d.archive(allOf("")); errno != "" || len(docs) != len(other) || !strings.Contains(left, mine[0].contract) {
			t.Errorf("an archive of all has %d documents, and says %q, %s", len(docs), left, errno)
		}
		if text := d.page("/"); !strings.Contains(text, `class="banner`) {
			t.Error("the page says nothing of it")
		}
		listen := strings.TrimPrefix(d.rig.address, "http://")
		d.kill(unix.SIGKILL)
		d.serve(listen)
		d.refused(mine)
		d.sim.ForbidContract(mine[0].contract, false)
		d.again()
		eventually(t, "it is allowed again", func() bool { return d.wellKnown(files) == "" })
	})
	for name, spoil := range map[string]func(*apisim.Server){
		"credentials withdrawn": (*apisim.Server).WithdrawCredentials,
		"the API key refused":   func(s *apisim.Server) { s.SetCredentials(apisim.ClientID, apisim.ClientSecret, "another") },
	} {
		survive(t, name, func(t *testing.T) {
			d := newDrive(t, options{account: small()})
			files := expected(t, d.sim, nil)
			mine := files[:len(files)/2]
			if wrong := d.wellKnown(files); wrong != "" {
				t.Fatal(wrong)
			}
			spoil(d.sim)
			d.again()
			eventually(t, "it has been noticed", func() bool {
				_, errno := d.request("GET", d.path(mine[0].path), "")
				return errno == "EACCES"
			})
			d.sim.ResetCalls()
			for range 3 {
				d.refused(mine)
			}
			if text := d.page("/"); !strings.Contains(text, `class="banner`) || strings.Contains(text, "has no contracts") {
				t.Errorf("the page does not say that something is wrong:\n%s", text)
			}
			if c := d.sim.Calls(); c.Token > 3 || asked(c) > 30 {
				t.Errorf("hammered: %+v", c)
			}
		})
	}
	survive(t, "tokens revoked and expired under way", func(t *testing.T) {
		d := newDrive(t, options{account: small()})
		a, files := d.agent(), expected(t, d.sim, nil)
		for i, f := range files {
			switch i {
			case 3:
				d.sim.RevokeTokens()
			case 9:
				d.sim.ExpireTokens()
			}
			a.gets(d.path(f.path), f.data)
		}
		if n := d.sim.Calls().Token; n != 3 {
			t.Errorf("%d token calls, want 3", n)
		}
		if wrong := d.wellKnown(files); wrong != "" {
			t.Error(wrong)
		}
	})
	survive(t, "a contract that is gone", func(t *testing.T) {
		d := newDrive(t, options{account: small()})
		files := expected(t, d.sim, nil)
		mine, other := files[:len(files)/2], files[len(files)/2:]
		if wrong := d.wellKnown(files); wrong != "" {
			t.Fatal(wrong)
		}
		if err := d.sim.RemoveContract(mine[0].contract); err != nil {
			t.Fatal(err)
		}
		d.again()
		eventually(t, "it has been noticed", func() bool {
			_, errno := d.request("GET", d.path(mine[0].path), "")
			return errno == "ENOENT"
		})
		for _, q := range everyAddress(mine) {
			if x, errno := d.request(q[0], q[1], "", q[2:]...); errno != "ENOENT" {
				t.Errorf("%v: %q, %d bytes", q, errno, len(x.body))
			}
		}
		if wrong := d.walk(other); wrong != "" {
			t.Error(wrong)
		}
		if text := d.page("/"); !strings.Contains(banner(text), mine[0].contract) {
			t.Errorf("the page says nothing of it: %s", banner(text))
		}
	})
	survive(t, "the account emptied", func(t *testing.T) {
		d := newDrive(t, options{account: small()})
		files := expected(t, d.sim, nil)
		if wrong := d.wellKnown(files); wrong != "" {
			t.Fatal(wrong)
		}
		for _, c := range small().Contracts {
			if err := d.sim.RemoveContract(c.ID); err != nil {
				t.Fatal(err)
			}
		}
		before := d.sim.Calls().Contracts
		d.again()
		eventually(t, "it has been asked for", func() bool { return d.sim.Calls().Contracts >= before+2 })
		eventually(t, "the page says so", func() bool { return strings.Contains(d.page("/"), `class="banner`) })
		if text := d.page("/"); strings.Contains(text, "has no contracts") {
			t.Errorf("the page believes it:\n%s", text)
		}
		// All contracts at once: the list of before stays for an hour. The API refuses what is in them.
		eventually(t, "that has been noticed", func() bool {
			_, errno := d.request("GET", d.path(files[0].path), "")
			return errno == "EACCES"
		})
		for _, q := range append(everyAddress(files[:len(files)/2]), []string{"GET", allOf("")}) {
			if x, errno := d.request(q[0], q[1], "", q[2:]...); errno != "EACCES" {
				t.Errorf("%v: %q, %d bytes", q, errno, len(x.body))
			}
		}
	})
}

// TestServerKilledAtAnyMoment: clients read and list while the server is killed again and
// again, and comes back at the same address with the same cache: none of them takes a part
// for the whole, and at the end all is there.
func TestServerKilledAtAnyMoment(t *testing.T) {
	begin(t)
	survive(t, "kill -9", func(t *testing.T) {
		r := seeded(t)
		d := newDrive(t, options{account: apisim.Synthetic(2, 20, 150_000, ".pdf"), quirks: apisim.Quirks{Range: true, ETag: true}})
		files := expected(t, d.sim, nil)
		listen := strings.TrimPrefix(d.rig.address, "http://")
		var clients sync.WaitGroup
		stop := make(chan struct{})
		for i := range 4 {
			clients.Go(func() { d.goesOn(rand.New(rand.NewPCG(uint64(i), 0)), files, stop) })
		}
		for end := time.Now().Add(soakTime(t, 4*time.Second)); time.Now().Before(end); {
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			d.kill(unix.SIGKILL)
			if r.IntN(3) == 0 {
				d.sim.RevokeTokens()
			}
			d.serve(listen)
		}
		close(stop)
		clients.Wait()
		if wrong := d.walk(files); wrong != "" {
			t.Error(wrong)
		}
		docs, left, errno := d.archive("/archive.zip?name=_")
		if wrong := rightArchive(docs, left, files); errno != "" || left != "" || wrong != "" {
			t.Error(wrong, left, errno)
		}
		if code := d.kill(unix.SIGTERM); code != 0 {
			t.Errorf("exit status %d", code)
		}
		if left, _ := filepath.Glob(d.cache + "/*/content/tmp/*"); len(left) > 0 {
			t.Errorf("left after the end: %v", left)
		}
	})
}

// TestServerRemembersWhatItTold: a document that could not be had was told to have one byte;
// the server is killed, started again, and the document is well: who goes by that byte is
// refused, and gets no file of one byte. The page has told nobody.
func TestServerRemembersWhatItTold(t *testing.T) {
	begin(t)
	survive(t, "kill -9 after a document could not be had", func(t *testing.T) {
		d := newDrive(t, options{account: small()})
		files := expected(t, d.sim, nil)
		d.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: files[3].id}, 0, apisim.Fault{Status: 404, Code: 60})
		d.sizes(files[3].contract, files[3])
		listen := strings.TrimPrefix(d.rig.address, "http://")
		d.kill(unix.SIGKILL)
		d.sim.Faults.Clear()
		d.serve(listen)
		d.again()
		eventually(t, "the document is well", func() bool {
			x, errno := d.request("GET", pageOf(files[3]), "")
			return errno == "" && bytes.Equal(x.body, files[3].data)
		})
		a := d.agent()
		a.fails(d.path(files[3].path), "EACCES")
		a.gets(d.path(files[4].path), files[4].data)
	})
}

// goesOn is a client that reads and lists until it is stopped, whatever becomes of the
// server: what it gets without an error is right.
func (d *drive) goesOn(r *rand.Rand, files []file, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		f := files[r.IntN(len(files))]
		at := d.path(f.path)
		switch r.IntN(4) {
		case 0:
			at = pageOf(f)
			fallthrough
		case 1:
			if x, errno := d.request("GET", at, ""); errno == "" && !bytes.Equal(x.body, f.data) {
				d.t.Errorf("%s: %d bytes of %d, or others, without an error", at, len(x.body), len(f.data))
			}
		case 2:
			x, errno := d.request("GET", at, "", "Range", "bytes=100000-")
			if errno == "" && x.StatusCode == http.StatusPartialContent && !bytes.Equal(x.body, f.data[100_000:]) {
				d.t.Errorf("%s: %d bytes from the middle, or others, without an error", at, len(x.body))
			}
		case 3:
			all, errno := d.propfind(d.path(f.contract), "1", "")
			if errno == "" && len(all) != 1+len(files)/2 {
				d.t.Errorf("%s: a list of %d, without an error", f.contract, len(all)-1)
			}
			for _, s := range all {
				if !s.isDir() && (s.withheld() || s.Stats[0].Prop.Length != "150000") {
					d.t.Errorf("%s: %+v", s.Href, s.Stats)
				}
			}
		}
	}
}

// TestServerAndItsCache: what becomes of the cache while it is served from costs no byte.
func TestServerAndItsCache(t *testing.T) {
	begin(t)
	for name, spoil := range map[string]func(t *testing.T, d *drive){
		"removed": func(t *testing.T, d *drive) {
			if err := os.RemoveAll(d.cache); err != nil {
				t.Error(err)
			}
		},
		"made read-only": func(t *testing.T, d *drive) {
			for _, part := range []string{"content", "catalog"} {
				dirs, _ := filepath.Glob(d.cache + "/*/" + part)
				for _, dir := range append(dirs, dirs[0]+"/blobs") {
					if err := os.Chmod(dir, 0o500); err != nil && !os.IsNotExist(err) {
						t.Error(err)
					}
					t.Cleanup(func() { os.Chmod(dir, 0o700) })
				}
			}
		},
		"with damaged blobs": func(t *testing.T, d *drive) {
			for _, p := range cacheFiles(t, d.rig, "/content/blobs/") {
				data, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				data[len(data)/2] ^= 1
				if err := os.WriteFile(p, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
		"with cut blobs": func(t *testing.T, d *drive) {
			for _, p := range cacheFiles(t, d.rig, "/content/blobs/") {
				if err := os.Truncate(p, 500); err != nil {
					t.Fatal(err)
				}
			}
		},
		"with rubbish for listings": func(t *testing.T, d *drive) {
			for _, p := range cacheFiles(t, d.rig, "/catalog/") {
				if err := os.WriteFile(p, []byte("rubbish"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
		"on a full disk": func(t *testing.T, d *drive) {
			for i := 0; ; i++ {
				if err := os.WriteFile(filepath.Join(d.cache, fmt.Sprint("ballast", i)), make([]byte, 1<<(20-min(i, 19))), 0o600); err != nil && i > 20 {
					return
				}
			}
		},
	} {
		survive(t, "the cache "+name+" while it is served from", func(t *testing.T) {
			var env []string
			if name == "on a full disk" {
				env = append(env, "CCSFS_CACHE_DIR="+tmpfs(t, 4<<20))
			}
			d := newDrive(t, options{account: small()}, env...)
			if env != nil {
				d.cache = strings.TrimPrefix(env[0], "CCSFS_CACHE_DIR=")
			}
			files := expected(t, d.sim, nil)
			half := files[:len(files)/2]
			for _, f := range half {
				d.agent().gets(d.path(f.path), f.data)
			}
			spoil(t, d)
			if wrong := d.wellKnown(files); wrong != "" {
				t.Error(wrong)
			}
			d.again()
			if wrong := d.wellKnown(files); wrong != "" {
				t.Error(wrong)
			}
			if code := d.kill(unix.SIGTERM); code != 0 {
				t.Errorf("exit status %d", code)
			}
			if name == "made read-only" { // root writes anyway, and others cannot begin
				return
			}
			d.serve("127.0.0.1:0")
			if wrong := d.wellKnown(files); wrong != "" {
				t.Errorf("after a restart: %s", wrong)
			}
		})
	}
	survive(t, "a mount and a pull on the cache that is served from", func(t *testing.T) {
		d := &drive{program: newProgram(t, options{account: small()})}
		d.sim.Latency = 50 * time.Millisecond
		d.password()
		d.serve("127.0.0.1:0")
		files := expected(t, d.sim, nil)
		mnt, to := filepath.Join(d.home, "mnt"), filepath.Join(t.TempDir(), "x")
		mount := d.ccsfs([]string{"bash", "-c", `
			"$@" & mount=$!
			trap 'kill $mount; wait $mount' EXIT
			until mountpoint -q "$MNT"; do kill -0 $mount || exit 1; sleep 0.02; done
			cp -r "$MNT" "$TO"`, "bash"}, "mount", mnt)
		mount.Env = append(mount.Env, "MNT="+mnt, "TO="+to+"-mount")
		pull := d.ccsfs(nil, "pull", to+"-pull")
		var others sync.WaitGroup
		others.Go(func() {
			if out, err := mount.CombinedOutput(); err != nil {
				t.Errorf("mount: %v: %s", err, out)
			}
		})
		others.Go(func() {
			if out, err := pull.CombinedOutput(); err != nil {
				t.Errorf("pull: %v: %s", err, out)
			}
		})
		wrong := d.wellKnown(files)
		others.Wait()
		if wrong != "" {
			t.Error(wrong)
		}
		sameTree(t, to+"-mount", files)
		sameTree(t, to+"-pull", files)
		onceEach(t, d.sim, files)
	})
}

// withoutANetwork: what was seen stays readable at once, on all faces; what was not
// is an error that says when to come again; and it all comes back.
func withoutANetwork(t *testing.T) {
	t.Helper()
	for name, w := range badWeather() {
		survive(t, name, func(t *testing.T) {
			p := &proxy{}
			o := options{account: small()}
			d := &drive{program: newProgram(t, o)}
			p.start(t, d.web.Listener.Addr().String())
			d.password()
			through := "http://" + p.addr
			d.env = append(d.env, "CCSFS_API_URL="+through+apisim.APIPath, "CCSFS_OAUTH_URL="+through+apisim.OAuthPath, "CCSFS_TIMEOUT=1s", "CCSFS_LISTING_TTL=1s")
			d.serve("127.0.0.1:0")
			files := expected(t, d.sim, nil)
			mine := files[:len(files)/2]
			if wrong := d.walk(files[:0]); wrong == "" {
				t.Error("nothing is listed")
			}
			for _, f := range mine {
				d.agent().gets(d.path(f.path), f.data)
			}
			d.page("/")
			p.set(w)
			within(t, time.Minute, "all that was seen", func() {
				for _, f := range mine {
					d.agent().gets(d.path(f.path), f.data)
					if x, errno := d.request("GET", pageOf(f), ""); errno != "" || !bytes.Equal(x.body, f.data) {
						t.Errorf("%s on the page: %d bytes, %s", f.path, len(x.body), errno)
					}
				}
				d.sizes(mine[0].contract)
				docs, left, errno := d.archive(allOf(mine[0].contract))
				if wrong := rightArchive(docs, left, mine); errno != "" || wrong != "" || len(docs) != len(mine) {
					t.Errorf("an archive of %d: %s, %s", len(docs), wrong, errno)
				}
			})
			eventually(t, "the page says so", func() bool { return strings.Contains(d.page("/"), `class="banner`) })
			for _, at := range []string{d.path("OCB0000009"), d.path(mine[0].contract, "nothing.pdf"), "/document/OCB0000009/x"} {
				eventually(t, at+", which the old list does not have, may be there", func() bool {
					_, errno := d.request("GET", at, "")
					return errno == "EHOSTUNREACH" || errno == "ETIMEDOUT"
				})
			}
			p.set(weather{})
			d.again()
			eventually(t, "all is well again", func() bool { return d.wellKnown(files) == "" })
		})
	}
	survive(t, "a name that does not resolve, from the start", func(t *testing.T) {
		d := newDrive(t, options{account: small()}, "CCSFS_API_URL=https://api.ccsfs.invalid/v1", "CCSFS_OAUTH_URL=https://api.ccsfs.invalid/oauth", "CCSFS_TIMEOUT=1s")
		for _, at := range []string{"/dav/", "/dav/OCB0000001/", "/document/OCB0000001/bills-1.csv", allOf("")} {
			if x, errno := d.request("GET", at, ""); errno != "EHOSTUNREACH" && errno != "ETIMEDOUT" {
				t.Errorf("%s: %s %.200q", at, errno, x.body)
			}
		}
		if _, errno := d.propfind("/dav/", "1", ""); errno != "EHOSTUNREACH" && errno != "ETIMEDOUT" {
			t.Errorf("the root: %s", errno)
		}
		if text := d.page("/"); strings.Contains(text, "has no contracts") || !strings.Contains(text, "are not known") {
			t.Errorf("the page:\n%s", text)
		}
	})
}
