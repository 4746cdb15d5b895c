//go:build linux

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog"
)

// judges are programs that leave out a file of a local disk that cannot be opened,
// go on with the rest, and say so. Each sets $s to 1 if it did.
func judges() []tool {
	return []tool{
		{name: "cp -r", script: `cp -r "$MNT" "$OUT/x"; s=$?`},
		{name: "tar", script: `tar -C "$MNT" -cf "$OUT/a" . ; s=$?; mkdir "$OUT/x"; tar -C "$OUT/x" -xf "$OUT/a"`},
		{name: "rsync", script: `rsync -a "$MNT/" "$OUT/x/"; s=$?; [ $s = 24 ] && s=0`},
		{name: "busybox cp", script: `busybox cp -r "$MNT" "$OUT/x"; s=$?`},
		{name: "rclone", script: `rclone copy --config "$OUT/none" --retries 1 "$MNT" "$OUT/x"; s=$?`},
		{name: "zip", script: `cd "$MNT"; zip -qr "$OUT/a.zip" . ; [ $? = 18 ] && s=1; unzip -qq "$OUT/a.zip" -d "$OUT/x"`},
		{name: "git add --ignore-errors", script: `
			export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
			git init -q --bare "$OUT/r"; git --git-dir="$OUT/r" --work-tree="$MNT" add -A --ignore-errors; s=$?
			git --git-dir="$OUT/r" --work-tree="$MNT" -c user.name=x -c user.email=x@example.com commit -qm all
			mkdir "$OUT/x"; git --git-dir="$OUT/r" archive HEAD | tar -C "$OUT/x" -xf -`},
		{name: "duplicity", script: `
			export HOME="$OUT"
			duplicity full --no-encryption --archive-dir "$OUT/a" "$MNT" "file://$OUT/b" > "$OUT/said"; grep -q '^Errors 1$' "$OUT/said" && s=1
			duplicity restore --no-encryption --archive-dir "$OUT/a" "file://$OUT/b" "$OUT/x"`},
		{name: "shutil.copytree in Python", script: `python3 -c 'import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])' "$MNT" "$OUT/x"; s=$?`},
		{name: "a copy in Java", needs: "javac", script: `cat > "$OUT/Copy.java" <<'END'
import java.nio.file.*;
public class Copy { public static void main(String[] a) throws Exception {
	Path from = Path.of(a[0]), to = Path.of(a[1]);
	boolean[] left = {false};
	try (var all = Files.walk(from)) { all.forEach(p -> {
		Path q = to.resolve(from.relativize(p));
		try { if (Files.isDirectory(p)) Files.createDirectories(q); else Files.copy(p, q); } catch (java.io.IOException e) { left[0] = true; }
	}); }
	System.exit(left[0] ? 1 : 0);
} }
END
			java -Xshare:auto -XX:TieredStopAtLevel=1 "$OUT/Copy.java" "$MNT" "$OUT/x"; s=$?`},
		{name: "cpio", script: `cd "$MNT"; find . | cpio -o -H newc > "$OUT/a"; s=$?; mkdir "$OUT/x"; cd "$OUT/x"; cpio -id < "$OUT/a"`},
	}
}

