package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
)

// What is said of answers that are not the whole current truth.

// ShortfallKind says in which way an answer fell short of the truth.
type ShortfallKind int

// The kinds. All but Failed stay once they have happened: somebody was given
// that answer, whatever came later. Failed goes when the same thing was had
// after all, and Unlisted when a document came after all.
const (
	Stale    ShortfallKind = iota + 1 // an old answer was served as it could not be renewed
	Refused                           // types that the API refuses were left out
	Suspect                           // the API may not have listed all documents
	Missing                           // a contract of Config.Contracts is not among those of the account
	Failed                            // nothing was served, only an error
	Unlisted                          // types of Config.Types, or all, of which none of the listings served has a document
	Gone                              // what was listed before is not listed any more, and that is believed
)

func (k ShortfallKind) String() string {
	switch k {
	case Stale:
		return "stale"
	case Refused:
		return "refused"
	case Suspect:
		return "suspect"
	case Missing:
		return "missing"
	case Failed:
		return "failed"
	case Unlisted:
		return "unlisted"
	case Gone:
		return "gone"
	}
	return "unknown"
}

// Shortfall is something that was served, or left out, although it is not the
// whole current truth.
type Shortfall struct {
	Kind       ShortfallKind
	Op         string    // what was asked for: "contracts", "listing" or "detail"
	ContractID string    // "" for the list of contracts
	Types      []string  // of Refused and Unlisted, sorted; of the latter none: all
	Named      bool      // of Refused: the types were asked for by Config.Types
	Since      time.Time // of Stale: when the oldest that was served had been fetched; of Gone: since when
	Told       bool      // of Suspect: the API says so itself
	Old        bool      // of Suspect: what is not listed any more was served as before
	Err        error     // why; it Is what the API's error is
}

// Shortfalls returns in which ways what was handed out since the catalog was
// opened fell short: each subject and kind once, sorted by contract. A stale
// answer counts although a fresh one followed; that of a refresh which nobody
// was given does not count.
func (c *Catalog) Shortfalls() []Shortfall { return c.short.all() }

// shortfalls remembers what was handed out short. There are at most a few for
// each contract that the account ever had.
type shortfalls struct {
	named []string // types that were asked for by name
	scope *fresh.Scope

	mu      sync.Mutex
	list    map[subject]Shortfall
	met     map[string]bool // types of which a listing had documents
	refused map[string]bool // types of which one said that they are refused
	counted map[string]look // by contract, the listing that was last looked at for that
}

// look is which listing was looked at: by its time alone two would be one where clocks go in
// steps (of up to 16 ms on Windows).
type look struct {
	fetched int64
	tree    weak.Pointer[layout.Dir] // a listing that is forgotten is not kept by it
}

// What was asked for, as in Problem.Op and Shortfall.Op: the names of the sources.
const (
	opContracts = "contracts"
	opListing   = "listing"
	opDetail    = "detail"
)

// subject is what a shortfall is about; there is one of each at most.
type subject struct {
	kind     ShortfallKind
	op       string
	contract string
}

