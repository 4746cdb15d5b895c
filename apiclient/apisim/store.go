package apisim

import (
	"cmp"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// generatedHeld is how many generated contracts are held at once.
const generatedHeld = 64

// contractState says what a contract id leads to.
type contractState int

const (
	contractOpen contractState = iota
	contractUnknown
	contractForbidden
)

// entry is a document as it stands now. Entries never change: a change
// replaces them, so a request goes on with what it found.
type entry struct {
	Document
	revision int // of the content; part of its ETag
}

// index is the documents of a contract, newest first. It never changes.
type index struct {
	docs []*entry
	byID map[string]*entry
}

func newIndex(docs []*entry) *index {
	slices.SortStableFunc(docs, func(a, b *entry) int {
		return cmp.Or(-cmp.Compare(a.Period, b.Period), -cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	byID := make(map[string]*entry, len(docs))
	for _, d := range docs {
		if _, twice := byID[d.ID]; !twice {
			byID[d.ID] = d
		}
	}
	return &index{docs, byID}
}

// store is the account as it stands now.
type store struct {
	mu             sync.RWMutex
	order          []string // contract ids
	contracts      map[string]Contract
	indexes        map[string]*index // of contracts with documents of their own, or changed
	generated      *lru.Cache[string, *index]
	forbidden      map[string]bool // contracts
	forbiddenTypes map[string]bool
}

// fill copies the account.
func (s *store) fill(a *Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contracts = make(map[string]Contract, len(a.Contracts))
	s.indexes = make(map[string]*index)
	s.forbidden = make(map[string]bool)
	s.forbiddenTypes = make(map[string]bool)
	s.generated, _ = lru.New[string, *index](generatedHeld) // fails only for sizes below 1
	for _, c := range a.Contracts {
		s.put(c)
	}
}

// put adds or replaces a contract. The lock is held.
func (s *store) put(c Contract) {
	if _, known := s.contracts[c.ID]; !known {
		s.order = append(s.order, c.ID)
	}
	if c.Documents != nil || c.Generate == nil {
		s.indexes[c.ID] = newIndex(entries(c.Documents))
	}
	c.Documents = nil
	s.contracts[c.ID] = c
}

func entries(docs []Document) []*entry {
	held := make([]entry, len(docs))
	out := make([]*entry, len(docs))
	for i, d := range docs {
		held[i] = entry{Document: d}
		out[i] = &held[i]
	}
	return out
}

// list gives the contracts in the account's order, without documents.
func (s *store) list() []Contract {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Contract, len(s.order))
	for i, id := range s.order {
		out[i] = s.contracts[id]
	}
	return out
}

func (s *store) contract(id string) (Contract, contractState) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.contracts[id]
	switch {
	case !ok:
		return c, contractUnknown
	case s.forbidden[id]:
		return c, contractForbidden
	}
	return c, contractOpen
}

// documents gives the index of a contract, nil if there is no such contract.
func (s *store) documents(contractID string) *index {
	s.mu.RLock()
	idx, ok := s.indexes[contractID]
	c, known := s.contracts[contractID]
	s.mu.RUnlock()
	if ok || !known {
		return idx
	}
	if idx, ok := s.generated.Get(contractID); ok {
		return idx
	}
	idx = newIndex(entries(c.Generate()))
	s.generated.Add(contractID, idx)
	return idx
}

// change replaces the documents of a contract by what edit makes of them.
func (s *store) change(contractID string, edit func([]*entry) ([]*entry, error)) error {
	idx := s.documents(contractID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.indexes[contractID]; ok {
		idx = now
	}
	if _, known := s.contracts[contractID]; !known || idx == nil {
		return errNoContract(contractID)
	}
	docs, err := edit(slices.Clone(idx.docs))
	if err != nil {
		return err
	}
	s.indexes[contractID] = newIndex(docs)
	return nil
}

func (s *store) forbidType(t string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbiddenTypes[t] = yes
}

func (s *store) typeForbidden(t string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.forbiddenTypes[t]
}
