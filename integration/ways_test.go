//go:build linux

package integration

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
	"ccsfs/fs"
	"ccsfs/internal/content"
)

// way is one way to read a file: a shell script that writes what it read of $F to
// standard output. $D and $N are its directory and name, $SIZE its size, $SUM its
// MD5, $REF a copy of it on disk and $OUT an empty directory; $WAYS is
// testdata/ways.c, $HELPER a program of helpers_test.go, up to its name.
type way struct {
	name   string
	script string
	needs  string // a command without which it is left out, "" if the tests install it
	blocks bool   // only for sizes of whole sectors
	exact  bool   // not with --sizes=lazy, as docs/semantics.md says
}

// fitting are those files that a way can read.
func (w way) fitting(files []file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return w.blocks && len(f.data)%512 != 0 })
}

// unavailable is the exit status of a script whose way does not exist here: no
// mount namespaces, loop devices, io_uring.
const unavailable = 77

// systemCalls are the ways of testdata/ways.c.
func systemCalls(t *testing.T, bin string) (ways []way) {
	t.Helper()
	for name := range strings.Lines(mustRun(t, bin)) {
		name = strings.TrimSpace(name)
		ways = append(ways, way{name: name, script: fmt.Sprintf(`"$WAYS" %q "$F" "$SIZE" > "$OUT/f"; cat "$OUT/f"`, name),
			exact: name == "O_PATH and /proc" || name == "a file handle"})
	}
	return append(ways, way{name: "sendfile to a pipe", script: `"$WAYS" sendfile "$F" 0 | cat`})
}

// applets are programs for small machines, in two makes.
func applets() (ways []way) {
	for _, a := range []way{
		{name: "cat", script: `BOX cat "$F"`},
		{name: "cat to a file", script: `BOX cat "$F" > "$OUT/f"; cat "$OUT/f"`},
		{name: "cp", script: `BOX cp "$F" "$OUT/f"; cat "$OUT/f"`},
		{name: "cp -a", script: `BOX cp -a "$F" "$OUT/f"; cat "$OUT/f"`},
		{name: "cp -r of all", script: `BOX cp -r "$D" "$OUT/d"; cat "$OUT/d/$N"`},
		{name: "tar", script: `BOX tar -C "$D" -cf "$OUT/t" "$N"; tar -xOf "$OUT/t"`, exact: true},
		{name: "tar of all", script: `BOX tar -C "$D" -cf - . | tar -xOf - "./$N"`, exact: true},
		{name: "wc", script: `[ "$(BOX wc -c < "$F")" = "$SIZE" ]; cat "$REF"`},
		{name: "wc of a name", script: `[ "$(BOX wc -c "$F" | cut -d' ' -f1)" = "$SIZE" ]; cat "$REF"`, exact: true},
		{name: "md5sum", script: `[ "$(BOX md5sum "$F" | cut -d' ' -f1)" = "$SUM" ]; cat "$REF"`},
		{name: "cmp", script: `BOX cmp "$F" "$REF"; cat "$REF"`},
		{name: "tail", script: `BOX tail -c +1 "$F"`},
		{name: "head", script: `BOX head -c 999999 "$F"`},
		{name: "find and stat", script: `[ "$(BOX find "$F" -size "${SIZE}c")" = "$F" ]; [ "$(BOX stat -c %s "$F")" = "$SIZE" ]; cat "$REF"`, exact: true},
	} {
		for _, box := range []string{"busybox", "toybox"} {
			ways = append(ways, way{name: box + " " + a.name, script: strings.ReplaceAll(a.script, "BOX", box), exact: a.exact})
		}
	}
	return append(ways,
		way{name: "busybox dd", script: `busybox dd if="$F" bs=5000 2> "$OUT/e"`},
		way{name: "busybox gzip", script: `busybox gzip -c "$F" | gunzip`},
	)
}

// languages are those whose own copying uses calls of the kernel.
func languages() []way {
	const python = `python3 -c 'import os, shutil, socket, sys, threading
src, out = sys.argv[1], sys.argv[2]
%s
sys.stdout.buffer.write(open(out + "/f", "rb").read())' "$F" "$OUT"`
	const send = `a, b = socket.socketpair()
def drain():
    with open(out + "/f", "wb") as f:
        while data := b.recv(65536): f.write(data)
t = threading.Thread(target=drain); t.start()
with open(src, "rb") as f: a.sendfile(f)
a.close(); t.join()`
	return []way{
		{name: "io.Copy from file to TCP in Go", script: `$HELPER=copytcp "$SELF" "$F"`},
		{name: "io.Copy from file to file in Go", script: `$HELPER=copyfile "$SELF" "$F" "$OUT/f"; cat "$OUT/f"`},
		{name: "shutil.copyfile in Python", script: fmt.Sprintf(python, `shutil.copyfile(src, out + "/f")`)},
		{name: "shutil.copytree in Python", script: fmt.Sprintf(python, `shutil.copytree(os.path.dirname(src), out + "/d"); os.rename(out + "/d/" + os.path.basename(src), out + "/f")`)},
		{name: "socket.sendfile in Python", script: fmt.Sprintf(python, send), exact: true}, // it stops at the size of fstat
		{name: "os.sendfile in Python", script: fmt.Sprintf(python, `with open(src, "rb") as f, open(out + "/f", "wb") as g:
    while os.sendfile(g.fileno(), f.fileno(), None, 1 << 20): pass`)},
	}
}

