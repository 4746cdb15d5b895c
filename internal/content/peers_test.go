package content

import (
	"fmt"
	"testing"
)

// Others are asked for in the place of a document: what was had before comes first, the
// document itself never, and no more are remembered than are of use.
func TestOthers(t *testing.T) {
	api := newFake(map[string]*fakeDoc{"d1": {body: random(1, 100)}})
	s := openStore(t, t.TempDir(), api, nil)
	if got := s.others(ref("d0")); len(got) != 0 {
		t.Fatalf("%v where nothing is known to be listed", got)
	}
	var refs []Ref
	for i := range 8 {
		refs = append(refs, ref(fmt.Sprint("d", i)))
	}
	s.Listed(nil)
	s.Listed(refs)
	wantBytes(t, s, refs[1], api.docs["d1"].body)
	got := s.others(ref("d0"))
	if len(got) != 7 || !got[0].Had || got[0].DocumentID != "d1" {
		t.Errorf("%+v", got)
	}
	for _, p := range got {
		if p.DocumentID == "d0" || p.Judge == nil {
			t.Errorf("%+v", p)
		}
	}
	for contract := range 200 {
		var of []Ref
		for i := range 200 {
			of = append(of, Ref{ContractID: fmt.Sprint("OCB", contract), DocumentID: fmt.Sprint(i), Name: "a.pdf"})
		}
		s.Listed(of)
	}
	if n := len(s.peers.all); n > peerContracts {
		t.Errorf("%d contracts", n)
	}
	for _, of := range s.peers.all {
		if len(of) > peersPerContract {
			t.Errorf("%d of one contract", len(of))
		}
	}
	if n := len(s.others(ref("d0"))); n > peersGiven+peersHad {
		t.Errorf("%d are given", n)
	}
}
