package main

import (
	"fmt"
	"time"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/control"
)

// health is the one judgement of how a mount is doing: what status shows, and
// what status --check exits with.
type health struct {
	code  int    // exitDone, exitSettings, exitUnreachable or exitSome
	text  string // what is wrong, "" if nothing is
	cause string
	since time.Time // zero where it is not known
	retry time.Time // zero where it does not apply
}

func healthOf(s *control.Status) health {
	if s.API.Token.State == control.TokenRefused {
		return health{code: exitSettings, text: "CREDENTIALS REFUSED", retry: s.API.Token.NextTry}
	}
	var account, listing *control.Problem
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
		return health{exitSettings, "ACCESS REFUSED", account.Cause, account.Since, account.Retry}
	case breaker.State != control.Closed:
		return health{exitUnreachable, "OUT OF REACH", breaker.Cause, breaker.Since, breaker.NextTry}
	case account != nil:
		return health{exitUnreachable, "OUT OF REACH", account.Cause, account.Since, account.Retry}
	case old > 0 && old >= s.Catalog.Listings:
		return health{exitUnreachable, "OUT OF REACH", listing.Cause, listing.Since, listing.Retry}
	case len(s.Catalog.Stale) > 0:
		p := s.Catalog.Stale[0]
		what := "is old"
		if p.Denied {
			what = "is not shown"
		}
		text := fmt.Sprintf("%s %s", subject(p), what) + andMore(len(s.Catalog.Stale)-1)
		return health{exitSome, text, p.Cause, p.Since, p.Retry}
	}
	if refused := s.Catalog.Refused; s.Catalog.Named && len(refused) > 0 {
		text := fmt.Sprintf("%s of %s is refused", refused[0].Type, refused[0].ContractID) + andMore(len(refused)-1)
		return health{code: exitSome, text: text, cause: completeness.Profile([]string{refused[0].Type})}
	}
	for _, p := range s.Catalog.Suspect {
		switch {
		case p.Told:
			return health{code: exitSome, text: subject(p) + " is incomplete", cause: p.Cause}
		case p.Old:
			return health{code: exitSome, text: subject(p) + " is old", cause: p.Cause}
		case p.Absent:
			return health{code: exitSome, text: subject(p) + " is not there", cause: p.Cause}
		case p.Empty:
			return health{code: exitSome, text: subject(p) + " is empty", cause: p.Cause}
		}
	}
	if gone := s.Catalog.Gone; len(gone) > 0 {
		return health{code: exitSome, text: gone[0].Cause + andMore(len(gone)-1)}
	}
	return health{}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more like it", n)
}

// graver tells which of two exit codes says more: whoever must act first.
func graver(a, b int) int {
	for _, code := range []int{exitSettings, exitUnreachable, exitMount, exitSome} {
		if a == code || b == code {
			return code
		}
	}
	return exitDone
}

// checked is the end of status --check: the gravest of what is wrong, and a line
// for each mount of which something is.
func checked(env environment, all []*control.Status, dead []sickMount) error {
	code := exitDone
	if len(dead) > 0 {
		code = exitMount
	}
	for _, s := range all {
		h := healthOf(s)
		code = graver(code, h.code)
		if h.code != exitDone {
			say(env.stderr, "%s", plain(fmt.Sprintf("%s: %s", s.Mountpoint, h.line())))
		}
	}
	return silently(code)
}

func (h health) line() string {
	if h.cause == "" {
		return h.text
	}
	return h.text + ": " + h.cause
}