func (s *shortfalls) all() []Shortfall {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.list))
	if len(s.named) == 0 && len(s.counted) > 0 && len(s.met) == 0 {
		list = append(list, Shortfall{Kind: Unlisted, Op: opListing, Err: errUnlisted})
	} else if types := s.unlisted(); len(types) > 0 {
		list = append(list, Shortfall{Kind: Unlisted, Op: opListing, Types: types, Named: true, Err: errUnlisted})
	}
	slices.SortFunc(list, func(a, b Shortfall) int {
		return cmp.Or(cmp.Compare(a.ContractID, b.ContractID), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}

// errUnlisted is why types are doubted of which there is nothing: that is what the API
// answers for a type that the user may not see, too, and for one that it does not know.
var errUnlisted = errors.New("the API lists none")

// unlisted returns the types that were asked for by name and met nowhere. Those of
// the running month may well have none. s.mu is held.
func (s *shortfalls) unlisted() []string {
	if len(s.counted) == 0 {
		return nil // nothing was looked at
	}
	types := slices.DeleteFunc(slices.Clone(s.named), func(t string) bool { return billing.VolatileType(t) || s.met[t] || s.refused[t] })
	slices.Sort(types)
	return types
}

// meet takes note of the types in a listing, once for each that is fetched.
func (s *shortfalls) meet(l *Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	this := look{l.FetchedAt.UnixNano(), weak.Make(l.Tree)}
	if s.counted[l.ContractID] == this {
		return
	}
	if s.met == nil {
		s.met, s.refused, s.counted = make(map[string]bool), make(map[string]bool), make(map[string]look)
	}
	s.counted[l.ContractID] = this
	for i := range l.Documents {
		s.met[l.Documents[i].Type] = true
	}
	for _, t := range l.Refused {
		s.refused[t] = true
	}
}

// add notes a shortfall. Of several of one subject the last cause stays, the
// oldest time, and every type.
func (s *shortfalls) add(n Shortfall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil {
		s.list = make(map[subject]Shortfall)
	}
	at := subject{n.Kind, n.Op, n.ContractID}
	if was, ok := s.list[at]; ok {
		if was.Since.Before(n.Since) {
			n.Since = was.Since
		}
		if !slices.Equal(was.Types, n.Types) {
			n.Types = slices.Concat(was.Types, n.Types)
			slices.Sort(n.Types)
			n.Types = slices.Compact(n.Types)
		}
	}
	s.list[at] = n
}

// contracts notes how a list of contracts that is handed out falls short.
func (s *shortfalls) contracts(view *Contracts) {
	s.age(opContracts, "", view.FetchedAt, view.Stale)
	switch {
	case view.Suspect != "":
		s.add(Shortfall{Kind: Suspect, Op: opContracts, Told: view.Incomplete, Old: view.Old, Err: errors.New(view.Suspect)})
	case view.none() && view.Stale == nil:
		s.add(Shortfall{Kind: Suspect, Op: opContracts, Err: ErrNoContracts})
	}
	for _, id := range view.Missing {
		s.add(Shortfall{Kind: Missing, Op: opContracts, ContractID: id,
			Err: fmt.Errorf("contract %s: not among those of the account: %w", id, apiclient.ErrNotFound)})
	}
	for _, g := range view.Gone {
		if !slices.Contains(view.Missing, g.ID) { // which says as much
			s.add(Shortfall{Kind: Gone, Op: opContracts, ContractID: g.ID, Since: g.Since, Err: errors.New(g.String())})
		}
	}
}

// ErrNoContracts is why a list without contracts is doubted: whoever asks for
// documents has some, and an empty list is what a wrong account gets, too.
var ErrNoContracts = errors.New("the API lists no contracts for this account")

// listing notes how a listing that is handed out falls short.
func (s *shortfalls) listing(l *Listing) {
	s.age(opListing, l.ContractID, l.FetchedAt, l.Stale)
	s.meet(l)
	if len(l.Refused) > 0 {
		s.add(Shortfall{Kind: Refused, Op: opListing, ContractID: l.ContractID, Types: l.Refused, Named: len(s.named) > 0,
			Err: fmt.Errorf("documents of contract %s, type %s: left out: %w", l.ContractID, strings.Join(l.Refused, ", "), apiclient.ErrForbidden)})
	}
	if l.Suspect != "" {
		s.add(Shortfall{Kind: Suspect, Op: opListing, ContractID: l.ContractID, Told: l.Incomplete, Old: l.Old, Err: errors.New(l.Suspect)})
	}
	if len(l.Gone) > 0 {
		s.add(Shortfall{Kind: Gone, Op: opListing, ContractID: l.ContractID, Since: l.Gone[0].Since, Err: errors.New(l.ContractID + ": " + l.goneText())})
	}
}

// age notes that something is handed out, and why it is stale if it is.
func (s *shortfalls) age(op, contractID string, fetched time.Time, stale error) {
	if stale != nil {
		s.add(Shortfall{Kind: Stale, Op: op, ContractID: contractID, Since: fetched, Err: stale})
		s.scope.LogStale(op, contractID, fetched, stale)
	}
	s.had(op, contractID)
}

// failed notes that nothing could be handed out, unless nobody waited for it,
// and returns err.
func (s *shortfalls) failed(op, contractID string, err error) error {
	if !errors.Is(err, context.Canceled) {
		s.add(Shortfall{Kind: Failed, Op: op, ContractID: contractID, Err: err})
	}
	return err
}

// had forgets a failure: the thing was handed out after all.
func (s *shortfalls) had(op, contractID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, subject{Failed, op, contractID})
}
