//go:build linux

package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// The network drive of ccsfs serve, looked at by programs that nobody here wrote, and by
// many at once.

// drive is a program that serves.
type drive struct {
	*program
	address string // of the drive, with a slash at its end
}

const drivePassword = "a good password"

// newDrive serves an account.
func newDrive(t *testing.T, o options, env ...string) *drive {
	t.Helper()
	d := &drive{program: newProgram(t, o)}
	d.env = append(d.env, "CCSFS_LOG_LEVEL=info")
	d.env = append(d.env, env...)
	d.password()
	d.serve("127.0.0.1:0")
	return d
}

// password is in a file, so that it stays.
func (d *drive) password() {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.home, "password"), []byte(drivePassword+"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// serve starts the server and waits until it answers.
func (d *drive) serve(listen string) {
	d.t.Helper()
	before := len(d.out.text())
	d.cmd = d.ccsfs(nil, "serve", "--listen="+listen, "--password-file=password")
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	at := regexp.MustCompile(`as a network drive: +(\S+)`)
	eventually(d.t, "it serves", func() bool {
		if d.ended() {
			d.t.Fatalf("ended instead of serving:\n%s", d.out.text())
		}
		m := at.FindStringSubmatch(d.out.text()[before:])
		if m == nil {
			return false
		}
		d.address = m[1]
		if at := strings.TrimSuffix(d.address, drivePrefix+"/"); d.rig.address != at { // else clients go by it
			d.rig.address = at
		}
		if d.clients == nil {
			d.rig.user, d.rig.dir, d.rig.opt.face = "ccsfs", drivePrefix, asDrive
			d.clients = &http.Client{Transport: &http.Transport{}}
			d.t.Cleanup(d.clients.CloseIdleConnections)
		}
		return true
	})
}

// sh runs a script that finds the drive, and rclone's name for it, in its environment.
func (d *drive) sh(script string) (string, error) {
	d.t.Helper()
	obscured, err := exec.Command("rclone", "obscure", drivePassword).Output()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := command(d.t, "bash", "-euc", script)
	cmd.Dir = d.t.TempDir()
	if err := os.WriteFile(filepath.Join(cmd.Dir, ".netrc"), []byte("machine 127.0.0.1 login ccsfs password \""+drivePassword+"\"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "URL="+d.address, "TO="+cmd.Dir+"/to",
		"RCLONE_CONFIG_D_TYPE=webdav", "RCLONE_CONFIG_D_URL="+d.address, "RCLONE_CONFIG_D_USER=ccsfs", "RCLONE_CONFIG_D_PASS="+strings.TrimSpace(string(obscured)))
	out, err := cmd.CombinedOutput()
	return string(out) + "\n" + cmd.Dir, err
}

// ask sends a request as the user.
func (d *drive) ask(method, path string, headers ...string) (*http.Response, []byte, error) {
	req, err := http.NewRequest(method, d.address+path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.SetBasicAuth("ccsfs", drivePassword)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// discard reads a document, and keeps nothing of it: under the race detector to gather a
// hundred megabytes stands still for a second, and with it the simulator.
func (d *drive) discard(path string) error {
	req, err := http.NewRequest(http.MethodGet, d.address+path, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("ccsfs", drivePassword)
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// driveAccount has documents of ordinary names, and some of which each character is another
// one in an address, in XML or in a shell.
func driveAccount() *apisim.Account {
	a := apisim.Synthetic(2, 20, 30_000, ".pdf")
	var odd []apisim.Document
	for i, name := range []string{"Facture R&D n°12 (été) + annexe 100% #3;a=b.pdf", "Rechnung Ä Ö ß.pdf", "it's x~y@z$!,=[1].pdf"} {
		odd = append(odd, apisim.Document{ID: fmt.Sprint("odd", i), Type: "bills", Filename: name, Period: "202610", Content: apisim.Pseudo(uint64(i), 30_000, name)})
	}
	a.Contracts = append(a.Contracts, apisim.Contract{ID: "R&D (été) + 100%", Documents: odd})
	return a
}

// TestDriveClients: each program gets every byte of a drive that nobody has looked at, and
// each document is asked for once. Those of which no package is installed for the tests are
// tried where they are.
func TestDriveClients(t *testing.T) {
	begin(t)
	const password = `--user=ccsfs --password='` + drivePassword + `'`
	for _, tt := range []struct{ name, needs, script string }{
		{"rclone copy", "rclone", `rclone copy D: "$TO"; rclone check --download D: "$TO"`},
		{"rclone sync by 16", "rclone", `rclone sync --transfers=16 --checkers=16 D: "$TO"`},
		{"rclone mount and cp", "rclone", `mkdir m; rclone mount D: m & mount=$!; trap 'fusermount3 -uz m; wait $mount' EXIT
			until mountpoint -q m; do sleep 0.1; done; cp -r m "$TO"`},
		{"rclone mount and tar", "rclone", `mkdir m "$TO"; rclone mount --vfs-cache-mode=full --cache-dir=cache D: m & mount=$!; trap 'fusermount3 -uz m; wait $mount' EXIT
			until mountpoint -q m; do sleep 0.1; done; tar -c -C m . | tar -x -C "$TO"`},
		{"cadaver", "cadaver", `mkdir "$TO"; for c in OCB5000000 OCB5000001 'R&D (été) + 100%'; do mkdir "$TO/$c"
			(cd "$TO/$c"; printf 'cd "%s"\nmget *\nquit\n' "$c" | cadaver "$URL" >/dev/null); done`},
		{"wget", "wget", `wget -q -e robots=off --restrict-file-names=nocontrol -r -np -nH --cut-dirs=1 ` + password + ` -P "$TO" -R 'index.html*' "$URL"`},
		{"curl", "curl", `links() { curl -sSfn "$URL$1" | grep -o 'href="/dav/[^"]*'"$2"'"' | cut -d'"' -f2 | sed "s|^/dav/||"; }
			name() { printf '%b' "${1//%/\\x}"; }
			mkdir "$TO"; links "" / | while read -r c; do mkdir "$TO/$(name "$c")"; links "$c" pdf |
				while read -r f; do curl -sSfn -r 0-999 "$URL$f" >"$TO/$(name "$f")"; curl -sSfn -C 1000 "$URL$f" >>"$TO/$(name "$f")"; done; done`},
		{"lftp", "lftp", `lftp -u 'ccsfs,` + drivePassword + `' -e "mirror . $TO; quit" "$URL"`},
		{"aria2", "aria2c", `curl -sSfn "$URL" | grep -o 'href="/dav/[^"]*"' | cut -d'"' -f2 | while read -r c; do curl -sSfn "${URL%/dav/}$c" | grep -o 'href="/dav/[^"]*pdf"' | cut -d'"' -f2; done |
			while read -r f; do n=${f#/dav/}; printf '%s\n out=%b\n' "${URL%/dav/}$f" "${n//%/\\x}"; done |
			aria2c -q -i - -d "$TO" -x4 -s4 -k1M --http-user=ccsfs --http-passwd='` + drivePassword + `'`},
		{"gio", "/usr/libexec/gvfsd-dav", `export XDG_RUNTIME_DIR="$HOME/run"; mkdir -m 700 run; mkdir "$TO"; cat >inside <<'EOF'
				echo '` + drivePassword + `' | gio mount "dav://ccsfs@${URL#http://}" >/dev/null
				for c in $(gio list -u "dav://ccsfs@${URL#http://}" | sed 's/ /%20/g'); do
					n=$(basename "$c"); n=$(printf '%b' "${n//%/\\x}"); mkdir "$TO/$n"
					gio list -u "$c" | while read -r f; do gio copy "$f" "$TO/$n/"; done
				done
EOF
			dbus-run-session -- bash -eu inside`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.needs); err != nil {
				t.Skip("no " + tt.needs)
			}
			t.Parallel()
			d := newDrive(t, options{account: driveAccount()})
			var out string
			within(t, 2*time.Minute, "the copy", func() {
				var err error
				if out, err = d.sh(tt.script); err != nil {
					t.Fatalf("%v\n%s\n%s", err, out, d.out.text())
				}
			})
			sameTree(t, filepath.Join(out[strings.LastIndexByte(out, '\n')+1:], "to"), expected(t, d.sim, nil))
			if calls := d.sim.Calls(); calls.File != 43 || calls.Documents > 2*3*7 {
				t.Errorf("%d documents asked for, %d listings", calls.File, calls.Documents)
			}
		})
	}
}

// TestDriveFaults: what the API does wrong is an error of every client, and no file that is
// empty or cut.
func TestDriveFaults(t *testing.T) {
	begin(t)
	bad := apisim.Match{Op: apisim.OpFile, Document: "1000000000"} // the first of the first contract
	for _, tt := range []struct {
		name  string
		fault apisim.Fault
	}{
		{"not there", apisim.Fault{Status: 404, Code: 60}},
		{"refused", apisim.Fault{Status: 403, Code: 50}},
		{"a page", apisim.Fault{Body: apisim.HTMLPage}},
		{"nothing", apisim.Fault{Body: " ", ContentType: "application/pdf"}},
		{"cut", apisim.Fault{Cut: true, After: 1000}},
		{"an error for ever", apisim.Fault{Status: 500, Code: 1}},
	} {
		survive(t, tt.name, func(t *testing.T) {
			d := newDrive(t, options{account: apisim.Synthetic(1, 6, 30_000, ".pdf")}, "CCSFS_TIMEOUT=5s")
			d.sim.Faults.Add(bad, 0, tt.fault)
			out, err := d.sh(`
				rclone copy --retries=1 --low-level-retries=1 D: "$TO" && exit 9
				mkdir m; rclone mount --low-level-retries=1 D: m & mount=$!; trap 'fusermount3 -uz m; wait $mount' EXIT
				until mountpoint -q m; do sleep 0.1; done
				cat m/OCB5000000/bills_OCB5000000_000001.pdf >cat && exit 8
				test ! -s cat || exit 7
				curl -sSfn -o curl "${URL}OCB5000000/bills_OCB5000000_000001.pdf" && exit 6
				test ! -s curl || exit 6
				wget -q -e robots=off -t 1 -r -np -nH --cut-dirs=1 --user=ccsfs --password='` + drivePassword + `' -P wget -R 'index.html*' "$URL" && exit 5
				test "$(find wget -type f -size 30000c | wc -l) $(find wget -type f | wc -l)" = "5 5" || exit 5
				cp m/OCB5000000/bills_OCB5000000_000005.pdf other && test "$(stat -c %s other)" = 30000`)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			to := filepath.Join(out[strings.LastIndexByte(out, '\n')+1:], "to")
			sameTree(t, to, expected(t, d.sim, func(doc *apisim.Document) bool { return doc.ID == bad.Document }))
		})
	}
}

// TestDriveForMany: fifty who read and ten who list, of a drive that nobody has looked at:
// each document is asked for once, the rate is kept, and who reads something small does not
// wait for somebody's large download. They are another process: in that of the simulator they
// would be what makes it late.
func TestDriveForMany(t *testing.T) {
	begin(t)
	account := apisim.Synthetic(5, 30, 20_000, ".pdf")
	account.Contracts = append(account.Contracts, apisim.Contract{ID: "LARGE", Documents: []apisim.Document{
		{ID: "large", Type: "bills", Filename: "large.pdf", Period: "202610", Content: apisim.Pseudo(1, 200<<20, "large.pdf")},
	}})
	d := &drive{program: newProgram(t, options{account: account})}
	d.sim.Latency = 20 * time.Millisecond // before anything is asked for
	d.env = append(d.env, "CCSFS_LOG_LEVEL=info", "CCSFS_RATE_LIMIT=20")
	d.password()
	d.serve("127.0.0.1:0")
	d.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: "large"}, 0, apisim.Fault{After: 100 << 20, Stall: true})
	files := expected(t, d.sim, func(doc *apisim.Document) bool { return doc.ID == "large" })
	var list strings.Builder
	for _, f := range files {
		fmt.Fprintf(&list, "%s %x\n", f.path, sha256.Sum256(f.data))
	}
	d.sim.ResetCalls()
	large := make(chan error, 1)
	go func() { large <- d.discard("LARGE/large.pdf") }()
	many := command(t, helper(t, "many", d.address, "50", "10")...)
	many.Stdin = strings.NewReader(list.String())
	within(t, 2*time.Minute, "all of them", func() {
		if out, err := many.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	calls := d.sim.Calls()
	if calls.MaxPerSecond > apiLimit {
		t.Errorf("%d calls in a second", calls.MaxPerSecond)
	}
	for _, f := range files {
		if n := calls.Files[f.id]; n != 1 {
			t.Errorf("%s was asked for %d times", f.path, n)
		}
	}
	d.kill(unix.SIGTERM)
	if err := <-large; err == nil {
		t.Error("who reads a document that stands still is told nothing at the end")
	}
}

// readByMany is the helper "many": so many readers each read all documents of a drive that
// are named on standard input, with their hashes, and so many others list its directories.
func readByMany(args []string) error {
	d := &drive{address: args[0]}
	readers, _ := strconv.Atoi(args[1]) // 0 reads nothing, and the caller sees to that
	listers, _ := strconv.Atoi(args[2])
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	want, dirs := map[string]string{}, map[string]int{}
	for line := range strings.Lines(string(input)) {
		path, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
		want[path] = sum
		dirs[filepath.Dir(path)]++
	}
	var all errgroup.Group
	for range readers {
		all.Go(func() error {
			for path, sum := range want {
				resp, body, err := d.ask("GET", path)
				if err != nil || resp.StatusCode != 200 || fmt.Sprintf("%x", sha256.Sum256(body)) != sum {
					return fmt.Errorf("%s: %w, %d bytes, %.100q", path, err, len(body), body)
				}
			}
			return nil
		})
	}
	for range listers {
		all.Go(func() error {
			for dir, n := range dirs {
				resp, body, err := d.ask("PROPFIND", dir+"/", "Depth", "1")
				if err != nil || resp.StatusCode != 207 || strings.Count(string(body), "<D:getcontentlength>20000<") != n {
					return fmt.Errorf("%s: %w, %d bytes, %.100q", dir, err, len(body), body)
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// TestDriveIsKilled: after a kill -9 the same server goes on, with what was fetched; who was
// reading is told.
func TestDriveIsKilled(t *testing.T) {
	begin(t)
	d := newDrive(t, options{account: apisim.Synthetic(1, 10, 30_000, ".pdf")})
	if resp, body, err := d.ask("PROPFIND", "OCB5000000/", "Depth", "1"); err != nil || resp.StatusCode != 207 {
		t.Fatalf("%v %s", err, body)
	}
	listen := strings.TrimSuffix(strings.TrimPrefix(d.address, "http://"), "/dav/")
	d.kill(unix.SIGKILL)
	if _, _, err := d.ask("GET", "OCB5000000/bills_OCB5000000_000001.pdf"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
	d.serve(listen)
	if resp, body, err := d.ask("GET", "OCB5000000/bills_OCB5000000_000001.pdf"); err != nil || resp.StatusCode != 200 || len(body) != 30_000 {
		t.Errorf("%v %s", err, body)
	}
	if n := d.sim.Calls().File; n != 10 {
		t.Errorf("%d documents asked for", n)
	}
}

// TestDriveRestarts: who has the drive mounted goes by what the server before told. A document
// that could not be had then, and is well since, is an error, and no file of one byte.
func TestDriveRestarts(t *testing.T) {
	begin(t)
	if _, err := exec.LookPath("rclone"); err != nil {
		t.Skip("no rclone")
	}
	d := newDrive(t, options{account: apisim.Synthetic(1, 3, 30_000, ".pdf")})
	bad := d.sim.Snapshot().Contracts[0].Documents[0]
	d.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.ID}, 0, apisim.Fault{Status: 404, Code: 60})
	listen := strings.TrimSuffix(strings.TrimPrefix(d.address, "http://"), "/dav/")
	ready, goOn := filepath.Join(d.home, "ready"), filepath.Join(d.home, "goon")
	type result struct {
		out string
		err error
	}
	copied := make(chan result, 1)
	go func() {
		out, err := d.sh(`mkdir m "$TO"; rclone mount D: m & mount=$!; trap 'fusermount3 -uz m; wait $mount' EXIT
			until mountpoint -q m; do sleep 0.1; done; ls -l m/OCB5000000; : >"` + ready + `"
			until test -e "` + goOn + `"; do sleep 0.1; done
			cp m/OCB5000000/` + bad.Filename + ` "$TO" && echo copied $(stat -c %s "$TO"/*); cp m/OCB5000000/*_000002.pdf "$TO"`)
		copied <- result{out, err}
	}()
	eventually(t, "it is listed", func() bool { _, err := os.Stat(ready); return err == nil })
	d.kill(unix.SIGTERM)
	d.sim.Faults.Clear()
	// The note that it failed would refuse it for a while, too: here it has passed.
	if err := exec.Command("find", d.home, "-type", "d", "-name", "index", "-prune", "-exec", "rm", "-r", "{}", "+").Run(); err != nil {
		t.Fatal(err)
	}
	d.serve(listen)
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := <-copied; r.err != nil || strings.Contains(r.out, "copied") {
		t.Errorf("%v: %s", r.err, r.out)
	}
}
