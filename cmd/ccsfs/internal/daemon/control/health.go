package control

import (
	"fmt"
	"time"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Health is the one judgement of how a mount is doing: what status shows, what status
// --check exits with, and whether /readyz says that it is ready.
type Health struct {
	Code  int    // exitcode.Done, Settings, Unreachable or Some
	Text  string // what is wrong, "" if nothing is
	Cause string
	Since time.Time // zero where it is not known
	Retry time.Time // zero where it does not apply
}

// Health judges.
func (s *Status) Health() Health {
	if s.API.Token.State == TokenRefused {
		return Health{Code: exitcode.Settings, Text: "CREDENTIALS REFUSED", Retry: s.API.Token.NextTry}
	}
	var account, listing *Problem
	old := 0
	for i := range s.Catalog.Stale {
		switch p := &s.Catalog.Stale[i]; {
		case p.ContractID == "":
			account = p
		case p.Denied || p.Op != "listing":
		default:
			old++
			listing = p
		}
	}
	breaker := s.API.Breaker
	switch {
	case account != nil && account.Denied:
		return Health{exitcode.Settings, "ACCESS REFUSED", account.Cause, account.Since, account.Retry}
	case breaker.State != Closed:
		return Health{exitcode.Unreachable, "OUT OF REACH", breaker.Cause, breaker.Since, breaker.NextTry}
	case account != nil:
		return Health{exitcode.Unreachable, "OUT OF REACH", account.Cause, account.Since, account.Retry}
	case old > 0 && old >= s.Catalog.Listings:
		return Health{exitcode.Unreachable, "OUT OF REACH", listing.Cause, listing.Since, listing.Retry}
	case len(s.Catalog.Stale) > 0:
		p := s.Catalog.Stale[0]
		what := "is old"
		if p.Denied {
			what = "is not shown"
		}
		text := fmt.Sprintf("%s %s", p.Subject(), what) + andMore(len(s.Catalog.Stale)-1)
		return Health{exitcode.Some, text, p.Cause, p.Since, p.Retry}
	}
	if refused := s.Catalog.Refused; s.Catalog.Named && len(refused) > 0 {
		text := fmt.Sprintf("%s of %s is refused", refused[0].Type, refused[0].ContractID) + andMore(len(refused)-1)
		return Health{Code: exitcode.Some, Text: text, Cause: completeness.Profile([]string{refused[0].Type})}
	}
	for _, p := range s.Catalog.Suspect {
		switch {
		case p.Told:
			return Health{Code: exitcode.Some, Text: p.Subject() + " is incomplete", Cause: p.Cause}
		case p.Old:
			return Health{Code: exitcode.Some, Text: p.Subject() + " is old", Cause: p.Cause}
		case p.Absent:
			return Health{Code: exitcode.Some, Text: p.Subject() + " is not there", Cause: p.Cause}
		case p.Empty:
			return Health{Code: exitcode.Some, Text: p.Subject() + " is empty", Cause: p.Cause}
		}
	}
	if away := s.Pool.troubles(s.now()); len(away) > 0 {
		return Health{Code: exitcode.Some, Text: away[0].text, Cause: away[0].Cause, Since: away[0].AwaySince}
	}
	if gone := s.Catalog.Gone; len(gone) > 0 {
		return Health{Code: exitcode.Some, Text: gone[0].Cause + andMore(len(gone)-1)}
	}
	return Health{}
}

// now is when the state was gathered.
func (s *Status) now() time.Time {
	return s.Started.Add(time.Duration(s.UptimeSeconds * float64(time.Second)))
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more like it", n)
}

// Subject names what a problem is about.
func (p Problem) Subject() string {
	if p.ContractID == "" {
		return "the list of contracts"
	}
	if p.Absent {
		return "contract " + p.ContractID
	}
	return fmt.Sprintf("the %s of %s", p.Op, p.ContractID)
}

// Line is what is wrong, and why.
func (h Health) Line() string {
	if h.Cause == "" {
		return h.Text
	}
	return h.Text + ": " + h.Cause
}