// layers are what can be put on top of a mount. Each is a mount namespace of its own.
func layers() (ways []way) {
	const overlay = `mount -t tmpfs none "$OUT"; mkdir "$OUT/u" "$OUT/w" "$OUT/m"; mount -t overlay -o "lowerdir=$D,upperdir=$OUT/u,workdir=$OUT/w" none "$OUT/m" || exit 77; `
	const bind = `mkdir "$OUT/m"; mount --bind "$D" "$OUT/m"; `
	const bindFile = `touch "$OUT/m"; mount --bind "$F" "$OUT/m"; `
	for _, call := range []string{"read", "sendfile", "splice", "mmap after fstat", "SEEK_END", "SEEK_DATA and SEEK_HOLE", "copy_file_range"} {
		const read = `"$WAYS" %q %s "$SIZE" > "$OUT/f"; cat "$OUT/f"`
		ways = append(ways, way{name: "overlayfs: " + call, script: overlay + fmt.Sprintf(read, call, `"$OUT/m/$N"`), exact: true},
			way{name: "a bind mount: " + call, script: bind + fmt.Sprintf(read, call, `"$OUT/m/$N"`)},
			way{name: "a bind mount of the file: " + call, script: bindFile + fmt.Sprintf(read, call, `"$OUT/m"`), exact: true})
	}
	for i := range ways {
		ways[i].script = "unshare -m true 2> /dev/null || exit 77; unshare -m sh -euc '" + ways[i].script + "'"
	}
	return append(ways,
		way{name: "overlayfs: cp from layer to layer", exact: true, script: `unshare -m true 2> /dev/null || exit 77; unshare -m sh -euc '` + overlay +
			`cp "$OUT/m/$N" "$OUT/m/copy"; cat "$OUT/m/copy"'`},
		way{name: "overlayfs: copy_file_range from layer to layer", exact: true, script: `unshare -m true 2> /dev/null || exit 77; unshare -m sh -euc '` + overlay +
			`"$WAYS" copy_file_range "$OUT/m/$N" 0 > "$OUT/m/copy"; cat "$OUT/m/copy"'`},
		way{name: "overlayfs: copied up", exact: true, script: `unshare -m true 2> /dev/null || exit 77; unshare -m sh -euc '` + overlay +
			`chmod u+w "$OUT/m/$N"; cat "$OUT/u/$N"'`},
		way{name: "device: loop", blocks: true, script: `dev=$(losetup -r -f --show "$F") || exit 77; trap 'losetup -d $dev' EXIT
			[ "$(blockdev --getsize64 "$dev")" = "$SIZE" ]; dd if="$dev" bs=4096 iflag=direct status=none`},
		way{name: "server: Samba", needs: "smbd", script: samba, exact: true},
	)
}

// samba serves the directory on a port of its own, and gets the file. Its sockets
// need a short path.
const samba = `command -v smbclient > /dev/null || exit 77
dir=$(mktemp -d /tmp/ccsfs-smb-XXXXXX); mkdir "$dir/s"
cat > "$dir/conf" <<END
[global]
private dir = $dir/s
lock directory = $dir/s
state directory = $dir/s
cache directory = $dir/s
pid directory = $dir/s
ncalrpc dir = $dir/s
interfaces = lo
bind interfaces only = yes
map to guest = bad user
guest account = root
use sendfile = yes
[docs]
path = $D
guest ok = yes
force user = root
END
port=$((20000 + RANDOM % 12000))
setsid smbd --foreground --no-process-group --debug-stdout --configfile="$dir/conf" -p $port --log-basename="$dir/s" > "$OUT/log" 2>&1 & server=$!
trap 'kill $server; wait $server || true; rm -rf "$dir"' EXIT
for i in $(seq 200); do
	if smbclient --configfile="$dir/conf" -N -g -p $port //127.0.0.1/docs -c "get $N $OUT/f" > "$OUT/client" 2>&1; then cat "$OUT/f"; exit; fi
	grep -q REFUSED "$OUT/client" && kill -0 $server || break
	sleep 0.1
done
cat "$OUT/client" "$OUT/log" >&2; exit 1`

// wayMode is a kind of mount, on which each way is tried, but those with names
// that have a part that without matches.
type wayMode struct {
	name    string
	lazy    bool
	without *regexp.Regexp
	set     func(*options)
}

