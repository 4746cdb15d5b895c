//go:build linux

package integration

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
)

// tool is a program that reads documents, as a script that fails if it does not
// get every byte. $MNT is the mount, $OUT an empty directory. What a script
// leaves in $OUT/x is compared with the documents. For those that compare by
// themselves, $WANT is a copy of the documents on disk, $SUMS the list of their
// hashes, and $SIZES that of their sizes and paths.
type tool struct {
	name   string
	script string
	needs  string // a command without which it is skipped; "": those of TEST_TOOLS in the Makefile
}

// copiers make a copy of everything.
func copiers() []tool {
	return []tool{
		{name: "tar", script: `tar -C "$MNT" -cf "$OUT/a.tar" . && mkdir "$OUT/x" && tar -C "$OUT/x" -xf "$OUT/a.tar"`},
		{name: "rsync -a", script: `rsync -a "$MNT/" "$OUT/x/"`},
		{name: "cat and cmp", script: `cd "$WANT"; for f in */*; do cat "$MNT/$f" | cmp - "$f"; done; [ "$(ls "$MNT"/* | wc -l)" = "$(ls "$WANT"/* | wc -l)" ]`},
	}
}

func tools() []tool {
	return append(copiers(), []tool{
		{name: "cp -r", script: `cp -r "$MNT" "$OUT/x"`},
		{name: "cp -a with a preallocating and a sparse copy", script: `cp -a --sparse=always --reflink=auto "$MNT" "$OUT/x"`},
		{name: "rsync -a with checksums and a second run", script: `rsync -a "$MNT/" "$OUT/x/"; [ -z "$(rsync -aci --out-format=%n "$MNT/" "$OUT/x/")" ]`},
		{name: "tar with compression, by a pipe", script: `mkdir "$OUT/x"; tar -C "$MNT" -cz . | tar -C "$OUT/x" -xz`},
		{name: "shutil.make_archive in Python", script: `mkdir "$OUT/x"; python3 -c 'import shutil,sys; shutil.make_archive(sys.argv[1], "tar", sys.argv[2])' "$OUT/a" "$MNT" && tar -C "$OUT/x" -xf "$OUT/a.tar"`},
		{name: "zip -r", script: `cd "$MNT"; zip -qr "$OUT/a.zip" .; cd "$OUT"; unzip -tqq a.zip; unzip -qq a.zip -d x`},
		{name: "install", script: `cd "$MNT"; for f in */*; do install -D "$f" "$OUT/x/$f"; done`},
		{name: "dd with odd block sizes", script: `cd "$WANT"; set -- 1021 4099 65537 777; for f in */*; do dd if="$MNT/$f" bs=$1 status=none | cmp - "$f"; set -- "$2" "$3" "$4" "$1"; done`},
		{name: "dd from the middle", script: `cd "$WANT"; for f in */*; do dd if="$MNT/$f" bs=1000 skip=3 status=none | cmp - <(tail -c +3001 "$f"); done`},
		{name: "tail -c", script: `cd "$WANT"; for f in */*; do tail -c 4321 "$MNT/$f" | cmp - <(tail -c 4321 "$f"); done`},
		{name: "head -c", script: `cd "$WANT"; for f in */*; do head -c 1234 "$MNT/$f" | cmp - <(head -c 1234 "$f"); done`},
		{name: "cmp", script: `cd "$WANT"; for f in */*; do cmp "$f" "$MNT/$f"; done`},
		{name: "diff -r", script: `diff -r -x '.*.json' "$WANT" "$MNT"`},
		{name: "wc -c", script: `cd "$MNT"; diff <(wc -c */* | awk '$2 != "total" {print $1, $2}' | sort) "$SIZES"`},
		{name: "sha256sum -c", script: `cd "$MNT"; sha256sum --strict --quiet -c "$SUMS"`},
		{name: "find -size", script: `cd "$MNT"; while read -r size path; do [ "$(find "$path" -size "${size}c")" = "$path" ]; done < "$SIZES"; [ -z "$(find . -type f -size -1c)" ]`},
		{name: "find -printf", script: `cd "$MNT"; diff <(find . -type f ! -name '.*' -printf '%s %P\n' | sort) "$SIZES"`},
		{name: "ls -l", script: `cd "$MNT"; diff <(for c in *; do ls -l "$c" | awk -v c="$c/" 'NF > 8 {print $5, c $9}'; done | sort) "$SIZES"`},
		{name: "stat", script: `cd "$MNT"; diff <(stat -c '%s %n' */* | sort) "$SIZES"`},
		{name: "du", script: `cd "$MNT"; diff <(du -ab . | awk '$2 ~ /\.(pdf|csv|xlsx|txt)$/ {print $1, substr($2, 3)}' | sort) "$SIZES"; [ "$(du -s . | cut -f1)" -gt 0 ]`},
		{name: "file", script: `cd "$MNT"; diff <(file -- */*) <(cd "$WANT"; file -- */*); file -b */Invoice* | grep -q '^PDF document'; file -b */Bill* | grep -q Excel`},
		{name: "grep -r", script: `n=$(grep -raoF EUR --include='[!.]*' "$MNT" | wc -l); w=$(grep -raoF EUR "$WANT" | wc -l); [ "$n" = "$w" ] && [ "$n" -gt 100 ]`},
		{name: "grep -rl", script: `cd "$MNT"; diff <(grep -rlF '%PDF-' . | sort) <(cd "$WANT"; grep -rlF '%PDF-' . | sort)`},
		{name: "unzip -t on workbooks in place", script: `cd "$MNT"; for f in */*.xlsx; do unzip -tqq "$f"; done`},
		{name: "pdftotext on invoices in place", script: `cd "$MNT"; for f in */*.pdf; do
			number=$(sed -E 's/.*OCB([0-9]+)_([0-9]+)\.pdf/\1-\2/' <<< "$f")
			pdftotext "$f" - | grep -qF "$number"
			diff <(pdftotext "$f" -) <(pdftotext "$WANT/$f" -); done`},
		{name: "pdfinfo", script: `cd "$MNT"; for f in */*.pdf; do pdfinfo "$f" | grep -q '^Pages: *[1-9]'; done`},
		{name: "a Go program", script: `$WALK "$MNT" | sort -k2 | diff - "$SUMS"`},
		{name: "mmap in a Go program", script: `$MMAP "$MNT" | sort -k2 | diff - "$SUMS"`},
		{name: "a Python program", script: `cd "$MNT"; python3 -c "$PYTHON" | sort -k2 | diff - "$SUMS"`},
		{name: "sendfile in Python", script: `python3 -c "$PYCOPY" "$MNT" "$OUT/x"`},
		{name: "a program in C", script: `cc -O1 -o "$OUT/sums" -x c - <<< "$CSOURCE"; cd "$MNT"; diff <("$OUT/sums" */* | sort) <(cd "$WANT"; "$OUT/sums" */* | sort)`},
	}...)
}

