package view

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/internal/catalog"
)

// sightings are when a listing that documents are in was first here to be shown, which may
// be long after it was asked for: who looked in between was shown the one before. They are
// the same for whoever looks, and are kept with what else is known of the account: where
// they are lost, nothing has come since, as far as is known. Contracts and documents are in
// it by hashes of their ids: nothing of a contract is to be read in the cache that is refused
// meanwhile. Several processes may keep them, who see different contracts or types: each
// saves what the others have seen, too.
type sightings struct {
	path  string
	types []string // that are listed
	log   *slog.Logger

	mu     sync.Mutex
	saving sync.Mutex
	timer  *time.Timer // a save to come; nil: none
	closed bool
	latest int64 // when somebody looked last; later is by a clock that was wrong

	Format    int                         `json:"format"`
	Contracts map[string]map[string]int64 `json:"contracts"` // Unix seconds, by hashes of contract and document; 0: it was there when the contract was first listed
}

const sightingsFormat = 2 // 1 had no types

// saveAfter is after how long what was seen is on disk.
const saveAfter = 5 * time.Second

// openSightings reads what was kept. What cannot be read is forgotten. Listings will be of some
// types; none: all.
func openSightings(path string, types []string, log *slog.Logger) *sightings {
	if len(types) == 0 {
		types = []string{everyType}
	}
	s := &sightings{path: path, types: types, log: log, Format: sightingsFormat, Contracts: map[string]map[string]int64{}}
	if err := s.learn(); err != nil {
		log.Warn("it is forgotten when documents were listed first", "path", path, "error", err)
	}
	return s
}

// learn adds what the file has. 0 is of who came when a document was there already: others know
// when that was. Of two who saw it come, the later one may have shown what was before until
// then. s.mu is held, or nobody else knows s yet.
func (s *sightings) learn() error {
	var kept sightings
	b, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || kept.Format != sightingsFormat {
		return err
	}
	for contract, theirs := range kept.Contracts {
		its := s.Contracts[contract]
		if its == nil {
			if theirs != nil {
				s.Contracts[contract] = theirs
			}
			continue
		}
		for key, t := range theirs {
			if mine, ok := its[key]; !ok || t > mine && t <= s.latest {
				its[key] = t
			}
		}
	}
	return nil
}

// see takes note of a listing, and tells when its documents were first there.
func (s *sightings) see(l *catalog.Listing, now time.Time) (first func(id string) time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = now.Unix()
	contract := hashed(l.ContractID)
	its, begun := s.Contracts[contract]
	if !begun {
		its = make(map[string]int64, len(l.Documents))
		s.Contracts[contract] = its
	}
	changed := !begun
	at := map[string]time.Time{}
	_, every := its[ofType(l.ContractID, everyType)]
	for i := range l.Documents {
		d := &l.Documents[i]
		key := hashed(l.ContractID + "\x00" + d.ID)
		t, ok := its[key]
		if !ok {
			if _, known := its[ofType(l.ContractID, d.Type)]; known || every {
				t = now.Unix()
			}
			its[key], changed = t, true
		}
		if t > now.Unix() { // by a clock that was wrong: it would be new for as long
			t = now.Unix()
			its[key], changed = t, true
		}
		if t != 0 {
			at[d.ID] = time.Unix(t, 0)
		}
	}
	for _, t := range s.types {
		if _, known := its[ofType(l.ContractID, t)]; !known {
			its[ofType(l.ContractID, t)], changed = 0, true
		}
	}
	if changed && s.timer == nil && !s.closed {
		s.timer = time.AfterFunc(saveAfter, s.save)
	}
	return func(id string) time.Time { return at[id] }
}

// everyType is what is listed where no types are chosen.
const everyType = ""

// ofType is what notes of a contract that documents of a type have been listed: those that
// are listed later have come since. Where other types are shown than before, they have not.
func ofType(contract, typ string) string { return hashed(contract + "\x00\x00" + typ) }

// hashed is a text that nobody can read in the file, nor take for another.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// save puts on disk what was seen.
func (s *sightings) save() {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	due := s.timer != nil
	s.timer = nil
	var b []byte
	var err error
	if due {
		_ = s.learn() // what cannot be read any more is replaced
		b, err = json.Marshal(s)
	}
	s.mu.Unlock()
	if err == nil && due {
		err = durable.WriteFile(s.path, b)
	}
	if err != nil {
		s.log.Warn("it is not kept when documents were listed first", "path", s.path, "error", err)
	}
}

// close keeps what was seen.
func (s *sightings) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.save()
}
