package mirror

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens in between, after a pull each file is its document, or is what
// somebody made of it, untouched and reported. Nothing else ever.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		versions := 0
		mine := map[string]string{} // what somebody wrote, by document
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"version", "edit", "remove", "date", "pull", "pull", "verify", "force"}), 1, 12).Draw(rt, "steps")
		r.set("a", day1, "version 0")
		r.set("b", day1, "version 0")
		for i, step := range steps {
			id := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "document")
			switch step {
			case "version":
				versions++
				at := time.Date(2026, 11, 2, versions, 0, 0, 0, time.UTC)
				r.set(id, at.Format(time.RFC3339), fmt.Sprintf("version %d", versions))
			case "edit":
				mine[id] = fmt.Sprintf("mine, of step %d, longer than any version", i)
				r.edit(id, mine[id])
			case "remove":
				delete(mine, id)
				_ = os.Remove(r.path(id))
			case "date":
				at := time.Date(2021, 1, 1, 0, 0, i*10, 0, time.UTC)
				_ = os.Chtimes(r.path(id), at, at)
			default:
				before := map[string]string{"a": r.local("a"), "b": r.local("b")}
				got := r.pull(t.Context(), Options{Verify: step == "verify", Force: step == "force"})
				failed := map[string]error{}
				for _, f := range got.Failed {
					failed[f.Path] = f.Err
				}
				for _, id := range []string{"a", "b"} {
					want := strings.TrimSuffix(string(r.api.docs[id])[len(pdfBegin):], pdfEnd)
					err := failed["C/"+id+".pdf"]
					switch now := r.local(id); {
					case now == want && err == nil && (mine[id] == "" || step == "force"):
						delete(mine, id)
					case step != "force" && now == before[id] && errors.Is(err, ErrDiffers):
					default:
						rt.Fatalf("step %d (%s): %s was %q, is %q, should be %q; mine %q, error %v", i, step, id, before[id], now, want, mine[id], err)
					}
				}
			}
		}
	})
}
