//go:build linux

package integration

import (
	"fmt"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// TestIncrementalBackupsSeeChanges: what changes after a backup is in the next
// one, also if the API dates the change before it, and nothing else is; over a
// remount, too. By tar, by find -cnewer, and by rsync.
func TestIncrementalBackupsSeeChanges(t *testing.T) {
	begin(t)
	for _, remount := range []bool{false, true} {
		t.Run(fmt.Sprintf("remounted %v", remount), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: small(), quirks: apisim.Quirks{Dates: true}})
			out := r.sh(`
				ls -lR "$MNT" > /dev/null; sleep 0.05 # what is first seen by the first backup is in the second, too
				tar -C "$MNT" --no-check-device -g "$OUT/state" -cf "$OUT/0.tar" .
				rsync -a "$MNT/" "$OUT/r/"; sleep 0.05; touch "$OUT/stamp"; sleep 0.05`)
			long := time.Now().AddDate(0, -1, 0).UTC().Format(time.RFC3339) // before the backup
			if err := r.sim.Bump("OCB0000001", "111", long); err != nil {
				t.Fatal(err)
			}
			f, changed := expected(t, r.sim, nil), ""
			for i := range f {
				if f[i].id == "111" {
					changed = f[i].path
				}
			}
			r.clock.advance(25 * time.Minute) // listings are due
			r.refresh()
			if remount {
				r.remount()
			}
			r.sh(`
				cd "$MNT"
				[ "$(find . -type f -cnewer "$LAST/stamp" -name '[!.]*')" = "./$CHANGED" ] 
				tar --no-check-device -g "$LAST/state" -cf "$OUT/1.tar" .
				[ "$(tar -tf "$OUT/1.tar" | grep -v '/$' | grep -v '/\.')" = "./$CHANGED" ] || { tar -tf "$OUT/1.tar"; exit 1; }
				tar -xOf "$OUT/1.tar" "./$CHANGED" | cmp - "$CHANGED"
				[ "$(rsync -ani --out-format=%n "$MNT/" "$LAST/r/" | grep -v '/$' | grep -v '/\.')" = "$CHANGED" ]`,
				"LAST="+out, "CHANGED="+changed)
		})
	}
}
