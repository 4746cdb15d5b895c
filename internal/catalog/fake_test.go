package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"
)

// call is one request that reached the fake API.
type call struct {
	op       string // "contracts", "contract", "documents"
	contract string
	typ      string
	limit    int
}

// fakeAPI is an account: documents by contract, newest first, each with its
// type. Fields may be changed between calls with set.
type fakeAPI struct {
	mu        sync.Mutex
	contracts []apiclient.Contract
	docs      map[string][]apiclient.Document
	detail    string
	cap       int                         // most documents in an answer; 0: as many as asked
	tells     bool                        // an answer that is cut says so
	fears     bool                        // that is of a gateway, which cannot know
	mute      bool                        // documents do not tell their type
	untyped   string                      // what the empty type means; "": all
	fail      func(call) error            // nil: nothing fails
	before    func(context.Context)       // called before each answer, unlocked
	slow      func(context.Context, call) // called before each answer, unlocked; nil: none is
	null      func(call) bool             // what answers with nothing, or nullIs documents
	nullIs    int
	calls     []call
}

func newFake(contracts ...string) *fakeAPI {
	f := &fakeAPI{docs: make(map[string][]apiclient.Document), detail: `{"id":"x"}`}
	for _, id := range contracts {
		f.contracts = append(f.contracts, apiclient.Contract{ID: id, Name: "contract " + id, CreatedAt: "2020-01-15T00:00:00Z"})
	}
	return f
}

func (f *fakeAPI) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// enter counts a call and returns how it fails.
func (f *fakeAPI) enter(ctx context.Context, c call) error {
	f.mu.Lock()
	f.calls = append(f.calls, c)
	before, slow, fail := f.before, f.slow, f.fail
	f.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	if slow != nil {
		slow(ctx, c)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if fail != nil {
		return fail(c)
	}
	return nil
}

// part is what comes with a part of a list.
func (f *fakeAPI) part(entries int) error {
	if f.fears {
		return fmt.Errorf("%w: the gateway fears it", apiclient.ErrFeared)
	}
	return fmt.Errorf("%w: it has %d entries, and a member \"next\"", apiclient.ErrIncomplete, entries)
}

func (f *fakeAPI) Contracts(ctx context.Context) ([]apiclient.Contract, error) {
	if err := f.enter(ctx, call{op: "contracts"}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.null != nil && f.null(call{op: "contracts"}) {
		return nil, nil
	}
	if f.tells && len(f.contracts) > 1 {
		return slices.Clone(f.contracts[:1]), f.part(1)
	}
	return slices.Clone(f.contracts), nil
}

func (f *fakeAPI) Contract(ctx context.Context, id string) (*apiclient.ContractDetail, error) {
	if err := f.enter(ctx, call{op: "contract", contract: id}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &apiclient.ContractDetail{ID: id, Raw: json.RawMessage(f.detail)}, nil
}

func (f *fakeAPI) Documents(ctx context.Context, id string, q apiclient.DocumentsQuery) ([]apiclient.Document, error) {
	if err := f.enter(ctx, call{op: "documents", contract: id, typ: q.Type, limit: q.Limit}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	most := q.Limit
	if f.null != nil && f.null(call{op: "documents", contract: id, typ: q.Type, limit: q.Limit}) {
		most = f.nullIs
	}
	var out []apiclient.Document
	typ := cmp.Or(q.Type, f.untyped)
	for _, d := range f.docs[id] {
		if typ != "" && d.Type != typ {
			continue
		}
		if len(out) == most || f.cap > 0 && len(out) == f.cap {
			break
		}
		if f.mute {
			d.Type = ""
		}
		out = append(out, d)
	}
	if f.tells && f.cap > 0 && len(out) == f.cap {
		return out, f.part(len(out))
	}
	return out, nil
}

// count returns how many calls of an operation there were, of all for "".
func (f *fakeAPI) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if op == "" || c.op == op {
			n++
		}
	}
	return n
}

func (f *fakeAPI) reset() {
	f.set(func() { f.calls = nil })
}

// monthly makes perMonth documents of a type for each of so many months up to
// October 2026, newest first.
func monthly(typ string, months, perMonth int) []apiclient.Document {
	var docs []apiclient.Document
	for m := range months {
		p := time.Date(2026, time.Month(10-m), 1, 0, 0, 0, 0, time.UTC).Format("200601")
		for i := range perMonth {
			docs = append(docs, apiclient.Document{
				ID: fmt.Sprintf("%s-%s-%d", typ, p, i), Filename: fmt.Sprintf("%s %s %d.pdf", typ, p, i), Period: p, Type: typ,
			})
		}
	}
	return docs
}

// together interleaves lists by period, newest first, as a list of all types
// would be.
func together(lists ...[]apiclient.Document) []apiclient.Document {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b apiclient.Document) int { return strings.Compare(b.Period, a.Period) })
	return all
}

// logs collects what is logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// open returns a catalog that is closed with the test.
func open(t testing.TB, cfg Config, api API) *Catalog {
	t.Helper()
	c, err := New(cfg, api)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func mustList(t testing.TB, c *Catalog, id string) *Listing {
	t.Helper()
	l, err := c.Listing(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func idsOf(l *Listing) []string {
	ids := make([]string, len(l.Documents))
	for i := range l.Documents {
		ids[i] = l.Documents[i].ID
	}
	return ids
}
