// Package choice is which of the documents at a path a command is about, besides --types:
// by month or date, amount and name. The flags for it are the same in every command. What
// is not known of a document never leaves it out: that would be silent.
package choice

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
)

// Flags are what was typed.
type Flags struct {
	Since, Until, MinAmount string
	Names                   []string
	Types                   []string // where --types is no setting; see AddTypes
}

// Help is the paragraph on the flags for the help of a command.
const Help = `--since and --until take a month, quarter or year (2026-01, 01/2026, 2026-Q1, 2026,
last-month, this-year), and choose by the month that a document is about; or a day
(2026-01-15, 15/01/2026, yesterday), and choose by its date. --name takes a pattern of
file names ('Invoice_*'), or a part of one, in capitals or not. What is not known of a
document leaves it in.`

// Add gives a command the flags.
func (f *Flags) Add(cmd *cobra.Command) {
	f.AddSpans(cmd, "only documents of this `MONTH` (2026-01, last-month) or day, or later", "only documents of this `MONTH` or day, or earlier")
	f.AddLasting(cmd)
}

// AddSpans gives a command --since and --until alone, which mean this there.
func (f *Flags) AddSpans(cmd *cobra.Command, since, until string) {
	flags := cmd.Flags()
	flags.StringVar(&f.Since, "since", "", since)
	flags.StringVar(&f.Until, "until", "", until)
}

// AddLasting gives a command those flags that choose the same documents whenever it is
// asked: name and amount.
func (f *Flags) AddLasting(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.MinAmount, "min-amount", "", "only documents of this `AMOUNT` or more, in whatever currency")
	flags.StringArrayVar(&f.Names, "name", nil, "only documents of which the file name matches this `PATTERN`; may be repeated")
}

// AddTypes gives a command --types as a choice, where it is no setting of an account that
// the command opens.
func (f *Flags) AddTypes(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.Types, "types", nil, "only documents of these types, a `LIST` such as bills,invoices")
	_ = cmd.RegisterFlagCompletionFunc("types", cmdutil.CompleteList(settings.DocumentTypes())) // fails for a flag that is not there alone
}

// Choice is what was asked for. The zero value is everything.
type Choice struct {
	since, until *month.Span
	least        string
	names, types []string
	text         string
}

