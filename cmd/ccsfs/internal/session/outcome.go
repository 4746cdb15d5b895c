package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
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
