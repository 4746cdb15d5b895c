// Package seen is what somebody who looks at an account has seen of it, and what came,
// changed or went since. It is kept for each looker, account and user, in the state
// directory: a cache may be thrown away, and with it nothing of this must be lost.
package seen

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

// Seen is what a looker has seen of an account, and where it is kept.
type Seen struct {
	path  string
	first bool // nobody has looked before

	Format    int                         `json:"format"`
	Looked    time.Time                   `json:"looked"`          // the last time
	Contracts map[string]map[string]sight `json:"contracts"`       // by contract and document
	Batch     int64                       `json:"batch,omitempty"` // the last one that was queued for hooks; see Record
}

// sight is what is remembered of a document.
type sight struct {
	Version string `json:"version"` // what tells its versions apart
	Type    string `json:"type"`
	Path    string `json:"path"` // as it was shown
}

const format = 1

// read reads what was seen; a file that is not there is a first look. One that cannot
// be read is an error: everything would be new, or nothing.
func read(path string) (*Seen, error) {
	s := &Seen{path: path, first: true, Contracts: map[string]map[string]sight{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s.Contracts = nil
		err = json.Unmarshal(b, s)
	}
	if err == nil && (s.Format != format || s.Contracts == nil) {
		err = fmt.Errorf("it is of another version of ccsfs (format %d)", s.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("what was seen is kept in %s, which cannot be read: %w; without that file, the next look is the first", path, err)
	}
	s.first = false
	return s, nil
}

// First reports whether nobody has looked before.
func (s *Seen) First() bool { return s.first }

// Record keeps what was seen, whole or not at all, also if the machine fails. now is when
// it was looked. Whoever queues what there is to tell sets Batch before: what is in a batch
// counts as queued once this has returned.
func (s *Seen) Record(now time.Time) error {
	s.Looked, s.Format = now.UTC(), format
	b, err := json.Marshal(s)
	if err == nil {
		err = durable.WriteFile(s.path, b)
	}
	if err != nil {
		return fmt.Errorf("what was seen cannot be kept, so that all of it comes again: %w", err)
	}
	return nil
}

// look compares the listing of a contract with what was seen of it, and sees it, as far as
// it is chosen: the rest stays as it was seen, or not seen at all. What is not there is
// gone only if the listing is sure to have all of its type.
func (s *Seen) look(l *catalog.Listing, types []string, chosen choice.Choice, documents func(func(path string, d *billing.Document))) (news []change.Change) {
	was := s.Contracts[l.ContractID]
	is := make(map[string]sight, len(l.Documents))
	sieve := chosen.Sieve()
	documents(func(path string, d *billing.Document) {
		if !sieve.Holds(path, d) {
			if before, known := was[d.ID]; known {
				is[d.ID] = before
			}
			return
		}
		now := sight{Version: version(d), Type: d.Type, Path: path}
		is[d.ID] = now
		switch before, known := was[d.ID]; {
		case !known:
			news = append(news, change.Of(change.New, path, d))
		case before.Version != now.Version:
			news = append(news, change.Of(change.Changed, path, d))
		}
	})
	for id, before := range was {
		if _, there := is[id]; there {
			continue
		}
		if !whole(l, types, before.Type) || !chosen.Named(before.Path) {
			is[id] = before
			continue
		}
		news = append(news, change.Change{Kind: change.Gone, Path: before.Path, Contract: l.ContractID, ID: id, Type: before.Type})
	}
	s.Contracts[l.ContractID] = is
	slices.SortFunc(news, func(a, b change.Change) int { return strings.Compare(a.Path, b.Path) })
	return news
}

// whole reports whether a listing has all documents of a type that there are.
func whole(l *catalog.Listing, types []string, of string) bool {
	return l.Stale == nil && l.Suspect == "" && !l.Incomplete && !l.Old &&
		!slices.Contains(l.Refused, of) && (len(types) == 0 || slices.Contains(types, of))
}

// version is what tells the versions of a document apart, by what a listing says.
func version(d *billing.Document) string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s\x00%d", d.UpdatedAt, d.Fingerprint()) // never fails
	return fmt.Sprintf("%016x", h.Sum64())
}
