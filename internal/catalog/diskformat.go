package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
)

// The files of a catalog, and what is in them. How they are written, sealed and read is up
// to package fresh. What is on disk has its own types, so that neither the API's nor the
// catalog's can change it by accident. Change magic with them.

const (
	contractsFile = "contracts.json"
	listingsDir   = "listings"
	detailsDir    = "details"

	// magic begins each file. The number is the version of the schema.
	magic = "ccsfs-catalog 1 "
)

// disk is what is saved.
type disk struct{ *fresh.Store }

type savedContracts struct {
	FetchedAt time.Time       `json:"fetched_at"`
	Emptied   *time.Time      `json:"emptied,omitempty"` // none are listed since, but these were
	Part      string          `json:"part,omitempty"`    // why these are not all, as the API says itself or a gateway fears
	Contracts []savedContract `json:"contracts"`
	Gone      []savedGone     `json:"gone,omitempty"`
}

// savedGone is a contract that is not listed any more.
type savedGone struct {
	savedContract
	Since time.Time `json:"since"`
}

type savedContract struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	CreatedAt string `json:"created_at,omitempty"`
	Offer     string `json:"offer,omitempty"`
}

type savedListing struct {
	Contract  string         `json:"contract"`
	Types     []string       `json:"types"` // asked for; null: all there are
	FetchedAt time.Time      `json:"fetched_at"`
	Refused   []string       `json:"refused,omitempty"`
	Suspect   string         `json:"suspect,omitempty"`
	Part      bool           `json:"part,omitempty"` // the API says itself that it is one
	Old       bool           `json:"old,omitempty"`  // of a type nothing is listed, and what was is shown
	Capped    map[string]int `json:"capped,omitempty"`

	Emptied   map[string]time.Time `json:"emptied,omitempty"`
	Had       map[string]int       `json:"had,omitempty"` // documents there were, by types that are refused
	Gone      []savedGoneType      `json:"gone,omitempty"`
	Documents []savedDocument      `json:"documents"`
}

// savedBefore is what stays of a listing while it is refused.
type savedBefore struct {
	Had  map[string]int  `json:"had,omitempty"` // documents there were, by their final types
	Gone []savedGoneType `json:"gone,omitempty"`
}

// savedGoneType is a type of which nothing is listed any more.
type savedGoneType struct {
	Type      string    `json:"type"`
	Documents int       `json:"documents"`
	Since     time.Time `json:"since"`
}

type savedDocument struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Filename  string `json:"filename,omitempty"`
	Period    string `json:"period,omitempty"`
	CreatedAt string `json:"created_at,omitempty"`
	UpdatedAt string `json:"updated_at,omitempty"`
	Amount    string `json:"amount,omitempty"`
	Currency  string `json:"currency,omitempty"`
}

type savedDetail struct {
	Contract  string    `json:"contract"`
	FetchedAt time.Time `json:"fetched_at"`
	Detail    string    `json:"detail"` // as a text: inside JSON it would be reformatted
}

// listingFile is where a listing is saved. A listing of some types only is
// not one of all, so that these have files of their own, beside it.
func listingFile(contractID string, types []string) string {
	name := digest(contractID + "\x00")[:32]
	if types != nil {
		name += "-" + digest(strings.Join(types, "\x00"))[:16]
	}
	return filepath.Join(listingsDir, name+".json")
}

// digest returns the sha256 of s in hex, of which names of files begin.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// filesOf tells how the names of all files of a contract begin.
func filesOf(contractID string) []string {
	return []string{detailFile(contractID), strings.TrimSuffix(listingFile(contractID, nil), ".json")}
}

func detailFile(contractID string) string {
	return filepath.Join(detailsDir, digest(contractID)[:32]+".json")
}

// savedFormOfContracts is how a list of contracts is saved.
func savedFormOfContracts(a *contractSet) savedContracts {
	out := savedContracts{FetchedAt: a.view.FetchedAt, Contracts: make([]savedContract, 0, len(a.all)), Gone: savedGones(a.gone)}
	if !a.emptied.IsZero() {
		out.Emptied = &a.emptied
	}
	if a.view.Incomplete || a.view.Suspect == isFeared {
		out.Part = a.view.Suspect
	}
	for _, c := range a.all {
		out.Contracts = append(out.Contracts, savedContract(c))
	}
	return out
}

func (s *disk) contracts(cfg *Config) (a *contractSet, r *fresh.Refusal) {
	r = s.Read(contractsFile, func(payload []byte) (at time.Time, err error) {
		a, at, err = parseContracts(payload, cfg)
		return at, err
	})
	return a, r
}