// pythonReader reads each document at once, in pieces and mapped, and looks
// into workbooks.
const pythonReader = `
import glob, hashlib, mmap, zipfile
for path in glob.glob("*/*"):
    with open(path, "rb") as f:
        mapped = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        whole = f.read()
        f.seek(0)
        pieces = b"".join(iter(lambda: f.read(1000), b""))
        assert whole == pieces == mapped[:], path
        mapped.close()
    if path.endswith(".xlsx"):
        assert zipfile.ZipFile(path).testzip() is None, path
    print(hashlib.sha256(whole).hexdigest() + "  " + path)
`

// pythonCopier copies by sendfile(2), one half by hand, the other as shutil does.
const pythonCopier = `
import os, shutil, sys
def send(src, dst):
    size = os.fstat(src.fileno()).st_size
    at = 0
    while at < size:
        n = os.sendfile(dst.fileno(), src.fileno(), at, size - at)
        assert n > 0
        at += n
for i, c in enumerate(sorted(os.listdir(sys.argv[1]))):
    os.makedirs(os.path.join(sys.argv[2], c))
    for name in os.listdir(os.path.join(sys.argv[1], c)):
        if name.startswith("."): continue
        src, dst = os.path.join(sys.argv[1], c, name), os.path.join(sys.argv[2], c, name)
        if i % 2:
            shutil.copyfile(src, dst)
        else:
            with open(src, "rb") as f, open(dst, "wb") as g: send(f, g)
`