// rareJudges are more of them, where they are installed.
func rareJudges() []tool {
	each := func(command string) string {
		return `cd "$MNT"; for f in */*; do mkdir -p "$OUT/x/${f%/*}"; ` + command + ` || s=1; done`
	}
	all := []tool{
		{name: "bsdcpio", script: `cd "$MNT"; find . | bsdcpio -o -H newc > "$OUT/a"; s=$?; mkdir "$OUT/x"; cd "$OUT/x"; bsdcpio -id < "$OUT/a"`},
		{name: "pax", script: `mkdir "$OUT/x"; cd "$MNT"; pax -rw . "$OUT/x"; s=$?`},
		{name: "7z", script: `cd "$MNT"; 7z a -bd "$OUT/a.7z" . ; s=$?; 7z x -bd -o"$OUT/x" "$OUT/a.7z"`},
		{name: "borg", script: `
			export HOME="$OUT" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
			borg init -e none "$OUT/b"; cd "$MNT"; borg create "$OUT/b::a" . ; s=$?
			mkdir "$OUT/x"; cd "$OUT/x"; borg extract "$OUT/b::a"`},
		{name: "restic", script: `
			export HOME="$OUT" RESTIC_PASSWORD=example
			restic -q -r "$OUT/b" init; cd "$MNT"; restic -q -r "$OUT/b" backup . ; s=$?; restic -q -r "$OUT/b" restore latest --target "$OUT/x"`},
		{name: "rdiff-backup", script: `rdiff-backup "$MNT" "$OUT/b" 2> "$OUT/said"; s=$?; grep -qi error "$OUT/said" && s=1; rdiff-backup -r now "$OUT/b" "$OUT/x"`},
		{name: "dar", script: `dar -q -c "$OUT/a" -R "$MNT"; s=$?; mkdir "$OUT/x"; dar -q -x "$OUT/a" -R "$OUT/x"`},
		{name: "unison", script: `export HOME="$OUT"; mkdir "$OUT/x"; unison -batch -ui text -fastcheck false -perms 0 "$MNT" "$OUT/x"; s=$?`},
		{name: "lftp", script: `export HOME="$OUT"; lftp -c "mirror file://$MNT file://$OUT/x"; s=$?`},
		{name: "php", script: each(`php -r 'exit(copy($argv[1], $argv[2]) ? 0 : 1);' "$f" "$OUT/x/$f"`)},
		{name: "ruby", script: each(`ruby -e 'IO.copy_stream(ARGV[0], ARGV[1])' "$f" "$OUT/x/$f"`)},
		{name: "tclsh", script: `echo 'file copy -force -- [lindex $argv 0] [lindex $argv 1]' > "$OUT/copy"; ` + each(`tclsh "$OUT/copy" "$f" "$OUT/x/$f"`)},
		{name: "sqlite3", script: each(`[ "$(sqlite3 :memory: "select writefile('$OUT/x/$f', readfile('$f')) where readfile('$f') is not null")" ]`)},
		{name: "zstd", script: each(`zstd -q -f "$f" -o "$OUT/z" && zstd -q -d -f "$OUT/z" -o "$OUT/x/$f"`)},
	}
	return slices.DeleteFunc(all, func(j tool) bool {
		_, err := exec.LookPath(j.name)
		return err != nil
	})
}

// TestRareJudges: what copies the others copies all where there is nothing amiss.
func TestRareJudges(t *testing.T) {
	begin(t)
	account := sample()
	for _, j := range rareJudges() {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account})
			out := r.sh(`s=0; set +e; ` + j.script + "\n" + `[ "$s" = 0 ]`)
			sameTree(t, filepath.Join(out, "x"), expected(t, r.sim, nil))
		})
	}
}

// TestUnavailableDocumentHarmsNoOther: programs get all the other documents, and
// tell that one is missing.
func TestUnavailableDocumentHarmsNoOther(t *testing.T) {
	begin(t)
	account := sample()
	for _, j := range append(judges(), rareJudges()...) {
		for name, fault := range map[string]apisim.Fault{"no document": {Body: apisim.HTMLPage}, "not there": {Status: 404}} {
			t.Run(j.name+", "+name, func(t *testing.T) {
				t.Parallel()
				j.require(t)
				r := newRig(t, options{account: account})
				files := expected(t, r.sim, nil)
				bad := files[len(files)/2]
				r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, fault)
				out := r.sh(`s=0; set +e; ` + j.script + "\n" + `[ "$s" != 0 ]`)
				sameTree(t, filepath.Join(out, "x"), without(files, bad))
				if got := r.must("stat", "-c", "%s", r.path(bad.path)); strings.TrimSpace(got) != "1" {
					t.Errorf("stat says %s", got)
				}
			})
		}
	}
}

// deaf are programs that take the error of a read for the end of the file, and end
// well with a part of it, or with nothing.
func deaf() []tool {
	return []tool{
		{name: "toybox cp", script: `toybox cp -r "$MNT" "$OUT/x"; s=$?`},
		{name: "curl", needs: "curl", script: `
			cd "$MNT"; for f in */*; do mkdir -p "$OUT/x/${f%/*}"; curl -sf -o "$OUT/x/$f" "file://$MNT/$f" || s=1; done`},
		{name: "perl", script: `
			cd "$MNT"; for f in */*; do mkdir -p "$OUT/x/${f%/*}"
			perl -e 'open F, "<", shift or exit 1; local $/; print <F>' "$f" > "$OUT/bytes" && mv "$OUT/bytes" "$OUT/x/$f" || s=1; done`},
	}
}

