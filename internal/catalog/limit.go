package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"ccsfs/apiclient"
)

// How many documents to ask for: what the API takes, and when it has more.

// startLimit is the limit that listings are asked with first: more than a
// contract gathers in decades, so that one call for each type is enough. Whether
// the API has a highest one is not documented.
const startLimit = 4000

// lastLimit bounds the doubling: no contract has that many documents, so
// something else is wrong.
const lastLimit = 1 << 21

// lowerLimits are tried in turn when the API refuses startLimit.
func lowerLimits() []int { return []int{1000, 500, 200, 100, 10} }

// limits is what the process has learnt about the API's limit parameter. It
// is shared by all queries, so that a refused limit is tried once, not once
// for each type of each contract: the API counts mishandled errors.
type limits struct {
	probing chan struct{} // held by the one who looks for a limit that works

	mu      sync.Mutex
	start   int // works, as far as known
	refused int // the lowest one refused; 0: none
}

func newLimits() *limits {
	return &limits{probing: make(chan struct{}, 1), start: startLimit}
}

func (l *limits) current() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start
}

// next returns the limit to ask with after a full page of limit, 0 if the API
// is known to refuse it.
func (l *limits) next(limit int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused != 0 && 2*limit >= l.refused {
		return 0
	}
	return 2 * limit
}

// above returns the first limit after limit, by doubling, that have documents
// do not fill; 0 if the API is known to refuse it.
func (l *limits) above(limit, have int) int {
	for limit <= have && limit != 0 {
		limit = l.next(limit)
	}
	return limit
}

func (l *limits) refuse(limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == 0 || limit < l.refused {
		l.refused = limit
	}
}

func (l *limits) works(limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = min(l.start, limit)
}

// page is the answer to one query, as complete as could be had.
type page struct {
	docs  []apiclient.Document
	limit int    // asked with
	cut   string // why it seems cut short; "" if it does not
	told  bool   // the API says so itself

	feared bool // a gateway says so, which cannot know
}

// reply is the answer to one call of the API.
type reply struct {
	docs []apiclient.Document
	more string // why they are not all, if the API says so itself; "" if it does not

	feared bool // a gateway says that they may not be all
}

// ask is one call of the API.
type ask func(ctx context.Context, limit int) (reply, error)

// all asks for everything: from limit on, doubling while full pages come
// back. probe allows to look for a lower limit if the API refuses the first.
func (l *limits) all(ctx context.Context, f ask, limit int, probe bool) (page, error) {
	got, err := f(ctx, limit)
	if errors.Is(err, apiclient.ErrInvalid) && probe {
		limit, got, err = l.probe(ctx, f, limit, err)
	}
	if err != nil {
		return page{}, err
	}
	for len(got.docs) >= limit {
		full := len(got.docs)
		more := l.next(limit)
		if more == 0 {
			return got.page(limit, fmt.Sprintf("the API refuses a limit above %d, and that many documents came", limit)), nil
		}
		if more > lastLimit {
			return page{}, fmt.Errorf("more than %d documents: %w", lastLimit, apiclient.ErrProtocol)
		}
		again, err := f(ctx, more)
		if errors.Is(err, apiclient.ErrInvalid) {
			l.refuse(more)
			continue
		}
		if err != nil {
			return page{}, err
		}
		if len(again.docs) <= full && full == limit {
			return longer(got, again).page(more, fmt.Sprintf("a limit of %d brings no more documents than %d", more, limit)), nil
		}
		got, limit = longer(got, again), more
	}
	return got.page(limit, ""), nil
}

// page is the reply as the answer to a query, with a reason to doubt it.
func (r reply) page(limit int, cut string) page {
	if cut = cmp.Or(r.more, cut); cut == "" && r.feared {
		cut = isFeared
	}
	return page{docs: r.docs, limit: limit, cut: cut, told: r.more != "", feared: r.feared}
}

func longer(a, b reply) reply {
	if len(a.docs) > len(b.docs) {
		return a
	}
	return b
}

// probe finds a limit that the API takes in place of one that it refused, and
// remembers it. One probes at a time; the others then try what it found. If
// no limit works it was not about the limit, and the first error stands.
func (l *limits) probe(ctx context.Context, f ask, limit int, refusal error) (int, reply, error) {
	select {
	case l.probing <- struct{}{}:
		defer func() { <-l.probing }()
	case <-ctx.Done():
		return 0, reply{}, ctx.Err()
	}
	candidates := lowerLimits()
	if found := l.current(); found < limit { // while waiting
		candidates = append([]int{found}, candidates...)
	}
	lowestRefused := limit
	for _, lower := range candidates {
		if lower >= lowestRefused {
			continue
		}
		got, err := f(ctx, lower)
		switch {
		case err == nil:
			l.refuse(lowestRefused)
			l.works(lower)
			return lower, got, nil
		case !errors.Is(err, apiclient.ErrInvalid):
			return 0, reply{}, err
		}
		lowestRefused = lower
	}
	return 0, reply{}, refusal
}
