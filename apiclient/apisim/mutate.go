package apisim

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// errNothing is behind the errors of changes to what is not there.
var errNothing = errors.New("not in the account")

func errNoContract(id string) error {
	return fmt.Errorf("apisim: contract %q: %w", id, errNothing)
}

func errNoDocument(id string) error {
	return fmt.Errorf("apisim: document %q: %w", id, errNothing)
}

// AddDocument adds a document to a contract.
func (s *Server) AddDocument(contractID string, d Document) error {
	s.once.Do(s.start)
	return s.store.change(contractID, func(docs []*entry) ([]*entry, error) {
		return append(docs, &entry{Document: d}), nil
	})
}

// RemoveDocument takes a document out of a contract.
func (s *Server) RemoveDocument(contractID, id string) error {
	return s.edit(contractID, id, func(docs []*entry, i int) []*entry {
		return slices.Delete(docs, i, i+1)
	})
}

// ReplaceDocument puts d in the place of the document of the same id: with
// another Content it is changed, with another UpdatedAt listings say so.
func (s *Server) ReplaceDocument(contractID string, d Document) error {
	return s.edit(contractID, d.ID, func(docs []*entry, i int) []*entry {
		docs[i] = &entry{Document: d, revision: docs[i].revision + 1}
		return docs
	})
}

// Bump gives a document its next version. Listings show updatedAt for it;
// with "" they show what they did, so only the bytes tell.
func (s *Server) Bump(contractID, id, updatedAt string) error {
	return s.edit(contractID, id, func(docs []*entry, i int) []*entry {
		docs[i] = docs[i].bumped(updatedAt)
		return docs
	})
}

// BumpPartials bumps every document of a partial* type, of all contracts.
func (s *Server) BumpPartials(updatedAt string) error {
	s.once.Do(s.start)
	for _, c := range s.store.list() {
		idx := s.store.documents(c.ID)
		if idx == nil { // removed a moment ago
			continue
		}
		for _, d := range idx.docs {
			if d.Type != typePartialBills && d.Type != typePartialRated {
				continue
			}
			if err := s.Bump(c.ID, d.ID, updatedAt); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *entry) bumped(updatedAt string) *entry {
	next := *e
	next.Version++
	next.revision++
	if updatedAt != "" {
		next.UpdatedAt = updatedAt
	}
	return &next
}

// edit changes the place of one document.
func (s *Server) edit(contractID, id string, f func(docs []*entry, i int) []*entry) error {
	s.once.Do(s.start)
	return s.store.change(contractID, func(docs []*entry) ([]*entry, error) {
		i := slices.IndexFunc(docs, func(e *entry) bool { return e.ID == id })
		if i < 0 {
			return nil, errNoDocument(id)
		}
		return f(docs, i), nil
	})
}

// AddContract adds a contract, or replaces the one of the same id.
func (s *Server) AddContract(c Contract) {
	s.once.Do(s.start)
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	delete(s.store.indexes, c.ID)
	s.store.generated.Remove(c.ID)
	s.store.put(c)
}

// RemoveContract takes a contract out of the account.
func (s *Server) RemoveContract(id string) error {
	s.once.Do(s.start)
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	i := slices.Index(s.store.order, id)
	if i < 0 {
		return errNoContract(id)
	}
	s.store.order = slices.Delete(s.store.order, i, i+1)
	delete(s.store.contracts, id)
	delete(s.store.indexes, id)
	s.store.generated.Remove(id)
	return nil
}

// ForbidContract answers 403/50 to all calls about a contract, or lets them
// through again. The contract stays in the list of contracts.
func (s *Server) ForbidContract(id string, yes bool) {
	s.once.Do(s.start)
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.forbidden[id] = yes
}

// ForbidType answers 403/50 to listings and files of a document type, or
// lets them through again.
func (s *Server) ForbidType(documentType string, yes bool) {
	s.once.Do(s.start)
	s.store.forbidType(documentType, yes)
}

// Snapshot is the account as it stands now, documents of every contract
// included, generated ones too.
func (s *Server) Snapshot() Account {
	s.once.Do(s.start)
	var a Account
	for _, c := range s.store.list() {
		if idx := s.store.documents(c.ID); idx != nil {
			for _, d := range idx.docs {
				c.Documents = append(c.Documents, d.Document)
			}
		}
		a.Contracts = append(a.Contracts, c)
	}
	return a
}

// Bytes gives the whole content of a document as it stands now, to compare
// with what a client got. It counts as no call.
func (s *Server) Bytes(contractID, id string) ([]byte, error) {
	s.once.Do(s.start)
	idx := s.store.documents(contractID)
	if idx == nil {
		return nil, errNoContract(contractID)
	}
	d, ok := idx.byID[id]
	if !ok {
		return nil, errNoDocument(id)
	}
	body, _, err := d.open()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}
