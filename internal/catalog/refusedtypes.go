package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// A listing is several calls. Where some are refused and some are not, the user may
// not see those types, and they are left out; or access to the contract was
// withdrawn, or granted, between the first call and the last. Then what was refused
// is as much there, or as little, as the rest, and to leave it out would be to say
// that it does not exist. One question more of each side tells.

// knownRefusals remembers which types are refused for certain. That is a matter of the user,
// so that it need not be found out for each contract.
type knownRefusals struct {
	mu    sync.Mutex
	types map[string]bool
}

func (s *knownRefusals) add(typ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.types == nil {
		s.types = make(map[string]bool)
	}
	s.types[typ] = true
}

func (s *knownRefusals) has(typ string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.types[typ]
}

// confirmRefusals makes sure of types that are refused, and were not before, while others
// are answered. It fails if the contract as a whole is refused by now.
func (f *fetcher) confirmRefusals(ctx context.Context, contractID string, answers []answer, prev *Listing) error {
	doubtful, good := f.doubtful(answers, prev)
	if len(doubtful) == 0 || good == nil {
		return nil
	}
	p, err := f.limits.all(ctx, f.documents(contractID, good.typ), good.limit, false)
	switch {
	case errors.Is(err, apiclient.ErrForbidden):
		return fmt.Errorf("documents of contract %s, refused while they were listed: %w", contractID, err)
	case err != nil:
		return fmt.Errorf("documents of contract %s, %s, asked for again: %w", contractID, typeName(good.typ), temporary(err))
	}
	good.add(p)
	g, gctx := errgroup.WithContext(ctx)
	for _, a := range doubtful {
		g.Go(func() error {
			p, err := f.limits.all(gctx, f.documents(contractID, a.typ), f.limits.current(), true)
			return f.take(contractID, a, p, err)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, a := range doubtful {
		if errors.Is(a.err, apiclient.ErrForbidden) {
			f.refused.add(a.typ)
		}
	}
	return nil
}

// doubtful returns the refused answers that are to be made sure of, with that of no
// type if there are any, and one that is good.
func (f *fetcher) doubtful(answers []answer, prev *Listing) (list []*answer, good *answer) {
	var untyped *answer
	for i := range answers {
		switch a := &answers[i]; {
		case a.typ == "":
			untyped = a
		case a.err == nil:
			good = a
		case errors.Is(a.err, apiclient.ErrForbidden) && !f.expected(a.typ, prev):
			list = append(list, a)
		}
	}
	if len(list) > 0 && untyped != nil && errors.Is(untyped.err, apiclient.ErrForbidden) {
		list = append(list, untyped)
	}
	return list, good
}

// expected reports whether it is no news that a type is refused.
func (f *fetcher) expected(typ string, prev *Listing) bool {
	if prev == nil {
		return f.refused.has(typ)
	}
	if slices.Contains(prev.Refused, typ) {
		return true
	}
	had := slices.ContainsFunc(prev.Documents, func(d billing.Document) bool { return d.Type == typ })
	return !had && f.refused.has(typ)
}

// temporary makes an error that says nothing about the contract of one that a type
// was given which was answered a moment ago.
func temporary(err error) error {
	if fresh.Denied(err) || errors.Is(err, apiclient.ErrInvalid) {
		return fmt.Errorf("%s: %w", err.Error(), apiclient.ErrProtocol)
	}
	return err
}
