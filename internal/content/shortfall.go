package content

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
)

// Shortfall is a document that was asked for and not had as it is now.
type Shortfall struct {
	ContractID, DocumentID string
	Name                   string
	Stale                  bool  // an old copy was served; else only an error
	Err                    error // why
}

// Shortfalls returns what was handed out since the store was opened that is not
// the whole current truth, sorted. A failure counts until somebody reads the
// document to its end, for whoever met it may have left the document out; an old
// copy counts for good.
func (s *Store) Shortfalls() []Shortfall { return s.short.all() }

type shortfalls struct {
	mu   sync.Mutex
	list map[key]Shortfall
}

func (s *shortfalls) all() []Shortfall {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Shortfall, 0, len(s.list))
	for _, one := range s.list {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Shortfall) int {
		return cmp.Or(cmp.Compare(a.ContractID, b.ContractID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DocumentID, b.DocumentID))
	})
	return list
}

// handOut notes how something ended that was asked of a document, and returns err.
func (s *shortfalls) handOut(r Ref, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch was, ok := s.list[r.key()]; {
	case errors.Is(err, io.EOF):
		if ok && !was.Stale {
			delete(s.list, r.key())
		}
	case !ok || !was.Stale:
		s.put(r, false, err)
	}
	return err
}

// stale notes that an old copy is served.
func (s *shortfalls) stale(r Ref, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(r, true, err)
}

// put remembers a shortfall. s.mu is held.
func (s *shortfalls) put(r Ref, stale bool, err error) {
	if s.list == nil {
		s.list = make(map[key]Shortfall)
	}
	s.list[r.key()] = Shortfall{r.ContractID, r.DocumentID, r.Name, stale, err}
}
