package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
	"ccsfs/internal/pool"
)

// maxNamed bounds how many failures are named one by one.
const maxNamed = 10

// Failures collects what went wrong in a command that goes on with the rest.
type Failures struct {
	settings  *settings.Settings // nil where none were loaded
	All       []Failure
	Succeeded int
}

// Failure is one of them.
type Failure struct {
	What string // a path, or ""
	Err  error
}

// Add notes that something failed.
func (f *Failures) Add(what string, err error) { f.All = append(f.All, Failure{what, err}) }

// absent tells whether something is among the failures as not there, or hidden.
func (f *Failures) absent(what string) bool {
	return slices.ContainsFunc(f.All, func(one Failure) bool {
		return one.What == what && (errors.Is(one.Err, apiclient.ErrNotFound) || errors.Is(one.Err, folder.ErrHidden))
	})
}

// Result names the failures, the first ones with their reasons, and is the
// error that ends the command: exit 6 if something else went well, else the
// exit code of the first failure.
func (f *Failures) Result(env cmdutil.Environment) error { return f.resultWith(env, shortage{}) }

// resultWith is result, of a command that was also given less than the truth.
func (f *Failures) resultWith(env cmdutil.Environment, s shortage) error {
	for i, one := range f.All {
		if errors.Is(one.Err, context.Canceled) {
			return exitcode.Errorf(exitcode.Failed, "interrupted")
		}
		if i < maxNamed {
			term.Say(env.Stderr, "%s", f.described(one))
		}
	}
	if more := len(f.All) - maxNamed; more > 0 {
		term.Say(env.Stderr, "… and %d more failed", more)
	}
	s.Say(env)
	switch {
	case len(f.All) == 0 && !s.Short:
		return nil
	case len(f.All) == 0, f.Succeeded > 0:
		return exitcode.Silently(exitcode.Some)
	}
	first := f.All[0].Err
	if hint := hintFor(f.settings, first); hint != "" {
		term.Say(env.Stderr, "%s", hint)
	}
	return exitcode.Silently(CodeFor(f.settings, first))
}

// described words a failure; the error may name the thing itself.
func (f *Failures) described(one Failure) string {
	text := one.Err.Error()
	var hidden *folder.HiddenError
	if errors.As(one.Err, &hidden) {
		text = fmt.Sprintf("%s is hidden: only %s", hidden.Name, OnlyContracts(f.settings))
	}
	if note := absentNote(f.settings, one.Err); note != "" {
		text += "; " + note
	}
	if one.What == "" || strings.HasPrefix(text, one.What) {
		return text
	}
	return one.What + ": " + text
}

// CodeFor returns the exit code of a failure to get one thing of the account.
// s may be nil.
func CodeFor(s *settings.Settings, err error) int {
	var e *exitcode.Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, folder.ErrHidden):
		return exitcode.Settings
	case refusedTypes(s, err), errors.Is(err, control.ErrLeftOut):
		return exitcode.Some // the account is as it was asked for, less what it may not see
	case apiclient.Refused(err), ofTheAccount(err):
		return exitcode.Settings
	case errors.Is(err, apiclient.ErrNotFound):
		return exitcode.Failed
	case apiclient.Temporary(err):
		return exitcode.Unreachable
	}
	return exitcode.Failed
}

// refusedTypes tells that documents were refused of types that somebody named.
func refusedTypes(s *settings.Settings, err error) bool {
	return s != nil && len(s.Listings.Types) > 0 && errors.Is(err, apiclient.ErrForbidden) && callOf(err) == "documents"
}

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

// Ended is how a command ends that names its own failures.
func (o Session) Ended(failed *Failures) error {
	failed.settings = o.Settings
	missing, s := o.Account.Shortage(o.Settings)
	for _, one := range missing {
		failed.Add("", one)
	}
	return failed.resultWith(o.Env, s)
}

// Printed is ended, of a command whose output may have failed: that hides nothing of
// the rest, and the rest decides the exit code.
func (o Session) Printed(output error, failed *Failures) error {
	err := o.Ended(failed)
	if err != nil && output != nil && exitcode.IsSilent(output) { // whoever read it has left
		return err
	}
	return exitcode.Also(err, output)
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

// SomeOf names the first ones of a list, and how many more there are.
func SomeOf(list []string) string {
	const shown = 3
	if n := len(list); n > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), n-shown)
	}
	return strings.Join(list, ", ")
}

// HiddenNote says that a filter hides contracts, unless it stands in the command
// itself; "" if none does.
func HiddenNote(s *settings.Settings, contracts *catalog.Contracts) string {
	return hiddenNote(s, len(contracts.Hidden))
}

// hiddenNote is HiddenNote for so many contracts.
func hiddenNote(s *settings.Settings, n int) string {
	if n == 0 || s.Source("contract").Origin == settings.FromFlag {
		return ""
	}
	return fmt.Sprintf("only %s; %s hidden", OnlyContracts(s), AreHidden(n))
}

// absentNote says that a filter may be why something was not found, unless it stands in the
// command itself; "" if none can be.
func absentNote(s *settings.Settings, err error) string {
	if s == nil {
		return ""
	}
	var none *folder.NoMatchError
	var absent *folder.NotFoundError
	at := ""
	switch {
	case errors.As(err, &none):
		if text := hiddenNote(s, none.Hidden); text != "" {
			return text
		}
		at = none.Pattern
	case errors.As(err, &absent) && absent.Gone == "":
		at = absent.Path
	}
	if len(folder.Split(at)) < 2 || len(s.Listings.Types) == 0 || s.Source("types").Origin == settings.FromFlag {
		return ""
	}
	return fmt.Sprintf("only documents of type %s are listed, by %s (types)", strings.Join(s.Listings.Types, ", "), SourceOf(s, "types"))
}

// AreHidden words that so many contracts are.
func AreHidden(n int) string {
	if n == 1 {
		return "1 contract is"
	}
	return fmt.Sprintf("%d contracts are", n)
}

// OnlyContracts says what a filter leaves, and where it is.
func OnlyContracts(s *settings.Settings) string {
	verb := "is"
	if len(s.Listings.Contracts) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("%s %s shown, by %s (contract)", SomeOf(s.Listings.Contracts), verb, SourceOf(s, "contract"))
}

// SourceOf names the place that a value really came from; where it has none, the
// name in the environment under which it would be looked for. s may be nil.
func SourceOf(s *settings.Settings, name string) string {
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
