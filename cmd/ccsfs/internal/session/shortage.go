package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// What was handed out, and is not the whole current truth, becomes words here. How a command
// ends for it is outcome.go's to say.

// shortage is what a command was given that is not the whole current truth: the
// one place where that becomes words, the same in every command, and an exit code.
type shortage struct {
	lines []string
	Short bool // the exit code must tell
}

func (s *shortage) Say(env cmdutil.Environment) {
	for _, line := range s.lines {
		term.Say(env.Stderr, "%s", term.Plain(line))
	}
}

// Note adds a line, if there is one.
func (s *shortage) Note(short bool, format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	s.Short = s.Short || short
}

// Shortage gathers what was handed out short. What is missing are failures of
// their own.
func (a *Account) Shortage(s *settings.Settings) (missing []error, out shortage) {
	kinds := map[catalog.ShortfallKind][]catalog.Shortfall{}
	for _, one := range a.Catalog.Unsaid() {
		kinds[one.Kind] = append(kinds[one.Kind], one)
	}
	for _, one := range kinds[catalog.Missing] {
		missing = append(missing, exitcode.Errorf(exitcode.Settings, "contract %s, of %s, is not among those of the account",
			one.ContractID, SourceOf(s, "contract")))
	}
	out.stale(s, kinds[catalog.Stale])
	out.refused(s, kinds[catalog.Refused])
	for _, one := range kinds[catalog.Unlisted] {
		out.unlistedTypes(s, one.Types)
	}
	for _, one := range kinds[catalog.Suspect] {
		out.suspect(one, a.Copied)
	}
	out.gone(a.GoneOf(kinds[catalog.Gone]))
	var old []content.Shortfall
	for _, one := range a.Content.Shortfalls() {
		if one.Stale {
			old = append(old, one)
		}
	}
	if len(old) > 0 {
		out.Note(true, "not up to date: %s: %s", documentsNamed(old), old[0].Err)
	}
	if a.Pool != nil {
		out.pool(a.Pool.Stats())
	}
	return missing, out
}

// pool says what machines that share the account have not of one another: what they have is
// asked for again, though nothing else may tell.
func (s *shortage) pool(p pool.Stats) {
	if !p.CoordinatorAway.IsZero() {
		s.Note(false, "warning: the account is not shared now: %s", p.CoordinatorWhy)
	}
	switch {
	case !p.StoreAway.IsZero():
		s.Note(false, "warning: what other machines have is not had from the shared store: %s", p.StoreWhy)
	case !p.WritingAway.IsZero():
		s.Note(false, "warning: the shared store takes nothing, so that other machines ask for it, too: %s", p.WritingWhy)
	}
}

// GoneOf leaves out contracts that are not listed any more where others were named.
func (a *Account) GoneOf(list []catalog.Shortfall) []catalog.Shortfall {
	return slices.DeleteFunc(list, func(one catalog.Shortfall) bool { return one.Op == "contracts" && !a.Whole })
}

// gone says what is not listed any more. It may well be right, so that it is no failure.
func (s *shortage) gone(list []catalog.Shortfall) {
	for i, one := range list {
		if i == maxNamed && len(list) > maxNamed+1 {
			s.Note(false, "warning: … and %d more like it", len(list)-maxNamed)
			return
		}
		s.Note(false, "warning: %s", one.Err)
	}
}

// suspect says that something is, or may be, incomplete: what the API says itself is
// certain, other signs are signs. What is not listed any more and served all the same
// is old. copied: what there is was to be copied.
func (s *shortage) suspect(one catalog.Shortfall, copied bool) {
	what := "the list of contracts"
	if one.ContractID != "" {
		what = one.ContractID + ": the listing"
	}
	switch {
	case one.Told:
		s.Note(true, "%s is incomplete: %s", what, one.Err)
	case one.Old:
		s.Note(true, "not up to date: %s: %s", what, one.Err)
	case copied && errors.Is(one.Err, catalog.ErrNoContracts):
		s.Note(true, "nothing was copied: %s; is the API key that of the right customer space?", one.Err)
	default:
		s.Note(false, "warning: %s may be incomplete: %s", what, one.Err)
	}
}

