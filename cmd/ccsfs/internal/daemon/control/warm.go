package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// The kinds of an Event.
const (
	EventPlan     = "plan"     // Documents, Missing, Note
	EventDocument = "document" // Contract, Document, Name, Bytes or Error
	EventContract = "contract" // Contract, Error: its listing cannot be had, or is not the whole truth
	EventDone     = "done"     // Documents, Fetched, Failed, Bytes, Evicted, Seconds
)

// Event is a line of the answer to warm.
type Event struct {
	Event    string   `json:"event"`
	Contract string   `json:"contract,omitempty"`
	Document string   `json:"document,omitempty"`
	Name     string   `json:"name,omitempty"`
	Error    *Failure `json:"error,omitempty"`
	Note     string   `json:"note,omitempty"` // what is to be said of what was chosen

	Bytes     int64   `json:"bytes,omitempty"`
	Documents int     `json:"documents,omitempty"` // of all contracts asked for
	Missing   int     `json:"missing,omitempty"`   // not cached when this began
	Fetched   int     `json:"fetched,omitempty"`
	Failed    int     `json:"failed,omitempty"`  // documents, and contracts without a good listing
	Evicted   int     `json:"evicted,omitempty"` // fetched, but not in the cache at the end: it is too small
	Seconds   float64 `json:"seconds,omitempty"`
}

// Warm fetches all documents below these paths (none: all there are) that are chosen and
// not in the cache yet, standing back behind those who read, and tells of each.
// A path begins with the directory or the id of a contract. tell is called from
// one goroutine at a time. The error is that of ctx, of tell, of the list of
// contracts, or of a path that is not there.
func (m *Mount) Warm(ctx context.Context, paths []string, chosen choice.Choice, tell func(Event) error) error {
	begun := time.Now()
	w := &warming{mount: m, sieve: chosen.Sieve(), tell: tell}
	where, err := m.selection(ctx, paths)
	if err != nil {
		return err
	}
	missing, err := w.plan(ctx, where)
	if err != nil {
		return err
	}
	if err := w.fetch(ctx, missing); err != nil {
		return err
	}
	for _, d := range missing {
		if d.fetched && !m.Content.Has(d.ref) {
			w.total.Evicted++
		}
	}
	w.total.Event, w.total.Seconds = EventDone, time.Since(begun).Seconds()
	return w.say(w.total)
}

// warming is a Warm under way.
type warming struct {
	mount *Mount
	sieve *choice.Sieve
	tell  func(Event) error
	mu    sync.Mutex
	said  bool // something
	total Event
}

// missingDocument is a document to fetch.
type missingDocument struct {
	ref     content.Ref
	fetched bool
}

func (w *warming) say(e Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = true
	return w.tell(e)
}

// plan finds out what is to be fetched.
func (w *warming) plan(ctx context.Context, where []selected) ([]*missingDocument, error) {
	var missing []*missingDocument
	for _, at := range where {
		listing, err := w.mount.Catalog.Listing(ctx, at.contract.ID)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.lacking(at.contract.ID, listing, err); err != nil {
			return nil, err
		}
		if listing == nil {
			continue
		}
		part, err := folder.At(at.contract, listing, at.below)
		switch {
		case err != nil && !w.said:
			return nil, err
		case err != nil: // whoever has been told of something is told of this, too
			if err := w.fails(at.contract.ID, err); err != nil {
				return nil, err
			}
			continue
		}
		part.Documents(func(n folder.Node) {
			if !w.sieve.Holds(n.Path, n.Doc) {
				return
			}
			w.total.Documents++
			if r := n.Ref(); !w.mount.Content.Has(r) {
				missing = append(missing, &missingDocument{ref: r})
			}
		})
	}
	w.total.Missing = len(missing)
	return missing, w.say(Event{Event: EventPlan, Documents: w.total.Documents, Missing: len(missing), Note: w.sieve.Note()})
}

// lacking tells why a listing cannot be had, or is not the whole truth.
func (w *warming) lacking(contract string, listing *catalog.Listing, err error) error {
	m, causes := w.mount, []error{}
	if err = m.leftOut(contract, nil, err); err != nil {
		causes = append(causes, err)
	}
	if listing != nil {
		if listing.Stale != nil && !m.Offline {
			causes = append(causes, fmt.Errorf("not up to date: the listing is that of %s: %w",
				listing.FetchedAt.UTC().Format("2006-01-02 15:04"), listing.Stale))
		}
		if err := m.leftOut(contract, listing.Refused, nil); err != nil {
			causes = append(causes, err)
		}
	}
	for _, err := range causes {
		if err := w.fails(contract, err); err != nil {
			return err
		}
	}
	return nil
}

// fails tells of a contract why not all of it can be had.
func (w *warming) fails(contract string, err error) error {
	w.total.Failed++
	return w.say(Event{Event: EventContract, Contract: contract, Error: failureOf(err)})
}

func (w *warming) fetch(ctx context.Context, missing []*missingDocument) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(max(w.mount.Workers, 1))
	for _, d := range missing {
		if working.Err() != nil {
			break
		}
		g.Go(func() error { return w.fetchOne(working, d) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (w *warming) fetchOne(ctx context.Context, d *missingDocument) error {
	info, err := w.mount.Content.Fetch(ctx, d.ref)
	if err := ctx.Err(); err != nil {
		return err
	}
	e := Event{Event: EventDocument, Contract: d.ref.ContractID, Document: d.ref.DocumentID, Name: d.ref.Name}
	w.mu.Lock()
	if err != nil {
		e.Error = failureOf(err)
		w.total.Failed++
	} else {
		e.Bytes, d.fetched = info.Size, true
		w.total.Fetched++
		w.total.Bytes += info.Size
	}
	w.mu.Unlock()
	return w.say(e)
}

// serveWarm streams events. A failure before the first of them is an answer of
// its own.
func (m *Mount) serveWarm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		m.answer(w, http.StatusBadRequest, failureOf(err))
		return
	}
	chosen, err := choice.FromForm(r.Form).Parse(time.Now())
	if err != nil {
		m.answer(w, http.StatusBadRequest, failureOf(err))
		return
	}
	lines, begun := json.NewEncoder(w), false
	lines.SetEscapeHTML(false)
	err = m.Warm(r.Context(), r.Form["path"], chosen, func(e Event) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		if err := lines.Encode(e); err != nil {
			return err
		}
		return http.NewResponseController(w).Flush()
	})
	switch {
	case err == nil:
	case !begun:
		m.answer(w, http.StatusBadGateway, failureOf(err))
	case !errors.Is(err, context.Canceled):
		m.Logger.Debug("warming ended early", "error", err)
	}
}
