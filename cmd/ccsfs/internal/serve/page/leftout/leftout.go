// Package leftout says what of a selection of documents will not be in it, before it is sent:
// what is not listed, old, refused, doubted or gone. It makes no call.
package leftout

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/serve/page/ask"
	"ccsfs/cmd/ccsfs/internal/serve/page/words"
	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/folder"
)

// Of says what of a selection is not known, or not all, in sentences.
func Of(lang *words.Language, a *ask.Query, l *view.Look) (left []string) {
	add := func(key string, args ...any) { left = append(left, term.Plain(lang.Say(key, args...))) }
	switch {
	case l.List == nil && l.Err != nil:
		add("left.unknown", l.Err)
	case l.List == nil:
		add("left.unknown", lang.Say("matrix.pending"))
	case l.List.Stale != nil && a.Contract == "" && a.Chosen == nil:
		add("left.contracts", l.List.Stale)
	case l.List.Suspect != "" && a.Contract == "" && a.Chosen == nil:
		add("left.contracts", l.List.Suspect)
	}
	for _, c := range l.Contracts {
		switch {
		case !a.About(c):
		case c.Listing == nil && c.Err != nil:
			add("left.failed", c.Entry.ID, c.Err)
		case c.Listing == nil:
			add("left.unlisted", c.Entry.ID)
		case a.Chosen == nil:
			ofContract(lang, a, c, add)
		}
	}
	return left
}

// Unknown is why nobody knows whether there are documents that an archive is to hold: what
// cannot be listed, or only as it was; nil if it is known. What may pass goes before what is
// refused.
func Unknown(a *ask.Query, l *view.Look) error {
	if l.List == nil {
		if l.Err != nil {
			return l.Err
		}
		return fmt.Errorf("contracts: still being asked for: %w", apiclient.ErrTimeout)
	}
	var refused error
	for _, c := range l.Contracts {
		switch {
		case !a.About(c):
		case c.Listing == nil && c.Err == nil:
			return fmt.Errorf("contract %s: still being listed: %w", c.Entry.ID, apiclient.ErrTimeout)
		case c.Listing == nil && !apiclient.Refused(c.Err):
			return c.Err
		case c.Listing == nil:
			refused = c.Err
		case c.Listing.Stale != nil:
			return &folder.OldError{Path: c.Entry.ID, Cause: c.Listing.Stale}
		}
	}
	if refused == nil && l.List.Stale != nil {
		return &folder.OldError{Path: cmp.Or(a.Contract, "what is asked for"), Cause: l.List.Stale}
	}
	return refused
}

// Chosen says which documents were chosen one by one and are not found, as where they are
// not listed any more: there is no other sign of them. Of contracts that are not listed
// themselves, Of has said so.
func Chosen(lang *words.Language, a *ask.Query, l *view.Look, found []ask.Found) (left []string) {
	if l.List == nil {
		return nil
	}
	missing := maps.Clone(a.Chosen)
	for _, f := range found {
		delete(missing, ask.Key(f.Document))
	}
	for _, c := range l.Contracts {
		if c.Listing == nil {
			maps.DeleteFunc(missing, func(key string, _ bool) bool { return ask.ContractOf(key) == url.PathEscape(c.Entry.ID) })
		}
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		left = append(left, term.Plain(lang.Say("left.chosen", key)))
	}
	return left
}

// ofContract says what is not in the listing of a contract.
func ofContract(lang *words.Language, a *ask.Query, c *view.Contract, add func(key string, args ...any)) {
	if c.Listing.Stale != nil {
		add("left.stale", c.Entry.ID, lang.Time(c.Listing.FetchedAt))
	}
	if c.Listing.Suspect != "" {
		add("left.suspect", c.Entry.ID, c.Listing.Suspect)
	}
	var refused []string
	for _, t := range c.Listing.Refused {
		if a.Type == "" || a.Type == t {
			refused = append(refused, lang.Type(t))
		}
	}
	if len(refused) > 0 {
		add("left.refused", c.Entry.ID, strings.Join(refused, ", "))
	}
	for _, g := range c.Listing.Gone {
		if a.Type == "" || a.Type == g.Type {
			add("left.gone", c.Entry.ID+": "+g.String())
		}
	}
}
