package root

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/observed"
)

// pick is one of some values; the first is that of an API of which nothing is said.
func pick[T any](r *rand.Rand, values ...T) T {
	if r.IntN(2) == 0 {
		return values[0]
	}
	return values[r.IntN(len(values))]
}

// anyQuirks are quirks by chance, which may come together in one API.
func anyQuirks(r *rand.Rand) apisim.Quirks {
	yes := func() bool { return r.IntN(3) == 0 }
	q := apisim.Quirks{
		Head: yes(), Range: yes(), ETag: yes(), LastModified: yes(), Gzip: yes(), Disposition: yes(), ContentTypes: yes(),
		DocumentType: yes(), Dates: yes(), Amounts: yes(), NumericIDs: yes(), Shuffle: yes(), NullWhenEmpty: yes(),
		EmptyNull: yes(), EmptyOnly: yes(), Offset: yes(), Unlimited: r.IntN(6) == 0, ExpiresString: yes(), NoRequestID: yes(),
		Wrap: pick(r, "", "documents", "data"), WrapContracts: pick(r, "", "contracts", "data"),
		DateLayout: pick(r, "", "unix", "2006-01-02", "2006-01-02 15:04:05"), PeriodLayout: pick(r, "", "2006-01", "20060102"),
		LimitCap: pick(r, 0, 5, 25), LimitTold: pick(r, "", "next", "total", "link", "count", "206"), LimitMax: pick(r, 0, 100, 500),
		RefusedTypes: pick(r, nil, []string{"invoices"}, []string{"bills", "reports"}), EmptyTypes: pick(r, nil, []string{"partialBills"}, []string{"reports", "invoices"}),
		ErrorShape: pick(r, "", "nested", "text", "none"), Extra: pick(r, nil, []string{"size"}, []string{"links", "status"}), ExtraContract: pick(r, nil, []string{"status"}),
		WithoutInDetail: pick(r, nil, []string{"contact"}), WithoutInList: pick(r, nil, []string{"createdAt"}),
		RateHeaders: pick(r, nil, []string{"X-Ratelimit-Limit"}), TokenLifetime: pick(r, 0, 20*time.Minute),
	}
	q.WeakETag, q.AmountText, q.HeadBare = q.ETag && yes(), q.Amounts && yes(), q.Head && yes()
	q.Unaware = yes()
	switch r.IntN(5) {
	case 0:
		q.Zipped = true
	case 1:
		q.ZippedUnseen = true
	case 2:
		q.GzipForced = true
	case 3:
		q.Chunked = true
	}
	q.BareNull = q.NullWhenEmpty && yes()
	return q
}

// Whatever comes together in an API, another that is like it looks the same, or what
// cannot be simulated is said.
func TestLikeAnyOther(t *testing.T) {
	if testing.Short() {
		t.Skip("many of the same")
	}
	seed := uint64(time.Now().UnixNano())
	for n := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, n))
		r := newToolRig(t, nil)
		r.sim.Quirks = anyQuirks(rng)
		quirks := r.sim.Quirks
		if rng.IntN(4) == 0 {
			origin := httptest.NewServer(r.sim.Origin())
			t.Cleanup(origin.Close)
			t.Cleanup(origin.CloseClientConnections)
			r.sim.Quirks.Redirect = origin.URL
		}
		before := examined(t, r, "one.zip")
		said := simulating(t, r, "one.zip")
		after := examined(t, r, "two.zip")
		for _, table := range []*observed.Table{before, after} { // how many there are depends on what is not seen
			for i, o := range table.Observations {
				table.Observations[i].Yes, table.Observations[i].No = min(o.Yes, 1), min(o.No, 1)
				for v := range o.Values {
					o.Values[v] = 1
				}
			}
		}
		for i, o := range before.Observations { // what was not seen may be any
			if o.Answer == observed.NotSeen {
				after.Observations[i] = o
			}
			if o.Name == "list.newest" { // short lists may be in order by chance
				before.Observations[i].Yes = after.Observations[i].Yes
			}
		}
		if d := cmp.Diff(before, after); d != "" && !strings.Contains(said, "cannot be simulated") {
			t.Errorf("seed %d, %d: %+v\n%s", seed, n, quirks, d)
		}
	}
}