// cSource reads backwards by pread, as programs do that look for a trailer.
const cSource = `
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>
int main(int argc, char **argv) {
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);
		struct stat st;
		if (fd < 0 || fstat(fd, &st)) return 1;
		unsigned long sum = 0;
		unsigned char b[3000];
		for (off_t end = st.st_size; end > 0;) {
			off_t at = end > (off_t)sizeof b ? end - (off_t)sizeof b : 0;
			if (pread(fd, b, end - at, at) != end - at) return 2;
			for (off_t j = end - at; j-- > 0;) sum = sum * 31 + b[j];
			end = at;
		}
		if (pread(fd, b, 1, st.st_size) != 0) return 3;
		printf("%lu %ld %s\n", sum, (long)st.st_size, argv[i]);
		close(fd);
	}
	return 0;
}
`

// answers is what the scripts compare with: the documents on disk, and lists of
// their hashes and sizes. The result is for the environment.
func answers(t testing.TB, files []file) []string {
	t.Helper()
	var sums, sizes []string
	for _, f := range files {
		sums = append(sums, fmt.Sprintf("%x  %s", sha256.Sum256(f.data), f.path))
		sizes = append(sizes, fmt.Sprintf("%d %s", len(f.data), f.path))
	}
	dir := t.TempDir()
	for name, lines := range map[string][]string{"sums": sums, "sizes": sizes} {
		if err := os.WriteFile(filepath.Join(dir, name+".unsorted"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Walk.java"), []byte(javaSource), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "bash", "-euc", `cd "$1"; sort -k2 sums.unsorted > sums; sort sizes.unsorted > sizes`, "bash", dir); err != nil {
		t.Fatal(err)
	}
	return []string{
		"WANT=" + reference(t, files), "SUMS=" + dir + "/sums", "SIZES=" + dir + "/sizes",
		"WALK=" + strings.Join(helper(t, "walk"), " "), "MMAP=" + strings.Join(helper(t, "mmap"), " "),
		"PYTHON=" + pythonReader, "PYCOPY=" + pythonCopier, "CSOURCE=" + cSource,
		"PYFETCH=" + pythonFetcher, "NODESOURCE=" + nodeReader, "JAVASOURCE=" + dir,
	}
}

// require skips a test whose tool is not there.
func (tl *tool) require(t testing.TB) {
	t.Helper()
	if tl.needs == "" {
		return
	}
	if _, err := exec.LookPath(tl.needs); err != nil {
		t.Skipf("not tried: there is no %s here", tl.needs)
	}
}

// use runs a tool on a mount and checks what it got.
func (r *rig) use(tl tool, files []file, env []string) {
	r.t.Helper()
	out := r.sh(tl.script, env...)
	if strings.Contains(tl.script, "$OUT/x") || strings.Contains(tl.script, "-d x") {
		sameTree(r.t, filepath.Join(out, "x"), files)
	}
}

// TestEveryToolGetsEveryByte: each program starts on a mount that nothing has
// touched before, with an empty cache, where no size is known.
func TestEveryToolGetsEveryByte(t *testing.T) {
	begin(t)
	account := sample()
	files := expected(t, &apisim.Server{Account: account}, nil)
	env := answers(t, files)
	for _, tl := range append(tools(), programs()...) {
		t.Run(tl.name, func(t *testing.T) {
			t.Parallel()
			tl.require(t)
			r := newRig(t, options{account: account})
			r.use(tl, files, env)
			if calls := r.sim.Calls(); calls.Head != 0 || calls.File > len(files) {
				t.Errorf("%d calls of /file for %d documents, %d of HEAD", calls.File, len(files), calls.Head)
			}
		})
	}
}

// TestMountIsAFileSystemToGo runs testing/fstest on a fresh mount.
func TestMountIsAFileSystemToGo(t *testing.T) {
	begin(t)
	account := sample()
	for _, layout := range []string{"flat", "period"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account, layout: layout})
			argv := helper(t, "testfs", r.dir)
			for _, f := range expected(t, r.sim, nil) {
				name := f.path
				if layout == "period" {
					name = fmt.Sprintf("%s/%s/%s/%s", f.contract, f.doc.Period[:4], f.doc.Period[4:6], f.doc.Filename)
				}
				argv = append(argv, name)
			}
			argv = append(argv, generatedFiles(r)...)
			r.must(argv...)
			onceEach(t, r.sim, expected(t, r.sim, nil))
		})
	}
}

// generatedFiles are the generated files of a rig.
func generatedFiles(r *rig) []string {
	var names []string
	for _, c := range r.sim.Snapshot().Contracts {
		names = append(names, c.ID+"/.contract.json", c.ID+"/.documents.json")
	}
	return names
}