// Parse reads the flags, months and days as seen from now. Its errors have an exit code.
func (f Flags) Parse(now time.Time) (c Choice, err error) {
	if c.since, err = parseSpan("--since", f.Since, now); err != nil {
		return Choice{}, err
	}
	if c.until, err = parseSpan("--until", f.Until, now); err != nil {
		return Choice{}, err
	}
	if c.since != nil && c.until != nil && !c.since.Begin().Before(c.until.End()) {
		return Choice{}, exitcode.Errorf(exitcode.Usage, "--until %s lies before --since %s", f.Until, f.Since)
	}
	if c.least = f.MinAmount; c.least != "" {
		if _, known := decimal.AtLeast(c.least, c.least); !known {
			return Choice{}, exitcode.Errorf(exitcode.Usage, "--min-amount %q is not an amount; a good one is 100 or 1234.50", f.MinAmount)
		}
	}
	for _, name := range f.Names {
		pattern := strings.ToLower(name)
		if !strings.ContainsAny(pattern, `*?[`) {
			pattern = "*" + strings.ReplaceAll(pattern, `\`, `\\`) + "*"
		}
		if _, err := path.Match(pattern, ""); err != nil || name == "" || strings.Contains(name, "/") {
			return Choice{}, exitcode.Errorf(exitcode.Usage, "--name %q is not a pattern of file names; a good one is 'Invoice_*'", name)
		}
		c.names = append(c.names, pattern)
	}
	for _, name := range f.Types {
		if !slices.Contains(settings.DocumentTypes(), name) {
			return Choice{}, exitcode.Errorf(exitcode.Usage, "--types: %q is no type of documents; they are %s", name, strings.Join(settings.DocumentTypes(), ", "))
		}
	}
	c.types, c.text = f.Types, f.String()
	return c, nil
}

func parseSpan(flag, text string, now time.Time) (*month.Span, error) {
	if text == "" {
		return nil, nil
	}
	s, err := month.ParseSpan(text, now)
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Usage, "%s %q %w", flag, text, err)
	}
	return &s, nil
}

// String is how it was asked for.
func (f Flags) String() string {
	var all []string
	for _, flag := range []struct{ name, value string }{{"since", f.Since}, {"until", f.Until}, {"min-amount", f.MinAmount}} {
		if flag.value != "" {
			all = append(all, "--"+flag.name+"="+flag.value)
		}
	}
	for _, name := range f.Names {
		all = append(all, "--name="+name)
	}
	if len(f.Types) > 0 {
		all = append(all, "--types="+strings.Join(f.Types, ","))
	}
	return strings.Join(all, " ")
}

// Form is the flags for a request to another process; see FromForm.
func (f Flags) Form() url.Values {
	form := url.Values{}
	for name, value := range map[string]string{"since": f.Since, "until": f.Until, "min-amount": f.MinAmount} {
		if value != "" {
			form.Set(name, value)
		}
	}
	for name, values := range map[string][]string{"name": f.Names, "type": f.Types} {
		if len(values) > 0 {
			form[name] = slices.Clone(values)
		}
	}
	return form
}

// FromForm reads what Form wrote.
func FromForm(form url.Values) Flags {
	return Flags{Since: form.Get("since"), Until: form.Get("until"), MinAmount: form.Get("min-amount"), Names: form["name"], Types: form["type"]}
}

// All tells whether everything is chosen.
func (c Choice) All() bool {
	return c.since == nil && c.until == nil && c.least == "" && len(c.names) == 0 && len(c.types) == 0
}

// Months are the first and the last month of which something is chosen; 0: no bound.
func (c Choice) Months() (first, last month.Month) {
	if c.since != nil {
		first = c.since.First
	}
	if c.until != nil {
		last = c.until.Last
	}
	return first, last
}

// Dates are the first moment that is chosen and the first one after, in UTC, for whoever
// chooses by dates alone; zero: no bound.
func (c Choice) Dates() (from, before time.Time) {
	if c.since != nil {
		from = c.since.Begin()
	}
	if c.until != nil {
		before = c.until.End()
	}
	return from, before
}

// Sieve lets through what is chosen, and keeps account of it. Not for concurrent use.
func (c Choice) Sieve() *Sieve { return &Sieve{choice: c} }

// Sieve is a Choice in use.
type Sieve struct {
	choice   Choice
	chosen   int
	left     int           // documents that were left out
	months   []month.Month // of those, as far as they are known
	noAmount int           // chosen, though their amount is not known
}

// Choice is what it sieves by.
func (s *Sieve) Choice() Choice { return s.choice }

// Holds tells whether a document is chosen, by the path that it is shown at.
func (s *Sieve) Holds(at string, d *billing.Document) bool {
	if s.choice.All() {
		return true
	}
	amountKnown := true
	holds := s.choice.spans(d) && s.choice.Named(at)
	if holds && s.choice.least != "" {
		var enough bool
		enough, amountKnown = decimal.AtLeast(d.Amount, s.choice.least)
		holds = enough || !amountKnown
	}
	switch {
	case !holds:
		s.left++
		if of, ok := month.OfDocument(d); ok {
			s.months = append(s.months, of)
		}
	default:
		s.chosen++
		if !amountKnown {
			s.noAmount++
		}
	}
	return holds
}

func (c Choice) spans(d *billing.Document) bool {
	if len(c.types) > 0 && !slices.Contains(c.types, d.Type) {
		return false
	}
	if c.since != nil {
		if holds, known := c.since.Since(d); known && !holds {
			return false
		}
	}
	if c.until != nil {
		if holds, known := c.until.Until(d); known && !holds {
			return false
		}
	}
	return true
}

// Named tells whether the path of a document, of which nothing else is known, is chosen.
func (c Choice) Named(at string) bool {
	name := strings.ToLower(path.Base(at))
	return len(c.names) == 0 || slices.ContainsFunc(c.names, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// Note is what is to be said of the choice, "" if nothing: that nothing was chosen, though
// something is there, or that amounts are not known.
func (s *Sieve) Note() string {
	switch {
	case s.chosen == 0 && len(s.months) > 0:
		return fmt.Sprintf("nothing matches %s: the documents are of %s to %s", s.choice.text, slices.Min(s.months), slices.Max(s.months))
	case s.chosen == 0 && s.left > 0:
		return fmt.Sprintf("nothing matches %s", s.choice.text)
	case s.noAmount > 0:
		return fmt.Sprintf("the amount of %s is not known; --min-amount leaves them in", term.Plural(s.noAmount, "document"))
	}
	return ""
}
