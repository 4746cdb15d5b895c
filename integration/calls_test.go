//go:build linux

package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
)

const (
	maxListings = 7 // a contract: each of the six types, and none
	maxDetails  = 1 // a contract
)

// TestListingTheRootCostsTwoCalls: one token and one list of contracts, however
// the root is looked at.
func TestListingTheRootCostsTwoCalls(t *testing.T) {
	begin(t)
	account := sample()
	for _, script := range []string{`ls "$MNT"`, `ls -la "$MNT"`, `ls --color=always -F "$MNT"`, `find "$MNT" -maxdepth 1`, `ls "$MNT"; ls -l "$MNT"; df "$MNT"`} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account})
			r.sh(script)
			c := r.sim.Calls()
			if c.Token != 1 || c.Contracts != 1 || c.Contract+c.Documents+c.File+c.Head+c.Other != 0 {
				t.Errorf("calls: %+v", c)
			}
		})
	}
}

// TestMountAloneCostsNoCall: neither mounting nor what asks for no content. (df
// opens the mountpoint if that is its argument, and so lists it.)
func TestMountAloneCostsNoCall(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	r.sh(`stat "$MNT"; stat -f "$MNT"; test -d "$MNT"; findmnt "$MNT"`)
	if diff := cmp.Diff(apisim.Calls{}, r.sim.Calls(), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Files" || p.Last().String() == ".Listings"
	}, cmp.Ignore())); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestNamesCostNoDocument: what needs names only fetches nothing.
func TestNamesCostNoDocument(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	r.sh(`ls "$MNT"/*; find "$MNT" -name '*.pdf'; find "$MNT" -type f | wc -l; cd "$MNT"/OCB0001234; echo *`)
	if c := r.sim.Calls(); c.File != 0 || c.Contract != 0 || c.Head != 0 {
		t.Errorf("%d calls of /file, %d of /contract, %d of HEAD", c.File, c.Contract, c.Head)
	}
	listingsWithin(t, r, maxListings)
}

// listingsWithin fails if a contract was listed by more calls, or described by
// more than one.
func listingsWithin(t *testing.T, r *rig, most int) {
	t.Helper()
	c := r.sim.Calls()
	contracts := r.sim.Snapshot().Contracts
	for _, contract := range contracts {
		n := 0
		for _, calls := range c.Listings[contract.ID] {
			n += calls
		}
		if n > most {
			t.Errorf("%s: %d calls of /documents, want at most %d", contract.ID, n, most)
		}
	}
	if c.Token > 1 || c.Contracts > 1 || c.Contract > len(contracts)*maxDetails {
		t.Errorf("%d tokens, %d lists of contracts, %d details", c.Token, c.Contracts, c.Contract)
	}
}

// TestOneCallADocumentEver: whatever comes first, each document is fetched by
// one call, each contract listed by at most seven and described by one; a second
// tool, and a new mount with the same cache, fetch nothing.
func TestOneCallADocumentEver(t *testing.T) {
	begin(t)
	account := sample()
	files := expected(t, &apisim.Server{Account: account}, nil)
	env := answers(t, files)
	copyAll := tool{name: "cp -r", script: `cp -r "$MNT" "$OUT/x"`}
	for _, first := range []tool{
		{name: "ls -lR", script: `ls -lR "$MNT"`},
		{name: "ls -laR", script: `ls -laR "$MNT"`},
		{name: "find -ls", script: `find "$MNT" -ls`},
		{name: "du", script: `du -a "$MNT"`},
		{name: "tar", script: `tar -C "$MNT" -cf "$OUT/a.tar" .`},
		{name: "rsync", script: `rsync -a "$MNT/" "$OUT/x/"`},
		{name: "grep -r", script: `grep -raq nothingLikeThis "$MNT" || [ $? = 1 ]`},
		{name: "grep -r by four at once", script: `find "$MNT" -type f ! -name '.*' -print0 | xargs -0 -n 2 -P 4 grep -ac EUR || true`},
		{name: "cat backwards", script: `cd "$MNT"; ls -r */* | while read -r f; do cat "$f" > "$OUT/f"; done`},
		copyAll,
	} {
		t.Run(first.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{account: account})
			r.sh(first.script, env...)
			onceEach(t, r.sim, files)
			r.use(copyAll, files, env)
			onceEach(t, r.sim, files)
			listingsWithin(t, r, maxListings)

			r.sim.ResetCalls()
			r.remount()
			r.use(copyAll, files, env)
			r.sh(`ls -lR "$MNT"; grep -ra EUR "$MNT" | wc -l`)
			if c := r.sim.Calls(); c.Token+c.Contracts+c.Contract+c.Documents+c.File+c.Head != 0 {
				t.Errorf("calls after a remount while all is fresh: %+v", c)
			}
			r.clock.advance(25 * time.Minute) // past twice the TTL of listings, not the hour of partial documents
			r.use(copyAll, files, env)
			if c := r.sim.Calls(); c.File != 0 || c.Documents == 0 {
				t.Errorf("after the time to live: %d calls of /file, %d of /documents", c.File, c.Documents)
			}
			listingsWithin(t, r, maxListings)
		})
	}
}

// TestSecondReadCostsNothing: the page cache serves it, across opens.
func TestSecondReadCostsNothing(t *testing.T) {
	begin(t)
	r := newRig(t, options{})
	r.sh(`cat "$MNT"/*/* > /dev/null`)
	before := r.content.Stats()
	r.sim.ResetCalls()
	r.sh(`for i in 1 2 3; do cat "$MNT"/*/* > /dev/null; done`)
	if c := r.sim.Calls(); c.File+c.Documents+c.Contract+c.Contracts+c.Token != 0 {
		t.Errorf("calls: %+v", c)
	}
	if now := r.content.Stats(); now.Requests != before.Requests || now.Bytes != before.Bytes {
		t.Errorf("requests %d, then %d", before.Requests, now.Requests)
	}
}
