//go:build linux

package fs

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"ccsfs/internal/billing"
)

// manyFiles is a mount of ten contracts with a hundred documents each, in two directories,
// of which the kernel may hold so many files.
func manyFiles(t *testing.T, most int64) *rig {
	st := newFakeStore()
	cat := newFakeCatalog()
	var ids []string
	for c := range 10 {
		contract := fmt.Sprint("K", c)
		ids = append(ids, contract)
		var docs []billing.Document
		for i := range 100 {
			d := doc(fmt.Sprintf("%s-%02d", contract, i), "")
			d.ContractID, d.Filename = contract, fmt.Sprintf("%d/%s.pdf", i%2, d.ID)
			docs = append(docs, d)
			st.put(d.ID, strings.Repeat(d.ID+"\n", 1000))
		}
		cat.set(contract, docs...)
	}
	cat.setContracts(ids...)
	return mountRig(t, cat, st, Config{mostNodes: most})
}

func (r *rig) held() int64 { return countFiles(r.server.tree.root.EmbeddedInode()) }

// The kernel forgets the contracts that were not used for longest, and is told everything
// again that it asks for.
func TestNodeLimit(t *testing.T) {
	r := manyFiles(t, 400)
	all := `cd "$0"; for c in K*; do cat $c/*/*.pdf; done | sha256sum`
	sum := r.must("sh", "-c", all, r.dir)
	eventually(t, "there are 500 files at most", func() bool { return r.held() <= 500 })
	if n := r.held(); n < 100 {
		t.Errorf("%d files are left: those of the last contract should be", n)
	}
	opens := r.store.count(r.store.opens)
	r.must("sh", "-c", `cd "$0"; cat K9/*/*.pdf | wc -l`, r.dir)
	for range 3 {
		if got := r.must("sh", "-c", all, r.dir); got != sum {
			t.Errorf("sum %s, want %s", got, sum)
		}
	}
	if n := r.store.count(r.store.opens); n < opens+3000 {
		t.Errorf("%d opens since, want one for each", n-opens)
	}
	eventually(t, "there are 500 files at most again", func() bool { return r.held() <= 500 })
}

// What is open is read to its end, and who sits in a directory stays there.
func TestNodeLimitLeavesWhatIsUsed(t *testing.T) {
	r := manyFiles(t, 40)
	cmd := exec.Command("sh", "-c", `cd "$0/K0/0"; exec 3< K0-00.pdf; head -c 7 <&3 >/dev/null; echo ready; read x; cat <&3 | tail -n 1; pwd; ls | wc -l; cat K0-02.pdf | tail -n 1`, r.dir)
	in, out := pipes(t, cmd)
	expect(t, out, "ready\n")
	for range 2 {
		r.must("sh", "-c", `cd "$0"; for c in K[1-9]; do cat $c/*/*.pdf; done >/dev/null`, r.dir)
	}
	eventually(t, "all but a few are forgotten", func() bool { return r.held() <= 60 })
	in.Close()
	expect(t, out, "K0-00\n"+r.path("K0", "0")+"\n50\nK0-02\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