// TestWhatCannotBeReadCannotBeOpened: of a document whose size is known from before, but
// whose bytes are not there any more and cannot be had, the open fails, for not every
// program hears of the error of a read.
func TestWhatCannotBeReadCannotBeOpened(t *testing.T) {
	begin(t)
	account := sample()
	for _, j := range slices.Concat(judges(), rareJudges(), deaf()) {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			j.require(t)
			r := newRig(t, options{account: account})
			files := expected(t, r.sim, nil)
			bad := slices.MinFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) }) // nothing is fetched ahead of it
			r.must("find", r.dir, "-size", "+0")
			r.loseBlobs()
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, apisim.Fault{Status: 404})
			out := r.sh(`s=0; set +e; ` + j.script + "\n" + `[ "$s" != 0 ]`)
			sameTree(t, filepath.Join(out, "x"), without(files, bad))
			if f, err := os.Open(r.path(bad.path)); err == nil {
				f.Close()
				t.Error("it could be opened")
			}
		})
	}
}

// TestWhatBreaksOffCannotBeOpened: a document that is not fetched whole when only its
// size is asked for, and of which the same part comes each time. (duplicity ends at
// once, and says so, where the API is out of reach.)
func TestWhatBreaksOffCannotBeOpened(t *testing.T) {
	begin(t)
	account := pseudo(3, 5<<20)
	ends := func(j tool) bool { return j.name == "duplicity" }
	for _, j := range slices.DeleteFunc(append(judges(), deaf()...), ends) {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			j.require(t)
			r := newRig(t, options{account: account})
			files := expected(t, r.sim, nil)
			bad := slices.MinFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: bad.id}, 0, apisim.Fault{After: 2 << 20, Cut: true})
			out := r.sh(`s=0; set +e; ` + j.script + "\n" + `[ "$s" != 0 ]`)
			sameTree(t, filepath.Join(out, "x"), without(files, bad))
		})
	}
}

// without are the other files.
func without(files []file, one file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return f.id == one.id })
}

// TestDirectoryThatCannotBeListed: cp, tar and rsync fail and have the rest; zip does
// not heed it. What a command of ccsfs says at its end tells of it whatever was used.
func TestDirectoryThatCannotBeListed(t *testing.T) {
	begin(t)
	r := newRig(t, options{account: small()})
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Contract: "OCB0000002"}, 0, apisim.Fault{Body: apisim.HTMLPage})
	good := expected(t, r.sim, nil)
	good = slices.DeleteFunc(good, func(f file) bool { return f.contract == "OCB0000002" })
	for _, tool := range []tool{
		{name: "cp -r", script: `! cp -r "$MNT" "$OUT/x" 2>"$OUT/said"; grep -q OCB0000002 "$OUT/said"`},
		{name: "tar", script: `! tar -C "$MNT" -cf "$OUT/a" . 2>"$OUT/said"; mkdir "$OUT/x"; tar -C "$OUT/x" -xf "$OUT/a"; grep -q OCB0000002 "$OUT/said"`},
		{name: "rsync", script: `! rsync -a "$MNT/" "$OUT/x/" 2>"$OUT/said"; grep -q OCB0000002 "$OUT/said"`},
		{name: "zip", script: `cd "$MNT"; zip -qr "$OUT/a.zip" .; unzip -qq "$OUT/a.zip" -d "$OUT/x"`},
	} {
		t.Run(tool.name, func(t *testing.T) {
			out := filepath.Join(r.sh(tool.script), "x")
			os.RemoveAll(filepath.Join(out, "OCB0000002"))
			sameTree(t, out, good)
			short := r.catalog.Shortfalls()
			if !slices.ContainsFunc(short, func(s catalog.Shortfall) bool { return s.ContractID == "OCB0000002" }) {
				t.Errorf("%+v", short)
			}
		})
	}
}
