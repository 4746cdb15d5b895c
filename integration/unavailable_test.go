//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
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
	}
}

// TestUnavailableDocumentHarmsNoOther: programs get all the other documents, and
// tell that one is missing.
func TestUnavailableDocumentHarmsNoOther(t *testing.T) {
	begin(t)
	account := sample()
	for _, j := range judges() {
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
	for _, j := range append(judges(), deaf()...) {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			j.require(t)
			r := newRig(t, options{account: account})
			files := expected(t, r.sim, nil)
			bad := slices.MinFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) }) // nothing is fetched ahead of it
			r.must("find", r.dir, "-size", "+0")
			if err := os.RemoveAll(filepath.Join(r.cache, "content", "blobs")); err != nil {
				t.Fatal(err)
			}
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

// without are the other files.
func without(files []file, one file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return f.id == one.id })
}
