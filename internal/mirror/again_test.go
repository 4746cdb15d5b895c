package mirror

import (
	"errors"
	"fmt"
	"testing"

	"ccsfs/apiclient"
)

// What could not be had for a moment is there when the run ends, and what is broken for
// good costs a handful of calls and no more.
func TestWhatFailedIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		failed int // documents, of ten
		err    error
		heals  int // after so many calls; 0: never

		copied, most int // most: calls for the documents that failed
	}{
		{"one bad moment", 1, apiclient.ErrServer, 1, 10, 2},
		{"many", 9, apiclient.ErrTimeout, 1, 10, 18},
		{"one that is broken", 1, apiclient.ErrServer, 0, 9, 2},
		{"many that are broken", 9, apiclient.ErrServer, 0, 1, 9 + againMost + 2}, // by 3 workers
		{"an answer about the document", 1, apiclient.ErrNotFound, 1, 9, 1},
		{"nothing can be had", 10, apiclient.ErrUnreachable, 1, 0, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var items []Item
			for i := range 10 {
				id := fmt.Sprint("d", i)
				r.set(id, day1, id)
				if i < tt.failed {
					r.api.fail[id], r.api.heals[id] = tt.err, tt.heals
				}
				items = append(items, itemOf("C/"+id+".pdf", r.docs[id]))
			}
			got := r.pullItems(t.Context(), items, Options{})
			if got.Copied != tt.copied || len(got.Failed) != 10-tt.copied || got.Left != 0 || got.Stopped != nil {
				t.Errorf("%d copied, %d failed, %d left, stopped %v", got.Copied, len(got.Failed), got.Left, got.Stopped)
			}
			for _, f := range got.Failed {
				if !errors.Is(f.Err, tt.err) {
					t.Errorf("%s: %v", f.Path, f.Err)
				}
			}
			calls := 0
			for i := range tt.failed {
				calls += r.api.count(fmt.Sprint("d", i))
			}
			if calls > tt.most {
				t.Errorf("%d calls for what failed, want at most %d", calls, tt.most)
			}
		})
	}
}
