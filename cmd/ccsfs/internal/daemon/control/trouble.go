package control

import (
	"fmt"
	"time"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
)

// The labels of a Trouble.
const (
	TroubleStale   = "Stale"
	TroubleRefused = "Left out"
	TroubleSuspect = "Suspect"
	TroubleGone    = "Gone"
	TroubleShared  = "Shared"
	TroubleDisk    = "Disk"
)

// Trouble is something that is not as it should be, as people are told of it.
type Trouble struct {
	Label string
	Grave bool   // nothing is shown, or kept
	Text  string // one sentence; texts of the API are in it as they are
}

// Troubles words all that is not as it should be, in order. clock words a time.
func (s *Status) Troubles(clock func(time.Time) string) (all []Trouble) {
	for _, p := range s.Catalog.Stale {
		what := "is as it was"
		if p.Denied {
			what = "is not shown"
		}
		since := ""
		if !p.Since.IsZero() {
			since = " since " + clock(p.Since)
		}
		all = append(all, Trouble{TroubleStale, p.Denied, fmt.Sprintf("%s %s%s%s: %s", p.Subject(), what, since, NextTry(p.Retry, clock), p.Cause)})
	}
	for _, p := range s.Catalog.Refused {
		all = append(all, Trouble{TroubleRefused, false, fmt.Sprintf("%s of %s: %s", p.Type, p.ContractID, p.Cause)})
	}
	for _, p := range s.Catalog.Suspect {
		all = append(all, Trouble{TroubleSuspect, false, fmt.Sprintf("%s: %s", p.Subject(), p.Cause)})
	}
	for _, p := range s.Catalog.Gone {
		all = append(all, Trouble{TroubleGone, false, p.Cause})
	}
	for _, e := range s.Pool.troubles(s.now()) {
		all = append(all, Trouble{TroubleShared, false, fmt.Sprintf("%s since %s: %s", e.text, clock(e.AwaySince), e.Cause)})
	}
	if n := s.Content.DiskErrors; n > 0 {
		all = append(all, Trouble{TroubleDisk, true, fmt.Sprintf("%s to the cache; the log says which", term.Count(n, "failed write"))})
	}
	return all
}

// NextTry words when the API is asked again, "" where that does not apply.
func NextTry(at time.Time, clock func(time.Time) string) string {
	if at.IsZero() {
		return ""
	}
	return ", next try " + clock(at)
}

// The ways in which the API is not in use, as Standing words them.
const (
	StandingOffline = "offline: it is never asked"
	StandingGood    = "in use"
	StandingPartly  = "in use, but not all is as it should be"
)

// Standing words whether the API is in use, in one line. clock words a time.
func (s *Status) Standing(clock func(time.Time) string) string {
	h := s.Health()
	switch {
	case s.Offline:
		return StandingOffline
	case h.Code == exitcode.Done:
		return StandingGood
	case h.Code == exitcode.Some:
		return StandingPartly
	}
	since := ""
	if !h.Since.IsZero() {
		since = " since " + clock(h.Since)
	}
	return h.Text + since + NextTry(h.Retry, clock)
}
