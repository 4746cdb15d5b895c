package catalog

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ccsfs/internal/catalog/fresh"
)

// Which refusals were told before, on this machine.

// saidDir is where it is kept which refused types somebody was told of.
const saidDir = "said"

// savedTold belongs to the listing of the same file name.
type savedTold struct {
	Contract string    `json:"contract"`
	Refused  []string  `json:"refused"`
	At       time.Time `json:"at"`
}

// toldRefusals remembers which refused types people were told of, beyond the life of
// a process: an account whose user may not see a section would else send the
// same mail from every night's run.
type toldRefusals struct {
	saved *fresh.Store
	now   func() time.Time
	types []string // of the listings; nil: all

	mu   sync.Mutex
	list map[string][]string // by contract; loaded at the first use
}

// of returns the types that were said of a contract. s.mu is held.
func (s *toldRefusals) of(contractID string) []string {
	if types, loaded := s.list[contractID]; loaded {
		return types
	}
	if s.list == nil {
		s.list = make(map[string][]string)
	}
	var in savedTold
	s.saved.Read(s.file(contractID), func(payload []byte) (time.Time, error) {
		if err := json.Unmarshal(payload, &in); err != nil {
			return time.Time{}, err
		}
		if in.Contract != contractID {
			in = savedTold{}
			return time.Time{}, errors.New("of another contract")
		}
		return in.At, nil
	})
	s.list[contractID] = in.Refused
	return in.Refused
}

func (s *toldRefusals) file(contractID string) string {
	return filepath.Join(saidDir, filepath.Base(listingFile(contractID, s.types)))
}

// news returns those of the refused types of a contract that nobody was told
// of; with tell they count as told from then on. What is not refused any more
// is news if it is refused again.
func (s *toldRefusals) news(contractID string, refused []string, tell bool) (news []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.of(contractID)
	var told []string
	for _, t := range refused {
		if slices.Contains(before, t) {
			told = append(told, t)
		} else {
			news = append(news, t)
		}
	}
	if tell {
		told = slices.Clone(refused)
	}
	switch {
	case slices.Equal(before, told):
		return news
	case len(told) == 0:
		s.saved.Remove(s.file(contractID))
	default:
		s.saved.Write(s.file(contractID), savedTold{Contract: contractID, Refused: told, At: s.now()})
	}
	s.list[contractID] = told
	return news
}

// Unsaid returns those of the Shortfalls that are to be said: all of them, but
// for types that are refused and were not asked for by name only what nobody
// on this machine was told of yet, be it by the log. What it returns counts as
// said; Stale, Suspect, Missing, Failed, Gone and what was named come again in the
// next process.
func (c *Catalog) Unsaid() []Shortfall {
	return slices.DeleteFunc(c.Shortfalls(), func(s Shortfall) bool {
		return s.Kind == Refused && !s.Named && len(c.told.news(s.ContractID, s.Types, true)) == 0
	})
}