func wayModes() []wayMode {
	return []wayMode{
		{name: "as by default"},
		{name: "above the prefetch limit", without: regexp.MustCompile(`toybox|Python|:`), set: func(o *options) {
			o.content = func(c *content.Config) { c.PrefetchLimit = 1 }
		}},
		{name: "without lengths", without: regexp.MustCompile(`toybox|Python|:|cp|tar|advise|aio|ahead|back|wc`), set: func(o *options) { o.quirks.Chunked = true }},
		{name: "lazy", lazy: true, without: regexp.MustCompile(`toybox|:`), set: func(o *options) {
			o.fs = func(c *fs.Config) { c.LazySizes = true }
		}},
	}
}

// wayAccount has a document a contract, so that none is fetched ahead of another.
func wayAccount() *apisim.Account {
	a := &apisim.Account{}
	for i, size := range []int64{5, 8192, 300_001} {
		name := fmt.Sprintf("%d.bin", size)
		a.Contracts = append(a.Contracts, apisim.Contract{ID: fmt.Sprint("OCB000000", i), CreatedAt: "2024-01-01T00:00:00Z", Documents: []apisim.Document{{
			ID: fmt.Sprint("d", i), Type: "bills", Filename: name, Period: "202501", Content: apisim.Pseudo(uint64(i+1), size, name),
		}}})
	}
	return a
}

// TestAllWaysToRead: each on files that nobody has opened, of a fresh mount with
// an empty cache: all bytes and exit status 0, whatever asks for the size or not.
func TestAllWaysToRead(t *testing.T) {
	begin(t)
	bin := filepath.Join(t.TempDir(), "ways")
	mustRun(t, "gcc", "-O1", "-Wall", "-o", bin, "testdata/ways.c")
	account := wayAccount()
	files := expected(t, &apisim.Server{Account: account}, nil)
	seen := newRig(t, options{account: account})
	for _, name := range generatedFiles(seen)[:2] {
		files = append(files, file{path: name, data: []byte(seen.must("cat", seen.path(name)))})
	}
	ref := reference(t, files)
	ways := append(systemCalls(t, bin), applets()...)
	ways = append(append(ways, languages()...), layers()...)
	for _, mode := range wayModes() {
		for _, w := range ways {
			if mode.lazy && w.exact || mode.without != nil && mode.without.MatchString(w.name) {
				continue
			}
			t.Run(mode.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath(w.needs); w.needs != "" && err != nil {
					t.Skip("no " + w.needs)
				}
				o := options{account: account}
				if mode.set != nil {
					mode.set(&o)
				}
				r := newRig(t, o)
				r.readBy(w, w.fitting(files), bin, ref)
				if n := r.sim.Calls().File; n > 3 {
					t.Errorf("%d calls of /file for 3 documents", n)
				}
			})
		}
	}
}

// eachFile runs a script for each line of the file list, and keeps what it writes.
const eachFile = `while IFS=$'\t' read -r F REF SIZE SUM OUT; do
	export F REF SIZE SUM OUT D="${F%/*}" N="${F##*/}"
	mkdir "$OUT"
	( SCRIPT ) > "$OUT.read" < /dev/null
done < "$LIST"`

// readBy reads files in one way and compares.
func (r *rig) readBy(w way, files []file, bin, ref string) {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	dir := r.t.TempDir()
	results := make([]string, len(files))
	var list strings.Builder
	for i, f := range files {
		results[i] = filepath.Join(dir, fmt.Sprint(i))
		fmt.Fprintf(&list, "%s\t%s\t%d\t%x\t%s\n", r.path(f.path), filepath.Join(ref, f.path), len(f.data), md5.Sum(f.data), results[i])
	}
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte(list.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := command(r.t, "bash", "-euo", "pipefail", "-c", strings.Replace(eachFile, "SCRIPT", w.script, 1))
	cmd.Env = append(os.Environ(), "LIST="+filepath.Join(dir, "list"), "WAYS="+bin, "HELPER=env "+helperVariable, "SELF="+self)
	said, err := cmd.CombinedOutput()
	if code := (*exec.ExitError)(nil); errors.As(err, &code) && code.ExitCode() == unavailable {
		if os.Getenv("CCSFS_REQUIRE_FUSE") == "1" && w.needs == "" {
			r.t.Fatalf("not possible here, and CCSFS_REQUIRE_FUSE=1: %s", bytes.TrimSpace(said))
		}
		r.t.Skipf("not possible here (CCSFS_REQUIRE_FUSE=1 makes this a failure): %s", bytes.TrimSpace(said))
	}
	if err != nil {
		r.t.Errorf("%v: %s", err, bytes.TrimSpace(said))
	}
	for i, f := range files {
		if got, err := os.ReadFile(results[i] + ".read"); err != nil || !bytes.Equal(got, f.data) {
			r.t.Errorf("%s: %d bytes of %d, or others, %v", f.path, len(got), len(f.data), err)
		}
	}
}

// mustRun is run for what has to succeed.
func mustRun(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := run(t, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// copyToTCP writes what comes of a file at the other end of a connection.
func copyToTCP(args []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = io.Copy(c, f)
			return err
		}()
	}()
	c, err := l.Accept()
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, c)
	return errors.Join(err, <-sent)
}

// copyToFile copies a file.
func copyToFile(args []string) error {
	src, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(args[1])
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
