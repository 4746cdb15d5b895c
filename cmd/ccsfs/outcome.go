package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/control"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/tree"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// maxNamed bounds how many failures are named one by one.
const maxNamed = 10

// failures collects what went wrong in a command that goes on with the rest.
type failures struct {
	settings  *settings.Settings // nil where none were loaded
	all       []failure
	succeeded int
}

type failure struct {
	what string
	err  error
}

func (f *failures) add(what string, err error) { f.all = append(f.all, failure{what, err}) }

// result names the failures, the first ones with their reasons, and is the
// error that ends the command: exit 6 if something else went well, else the
// exit code of the first failure.
func (f *failures) result(env environment) error { return f.resultWith(env, shortage{}) }

// resultWith is result, of a command that was also given less than the truth.
func (f *failures) resultWith(env environment, s shortage) error {
	for i, one := range f.all {
		if errors.Is(one.err, context.Canceled) {
			return fail(exitFailed, "interrupted")
		}
		if i < maxNamed {
			say(env.stderr, "%s", f.described(one))
		}
	}
	if more := len(f.all) - maxNamed; more > 0 {
		say(env.stderr, "… and %d more failed", more)
	}
	s.say(env)
	switch {
	case len(f.all) == 0 && !s.short:
		return nil
	case len(f.all) == 0, f.succeeded > 0:
		return silently(exitSome)
	}
	first := f.all[0].err
	if hint := hintFor(f.settings, first); hint != "" {
		say(env.stderr, "%s", hint)
	}
	return silently(codeFor(f.settings, first))
}

// described words a failure; the error may name the thing itself.
func (f *failures) described(one failure) string {
	text := one.err.Error()
	var hidden *tree.HiddenError
	if errors.As(one.err, &hidden) {
		text = fmt.Sprintf("%s is hidden: only %s", hidden.Name, onlyContracts(f.settings))
	}
	if one.what == "" || strings.HasPrefix(text, one.what) {
		return text
	}
	return one.what + ": " + text
}

// codeFor returns the exit code of a failure to get one thing of the account.
// s may be nil.
func codeFor(s *settings.Settings, err error) int {
	var e *exitError
	var hidden *tree.HiddenError
	switch {
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &hidden):
		return exitSettings
	case refusedTypes(s, err), errors.Is(err, control.ErrLeftOut):
		return exitSome // the account is as it was asked for, less what it may not see
	case apiclient.Refused(err), ofTheAccount(err):
		return exitSettings
	case errors.Is(err, apiclient.ErrNotFound):
		return exitFailed
	case apiclient.Temporary(err):
		return exitUnreachable
	}
	return exitFailed
}

// refusedTypes tells that documents were refused of types that somebody named.
func refusedTypes(s *settings.Settings, err error) bool {
	return s != nil && len(s.Listings.Types) > 0 && errors.Is(err, apiclient.ErrForbidden) && callOf(err) == "documents"
}

// shortage is what a command was given that is not the whole current truth: the
// one place where that becomes words, the same in every command, and an exit code.
type shortage struct {
	lines []string
	short bool // the exit code must tell
}

func (s *shortage) say(env environment) {
	for _, line := range s.lines {
		say(env.stderr, "%s", plain(line))
	}
}

// note adds a line, if there is one.
func (s *shortage) note(short bool, format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	s.short = s.short || short
}

// ended is how a command ends that names its own failures.
func (o oneShot) ended(failed *failures) error {
	failed.settings = o.settings
	missing, s := o.account.shortage(o.settings)
	for _, one := range missing {
		failed.add("", one)
	}
	return failed.resultWith(o.env, s)
}

// printed is ended, of a command whose output may have failed: that hides nothing of
// the rest, and the rest decides the exit code.
func (o oneShot) printed(output error, failed *failures) error {
	err := o.ended(failed)
	if err != nil && output != nil && isSilent(output) { // whoever read it has left
		return err
	}
	return alsoFailed(err, output)
}

// shortage gathers what was handed out short. What is missing are failures of
// their own.
func (a *account) shortage(s *settings.Settings) (missing []error, out shortage) {
	kinds := map[catalog.ShortfallKind][]catalog.Shortfall{}
	for _, one := range a.catalog.Unsaid() {
		kinds[one.Kind] = append(kinds[one.Kind], one)
	}
	for _, one := range kinds[catalog.Missing] {
		missing = append(missing, fail(exitSettings, "contract %s, of %s, is not among those of the account",
			one.ContractID, sourceOf(s, "contract")))
	}
	out.stale(s, kinds[catalog.Stale])
	out.refused(s, kinds[catalog.Refused])
	for _, one := range kinds[catalog.Unlisted] {
		out.unlistedTypes(s, one.Types)
	}
	for _, one := range kinds[catalog.Suspect] {
		out.suspect(one, a.copied)
	}
	out.gone(a.goneOf(kinds[catalog.Gone]))
	var old []content.Shortfall
	for _, one := range a.content.Shortfalls() {
		if one.Stale {
			old = append(old, one)
		}
	}
	if len(old) > 0 {
		out.note(true, "not up to date: %s: %s", documentsNamed(old), old[0].Err)
	}
	return missing, out
}

// goneOf leaves out contracts that are not listed any more where others were named.
func (a *account) goneOf(list []catalog.Shortfall) []catalog.Shortfall {
	return slices.DeleteFunc(list, func(one catalog.Shortfall) bool { return one.Op == "contracts" && !a.whole })
}

