package content

import (
	"math/rand/v2"
	"slices"
	"sync"

	"ccsfs/apiclient"
)

const (
	// peersPerContract is of how many documents of a contract it is remembered that
	// they are listed, and peerContracts of how many contracts: any of them.
	peersPerContract = 16
	peerContracts    = 64
	// peersGiven is how many of them the client is told at once.
	peersGiven = 12
	// peersHad is how many of those were had before.
	peersHad = 2
)

// peers are documents that are listed: others than the one that cannot be had tell
// whether it is broken by itself.
type peers struct {
	mu  sync.Mutex
	all map[string][]Ref // by contract
}

// Listed tells of documents of a contract that may be asked for, where one of them, or
// of another contract, cannot be had, to find out whether others can.
func (s *Store) Listed(refs []Ref) {
	p := &s.peers
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, i := range rand.Perm(len(refs)) {
		r := refs[i]
		of, known := p.all[r.ContractID]
		switch {
		case n == peersPerContract && sameContract(refs):
			return
		case !known && len(p.all) == peerContracts:
			continue
		case p.all == nil:
			p.all = make(map[string][]Ref)
		}
		if i := slices.IndexFunc(of, func(o Ref) bool { return o.DocumentID == r.DocumentID }); i >= 0 {
			of[i] = r
			continue
		}
		if len(of) < peersPerContract {
			p.all[r.ContractID] = append(of, r)
			continue
		}
		of[rand.IntN(len(of))] = r
	}
}

// some are documents of n, as many at random as are remembered of a contract.
func some(n int, ref func(i int) Ref) []Ref {
	refs := make([]Ref, min(n, peersPerContract))
	for k, i := range rand.Perm(n)[:len(refs)] {
		refs[k] = ref(i)
	}
	return refs
}

func sameContract(refs []Ref) bool {
	return refs[0].ContractID == refs[len(refs)-1].ContractID
}

// others gives documents to ask for in the place of one: some that were had before,
// and then any, those of its contract and others by turns.
func (s *Store) others(of Ref) []apiclient.Peer {
	s.peers.mu.Lock()
	var near, far []Ref
	for contract, refs := range s.peers.all {
		if contract == of.ContractID {
			near = slices.Clone(refs)
		} else {
			far = append(far, refs...)
		}
	}
	s.peers.mu.Unlock()
	shuffle := func(refs []Ref) { rand.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] }) }
	shuffle(near)
	shuffle(far)
	var had, any []apiclient.Peer
	for i := range max(len(near), len(far)) {
		for _, refs := range [][]Ref{near, far} {
			if i >= len(refs) || refs[i].key() == of.key() || len(had) == peersHad && len(any) == peersGiven {
				continue
			}
			p := apiclient.Peer{ContractID: refs[i].ContractID, DocumentID: refs[i].DocumentID, Judge: judge(refs[i].Name, false)}
			rec := s.record(refs[i])
			if p.Had = rec != nil && rec.SHA256 != "" && rec.Size > 0; p.Had && len(had) < peersHad {
				had = append(had, p)
			} else if !p.Had && len(any) < peersGiven {
				any = append(any, p)
			}
		}
	}
	return append(had, any...)
}