func parseContracts(payload []byte, cfg *Config) (*contractSet, time.Time, error) {
	var in savedContracts
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, time.Time{}, err
	}
	if in.FetchedAt.IsZero() {
		return nil, time.Time{}, errors.New("no time")
	}
	list := make([]apiclient.Contract, 0, len(in.Contracts))
	for _, c := range in.Contracts {
		list = append(list, apiclient.Contract(c))
	}
	a, err := newContractSet(list, in.FetchedAt, cfg)
	if err != nil {
		return nil, in.FetchedAt, err
	}
	if in.Emptied != nil {
		a.doubt(*in.Emptied)
	}
	if in.Part != "" {
		a.part(in.Part)
	}
	a.setGone(cfg.parseGones(in.Gone), cfg)
	return a, in.FetchedAt, nil
}

// savedFormOfListing is how a listing of types is saved; nil: of all.
func savedFormOfListing(l *Listing, types []string) savedListing {
	out := savedListing{
		Contract: l.ContractID, Types: types, FetchedAt: l.FetchedAt, Refused: l.Refused,
		Suspect: l.Suspect, Part: l.Incomplete, Old: l.Old, Capped: l.capped, Emptied: l.emptied, Had: l.had,
		Gone: savedGoneTypes(l.Gone), Documents: make([]savedDocument, 0, len(l.Documents)),
	}
	for i := range l.Documents {
		d := &l.Documents[i]
		out.Documents = append(out.Documents, savedDocument{
			ID: d.ID, Type: d.Type, Filename: d.Filename, Period: d.Period, CreatedAt: d.CreatedAt,
			UpdatedAt: d.UpdatedAt, Amount: d.Amount, Currency: d.Currency,
		})
	}
	return out
}

func (s *disk) listing(contractID string, types []string, shape *layout.Layout) (l *Listing, r *fresh.Refusal) {
	r = s.Read(listingFile(contractID, types), func(payload []byte) (time.Time, error) {
		parsed, err := parseListing(payload, contractID, types, shape)
		if err != nil {
			return time.Time{}, err
		}
		l = parsed
		return l.FetchedAt, nil
	})
	return l, r
}

func parseListing(payload []byte, contractID string, types []string, shape *layout.Layout) (*Listing, error) {
	var in savedListing
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Contract != contractID:
		return nil, fmt.Errorf("of another contract, %q", in.Contract)
	case !slices.Equal(in.Types, types):
		return nil, errors.New("of other types")
	case in.FetchedAt.IsZero():
		return nil, errors.New("no time")
	}
	docs := make([]billing.Document, 0, len(in.Documents))
	last := ""
	for _, d := range in.Documents {
		if d.ID <= last || d.Type == "" { // sorted, thus distinct; "" is no id
			return nil, errors.New("documents out of order or incomplete")
		}
		last = d.ID
		docs = append(docs, billing.Document{
			ID: d.ID, Type: d.Type, Filename: d.Filename, Period: d.Period, CreatedAt: d.CreatedAt,
			UpdatedAt: d.UpdatedAt, Amount: d.Amount, Currency: d.Currency,
		})
	}
	l := newListing(contractID, in.FetchedAt, docs, shape, nil)
	l.Refused, l.Suspect, l.Incomplete, l.Old, l.capped, l.emptied, l.had = in.Refused, in.Suspect, in.Part, in.Old, in.Capped, in.Emptied, in.Had
	l.setGone(parseGoneTypes(in.Gone))
	return l, nil
}

// savedFormOfDetail is how the description of a contract is saved.
func savedFormOfDetail(contractID string, d *Detail) any {
	return savedDetail{Contract: contractID, FetchedAt: d.FetchedAt, Detail: string(d.JSON)}
}

func (s *disk) detail(contractID string) (d *Detail, r *fresh.Refusal) {
	r = s.Read(detailFile(contractID), func(payload []byte) (time.Time, error) {
		parsed, err := parseDetail(payload, contractID)
		if err != nil {
			return time.Time{}, err
		}
		d = parsed
		return d.FetchedAt, nil
	})
	return d, r
}

func parseDetail(payload []byte, contractID string) (*Detail, error) {
	var in savedDetail
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	if in.Contract != contractID || in.FetchedAt.IsZero() {
		return nil, fmt.Errorf("of another contract, %q, or without a time", in.Contract)
	}
	text, err := indented([]byte(in.Detail))
	if err != nil {
		return nil, err
	}
	return &Detail{JSON: text, FetchedAt: in.FetchedAt}, nil
}