// gone says what is not listed any more. It may well be right, so that it is no failure.
func (s *shortage) gone(list []catalog.Shortfall) {
	for i, one := range list {
		if i == maxNamed && len(list) > maxNamed+1 {
			s.note(false, "warning: … and %d more like it", len(list)-maxNamed)
			return
		}
		s.note(false, "warning: %s", one.Err)
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
		s.note(true, "%s is incomplete: %s", what, one.Err)
	case one.Old:
		s.note(true, "not up to date: %s: %s", what, one.Err)
	case copied && errors.Is(one.Err, catalog.ErrNoContracts):
		s.note(true, "nothing was copied: %s; is the API key that of the right customer space?", one.Err)
	default:
		s.note(false, "warning: %s may be incomplete: %s", what, one.Err)
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
			parts = append(parts, fmt.Sprintf(op.one, readable(since)))
		case len(ids) == 1:
			parts = append(parts, fmt.Sprintf(op.one, ids[0], readable(since)))
		default:
			parts = append(parts, fmt.Sprintf(op.many, someOf(ids), readable(since)))
		}
	}
	if set.API.Offline {
		s.note(false, "offline, by %s: what is shown is that of %s or later", sourceOf(set, "offline"), readable(oldest))
		return
	}
	s.note(true, "not up to date: %s: %s", strings.Join(parts, "; "), list[0].Err)
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
			s.note(true, "left out: %s: %s (types, by %s)", someOf(contracts), completeness.Refusal(unique(types)), sourceOf(set, "types"))
		default:
			s.note(false, "warning: %s: %s (this is said once)", someOf(contracts), completeness.Refusal(unique(types)))
		}
	}
}

// unlistedTypes says of which types that were named nothing is listed: for whom the
// API hides them, that is all there is to see of it. Where there is nothing of any,
// the command was for nothing, and the exit code tells.
func (s *shortage) unlistedTypes(set *settings.Settings, types []string) {
	if len(types) == 0 {
		s.note(false, "warning: no document is listed of what was asked for: there is none, or the user of the API key may not see them")
		return
	}
	nothing := len(types) == len(unique(set.Listings.Types))
	prefix := "warning: "
	if nothing {
		prefix = ""
	}
	s.note(nothing, "%sno document of type %s is listed (types, by %s): there is none, or %s", prefix,
		strings.Join(types, ", "), sourceOf(set, "types"), completeness.Profile(types))
}

// unlisted says what could not be listed at all.
func (s *shortage) unlisted(set *settings.Settings, list []catalog.Shortfall) {
	var failed []catalog.Shortfall
	var ids []string
	for _, one := range list {
		if one.Kind == catalog.Failed {
			failed = append(failed, one)
			ids = append(ids, one.ContractID)
		}
	}
	switch ids = unique(ids); {
	case failed == nil:
	case failed[0].ContractID == "":
		s.note(true, "not to be had: the list of contracts: %s", failed[0].Err)
	case refusedTypes(set, failed[0].Err):
		s.note(true, "left out: %s: %s (types, by %s): %s", someOf(ids), completeness.Refusal(set.Listings.Types), sourceOf(set, "types"), failed[0].Err)
	default:
		s.note(true, "not to be had: %s: %s", someOf(ids), failed[0].Err)
	}
}

// unread says which documents could not be had.
func (s *shortage) unread(list []content.Shortfall) {
	var failed []content.Shortfall
	for _, one := range list {
		if !one.Stale {
			failed = append(failed, one)
		}
	}
	if len(failed) > 0 {
		s.note(true, "not to be had: %s: %s", documentsNamed(failed), failed[0].Err)
	}
}

// documentsNamed names some documents.
func documentsNamed(list []content.Shortfall) string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = one.ContractID + "/" + one.Name
	}
	return someOf(names)
}

// someOf names the first ones of a list, and how many more there are.
func someOf(list []string) string {
	const shown = 3
	if n := len(list); n > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), n-shown)
	}
	return strings.Join(list, ", ")
}

// hiddenNote says that a filter hides contracts, unless it stands in the command
// itself; "" if none does.
func hiddenNote(s *settings.Settings, contracts *catalog.Contracts) string {
	if len(contracts.Hidden) == 0 || s.Source("contract").Origin == settings.FromFlag {
		return ""
	}
	return fmt.Sprintf("only %s; %s hidden", onlyContracts(s), areHidden(len(contracts.Hidden)))
}

func areHidden(n int) string {
	if n == 1 {
		return "1 contract is"
	}
	return fmt.Sprintf("%d contracts are", n)
}

// onlyContracts says what a filter leaves, and where it is.
func onlyContracts(s *settings.Settings) string {
	verb := "is"
	if len(s.Listings.Contracts) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("%s %s shown, by %s (contract)", someOf(s.Listings.Contracts), verb, sourceOf(s, "contract"))
}

// sourceOf names the place that a value really came from; where it has none, the
// name in the environment under which it would be looked for. s may be nil.
func sourceOf(s *settings.Settings, name string) string {
	if s != nil && s.Source(name).Origin != settings.FromDefault {
		return s.Source(name).String()
	}
	for _, one := range settings.Table() {
		if one.Name == name {
			return one.Environment()
		}
	}
	return name
}