// stale says what is old. Who asked for no network has asked for that.
func (s *shortage) stale(set *settings.Settings, list []catalog.Shortfall) {
	if len(list) == 0 {
		return
	}
	var parts []string
	oldest := list[0].Since
	for _, op := range []struct{ name, one, many string }{
		{"contracts", "the list of contracts is that of %s", ""},
		{"listing", "the listing of %s is that of %s", "the listings of %s are those of %s or later"},
		{"detail", "the description of %s is that of %s", "the descriptions of %s are those of %s or later"},
	} {
		var ids []string
		since := time.Time{}
		for _, one := range list {
			if one.Op == op.name {
				ids = append(ids, one.ContractID)
				since = earliest(since, one.Since)
			}
		}
		oldest = earliest(oldest, since)
		switch {
		case len(ids) == 0:
		case op.many == "":
			parts = append(parts, fmt.Sprintf(op.one, term.Readable(since)))
		case len(ids) == 1:
			parts = append(parts, fmt.Sprintf(op.one, ids[0], term.Readable(since)))
		default:
			parts = append(parts, fmt.Sprintf(op.many, SomeOf(ids), term.Readable(since)))
		}
	}
	if set.API.Offline {
		s.Note(false, "offline, by %s: what is shown is that of %s or later", SourceOf(set, "offline"), term.Readable(oldest))
		return
	}
	s.Note(true, "not up to date: %s: %s", strings.Join(parts, "; "), list[0].Err)
}

// earliest is the earlier one of two times; zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// refused says which types were left out, those that were named first.
func (s *shortage) refused(set *settings.Settings, list []catalog.Shortfall) {
	for _, named := range []bool{true, false} {
		var types, contracts []string
		for _, one := range list {
			if one.Named == named {
				types = append(types, one.Types...)
				contracts = append(contracts, one.ContractID)
			}
		}
		switch {
		case types == nil:
		case named:
			s.Note(true, "left out: %s: %s (types, by %s)", SomeOf(contracts), completeness.Refusal(Unique(types)), SourceOf(set, "types"))
		default:
			s.Note(false, "warning: %s: %s (this is said once)", SomeOf(contracts), completeness.Refusal(Unique(types)))
		}
	}
}

// unlistedTypes says of which types that were named nothing is listed: for whom the
// API hides them, that is all there is to see of it. Where there is nothing of any,
// the command was for nothing, and the exit code tells.
func (s *shortage) unlistedTypes(set *settings.Settings, types []string) {
	if len(types) == 0 {
		s.Note(false, "warning: no document is listed of what was asked for: there is none, or the user of the API key may not see them")
		return
	}
	nothing := len(types) == len(Unique(set.Listings.Types))
	prefix := "warning: "
	if nothing {
		prefix = ""
	}
	s.Note(nothing, "%sno document of type %s is listed (types, by %s): there is none, or %s", prefix,
		strings.Join(types, ", "), SourceOf(set, "types"), completeness.Profile(types))
}

// Unlisted says what could not be listed at all.
func (s *shortage) Unlisted(set *settings.Settings, list []catalog.Shortfall) {
	var failed []catalog.Shortfall
	var ids []string
	for _, one := range list {
		if one.Kind == catalog.Failed {
			failed = append(failed, one)
			ids = append(ids, one.ContractID)
		}
	}
	switch ids = Unique(ids); {
	case failed == nil:
	case failed[0].ContractID == "":
		s.Note(true, "not to be had: the list of contracts: %s", failed[0].Err)
	case refusedTypes(set, failed[0].Err):
		s.Note(true, "left out: %s: %s (types, by %s): %s", SomeOf(ids), completeness.Refusal(set.Listings.Types), SourceOf(set, "types"), failed[0].Err)
	default:
		s.Note(true, "not to be had: %s: %s", SomeOf(ids), failed[0].Err)
	}
}

// Unread says which documents could not be had.
func (s *shortage) Unread(list []content.Shortfall) {
	var failed []content.Shortfall
	for _, one := range list {
		if !one.Stale {
			failed = append(failed, one)
		}
	}
	if len(failed) > 0 {
		s.Note(true, "not to be had: %s: %s", documentsNamed(failed), failed[0].Err)
	}
}

// documentsNamed names some documents.
func documentsNamed(list []content.Shortfall) string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = one.ContractID + "/" + one.Name
	}
	return SomeOf(names)
}
