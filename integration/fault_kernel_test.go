//go:build linux

package integration

import (
	"bytes"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// TestReadsBesideListings: somebody lists a directory, or looks a name up anew,
// while others read its documents for the first time. The kernel took the
// attributes without a size that came along for newer than the size that the
// readers waited for, and showed them empty files, without an error.
func TestReadsBesideListings(t *testing.T) {
	begin(t)
	for _, how := range []string{"list", "refresh", "stat"} {
		survive(t, "first reads beside "+how, func(t *testing.T) {
			account := small()
			r := newRig(t, options{account: account, quirks: apisim.Quirks{Dates: true}})
			files, a := expected(t, r.sim, nil), newAgent(t)
			a.names(r.dir, 2)
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Delay: 150 * time.Millisecond})
			var readers []<-chan answer
			for i, f := range files {
				q := question{Op: "read", Path: r.path(f.path), Len: -1}
				if i%2 == 1 {
					q.Len = 500
				}
				readers = append(readers, a.ask(q))
			}
			for stop, i := time.Now().Add(400*time.Millisecond), 0; time.Now().Before(stop); i++ {
				f := files[i%len(files)]
				switch how {
				case "list":
					a.list(r.path(f.contract))
				case "stat":
					<-a.ask(question{Op: "list", Path: r.path(f.contract)})
					a.ask(question{Op: "stat", Path: r.path(f.path)})
				case "refresh": // a change makes the kernel forget names
					other := account.Contracts[0].Documents[i%8]
					if err := r.sim.Bump(account.Contracts[0].ID, other.ID, time.Now().UTC().Format(time.RFC3339Nano)); err != nil {
						t.Fatal(err)
					}
					r.refresh()
					a.list(r.path(f.contract))
				}
			}
			for i, c := range readers {
				x, want := <-c, files[i].data
				if i%2 == 1 {
					want = want[:500]
				}
				if x.Errno == "" && len(x.Data) != len(want) || x.Errno == "" && how != "refresh" && !bytes.Equal(x.Data, want) ||
					x.Errno != "" && how != "refresh" {
					t.Errorf("%s: %d bytes of %d, or others, %q", files[i].path, len(x.Data), len(want), x.Errno)
				}
			}
			r.remount()
			r.allRight(nil)
		})
	}
}
