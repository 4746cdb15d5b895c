package root

import (
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// What needs something that failed is skipped, also at second hand, and costs
// nothing; what does not goes on.
func TestDoctorSkips(t *testing.T) {
	r := newToolRig(t, onePartial())
	r.env.Vars["CCSFS_CA_FILE"] = "/does/not/exist"
	r.env.Vars["CCSFS_API_URL"] = "https://127.0.0.1:1"
	out, _ := r.run(exitcode.Unreachable, "doctor")
	for _, want := range []string{"failed   connection", "skipped  token        needs connection", "skipped  contracts    needs token", "skipped  listing      needs contracts", "ok       cache"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if c := r.sim.Calls(); c.Token+c.Contracts+c.Documents != 0 {
		t.Errorf("%+v", c)
	}
}
