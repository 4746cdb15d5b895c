package catalog

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// saidDir is where it is kept which refused types somebody was told of.
const saidDir = "said"

// savedSaid belongs to the listing of the same file name.
type savedSaid struct {
	Contract string    `json:"contract"`
	Refused  []string  `json:"refused"`
	At       time.Time `json:"at"`
}

// said remembers which refused types people were told of, beyond the life of
// a process: an account whose user may not see a section would else send the
// same mail from every night's run.
type said struct {
	saved *store
	types []string // of the listings; nil: all

	mu   sync.Mutex
	list map[string][]string // by contract; loaded at the first use
}

// of returns the types that were said of a contract. s.mu is held.
func (s *said) of(contractID string) []string {
	if types, loaded := s.list[contractID]; loaded {
		return types
	}
	if s.list == nil {
		s.list = make(map[string][]string)
	}
	var in savedSaid
	s.saved.read(s.file(contractID), func(payload []byte) (time.Time, error) {
		if err := json.Unmarshal(payload, &in); err != nil {
			return time.Time{}, err
		}
		if in.Contract != contractID {
			in = savedSaid{}
			return time.Time{}, errors.New("of another contract")
		}
		return in.At, nil
	})
	s.list[contractID] = in.Refused
	return in.Refused
}

func (s *said) file(contractID string) string {
	return filepath.Join(saidDir, filepath.Base(listingFile(contractID, s.types)))
}

// news returns those of the refused types of a contract that nobody was told
// of; with tell they count as told from then on. What is not refused any more
// is news if it is refused again.
func (s *said) news(contractID string, refused []string, tell bool) (news []string) {
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
		s.saved.remove(s.file(contractID))
	default:
		s.saved.write(s.file(contractID), savedSaid{Contract: contractID, Refused: told, At: s.saved.env.now()})
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
		return s.Kind == Refused && !s.Named && len(c.said.news(s.ContractID, s.Types, true)) == 0
	})
}
