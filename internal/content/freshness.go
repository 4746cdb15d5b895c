package content

import (
	"time"

	"ccsfs/internal/content/index"
)

// AskAgain makes the store ask the API once more for what it had before this moment,
// when it is wanted, also where nothing tells that it changed: a call for each
// document, and its bytes where the API takes no conditions. Without effect offline.
func (s *Store) AskAgain() {
	if !s.cfg.Offline {
		s.since.Store(s.now().UnixNano())
	}
}

// Forgive makes the store ask the API, when it is wanted, also for what could not be
// had before this moment, and would not be asked for before its time.
func (s *Store) Forgive() { s.forgiven.Store(s.now().UnixNano()) }

// pardoned says whether a failure of a time is one of before Forgive.
func (s *Store) pardoned(at time.Time) bool { return at.UnixNano() < s.forgiven.Load() }

// fresh says whether rec answers for r without asking the API.
func (s *Store) fresh(r Ref, rec *index.Record) bool {
	return rec.Covers(r.version(), s.now()) && (!r.Volatile || rec.Valid(s.now(), s.cfg.PartialTTL)) && s.confirmed(rec)
}

// confirmed says whether rec is of after AskAgain, if that was called.
func (s *Store) confirmed(rec *index.Record) bool {
	since := s.since.Load()
	return since == 0 || rec.LastChecked(s.now()).UnixNano() >= since
}

// adopt writes down what else the listing says of a document whose record was made
// before that was noted, so that another document under its id is told from it.
func (s *Store) adopt(r Ref, rec *index.Record) {
	if rec.Fingerprint != 0 || r.Fingerprint == 0 || rec.Void || rec.UpdatedAt != r.UpdatedAt {
		return
	}
	known := *rec
	known.Fingerprint, known.Listed = r.Fingerprint, r.Listed.Round(0)
	s.remember(r, &known)
}

// final says whether the content of r cannot change under its version, as far as
// that is to be believed.
func (s *Store) final(r Ref) bool { return !r.Volatile && s.since.Load() == 0 }

// Sighted tells when a thing of a contract, a listing for example, was first seen
// in the version that it has now, and remembers it on disk. With the version "" it
// tells what is known of the last one. A thing of which nothing is known is first
// seen now, in whatever version it turns out to have.
func (s *Store) Sighted(contractID, thing, version string) time.Time {
	at, err := s.indexes.Sighted(contractID, thing, version)
	if err != nil {
		s.diskTrouble("cannot remember when things were first seen", err)
	}
	return at
}
