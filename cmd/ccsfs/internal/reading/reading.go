// Package reading finds out the amounts that the API does not tell: from what was noted when
// a document was read before, from documents in the cache, and, if that is asked for, from
// documents that are fetched.
//
// Not here: how an amount is found in a document (package amounts), sums (package costs).
package reading

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/amounts"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
)

// readersAtOnce bounds the documents that are read at the same time, each of which takes
// some memory.
const readersAtOnce = 2

// Reader reads documents of one account. Its fields must not be changed once it reads; for
// one use of All at a time.
type Reader struct {
	Content     *content.Store
	Logger      *slog.Logger
	Connections int  // documents that are looked at, or fetched, at once
	Fetch       bool // what is in no cache is asked for, a call each
	// Ref names the content of a document.
	Ref func(*billing.Document) content.Ref
	// Fetching hears how many documents are about to be fetched; nil: nobody.
	Fetching func(n int)

	once  sync.Once
	turns chan struct{}
	mu    sync.Mutex
	wrong map[string]error // by path, why a document could not be had
}

// Outcome is what came of reading.
type Outcome struct {
	More  int              // documents that would have to be fetched
	Wrong map[string]error // by path, why a document could not be had
}

// All fills in what can be known of documents of these types, until ctx ends.
func (r *Reader) All(ctx context.Context, docs []costs.Document, types []string) Outcome {
	r.wrong = map[string]error{}
	var far []*costs.Document
	var g errgroup.Group
	g.SetLimit(max(r.Connections, 1))
	for i := range docs {
		d := &docs[i]
		if !slices.Contains(types, d.Doc.Type) || !Lacks(*d) {
			continue
		}
		switch {
		case !amounts.Readable(d.Doc.Type, d.Doc.Filename):
			d.Why += ", and it is not read from such documents"
		case r.Noted(d):
		case r.Content.Has(r.Ref(d.Doc)):
			g.Go(func() error {
				if !r.kept(ctx, d) {
					r.mu.Lock()
					far = append(far, d)
					r.mu.Unlock()
				}
				return nil
			})
		default:
			r.mu.Lock()
			far = append(far, d)
			r.mu.Unlock()
		}
	}
	_ = g.Wait() // what is wrong is kept with the documents
	return Outcome{More: r.fetchAll(ctx, far), Wrong: r.wrong}
}

// Lacks reports whether the API tells no amount of a document, so that it may be read.
func Lacks(d costs.Document) bool { return d.Source == costs.Unknown && d.Doc.Amount == "" }

// fetchAll reads documents that are not in the cache, if they may be fetched; else it
// returns how many there are.
func (r *Reader) fetchAll(ctx context.Context, far []*costs.Document) (more int) {
	if !r.Fetch {
		for _, d := range far {
			d.Why += ", and the document is not in the cache"
		}
		return len(far)
	}
	if len(far) > 0 && r.Fetching != nil {
		r.Fetching(len(far))
	}
	var g errgroup.Group
	g.SetLimit(max(r.Connections, 1))
	for _, d := range far {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := r.fetched(ctx, d); err != nil {
				d.Why += ", and the document cannot be had"
				r.mu.Lock()
				r.wrong[d.Path] = err
				r.mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // what is wrong is kept with the documents
	return 0
}

// note is what is kept with the content of a document that was read.
type note struct {
	Version  int    `json:"v"`
	As       string `json:"as"` // type and format that it was read as
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	Why      string `json:"why,omitempty"` // there is none
}

// kindOf is what a document is read as.
func kindOf(d *billing.Document) string {
	return d.Type + strings.ToLower(path.Ext(d.Filename))
}

// mostWhy bounds what is noted of why an amount is not known, in bytes.
const mostWhy = 300

// Noted fills in what was noted when the document was read before, and tells
// whether something was. It asks nobody, and waits for nothing.
func (r *Reader) Noted(d *costs.Document) bool {
	n, ok := parseNote(r.Content.Noted(r.Ref(d.Doc)), kindOf(d.Doc))
	if ok {
		r.fill(d, amounts.Amount{Amount: n.Amount, Currency: n.Currency}, n.Why)
	}
	return ok
}

// parseNote reads a note of a document that is read as a kind; false if it has to be read
// again, for there is none, or it was read by other rules.
func parseNote(text, kind string) (n note, ok bool) {
	if text == "" || json.Unmarshal([]byte(text), &n) != nil || n.Version != amounts.Version || n.As != kind {
		return note{}, false
	}
	var s decimal.Sum
	return n, n.Why != "" || s.Add(n.Amount)
}

func (r *Reader) fill(d *costs.Document, a amounts.Amount, why string) {
	if why != "" {
		d.Why += "; read: " + why
		return
	}
	d.Amount, d.Currency, d.Source, d.Why = a.Amount, a.Currency, costs.Read, ""
}

// kept reads a document in the cache, and tells whether it was there. Nobody is asked.
func (r *Reader) kept(ctx context.Context, d *costs.Document) bool {
	ref := r.Ref(d.Doc)
	k, err := r.Content.OpenKept(ctx, ref)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.Logger.Warn("cached document not readable", "contract", ref.ContractID, "document", ref.DocumentID, "error", err)
		}
		return false
	}
	defer func() { _ = k.Close() }()
	return r.read(ctx, d, k, k.Size, func() string { return k.SHA256 }) == nil
}

// fetched fetches a document and reads it.
func (r *Reader) fetched(ctx context.Context, d *costs.Document) error {
	f, err := r.Content.Open(ctx, r.Ref(d.Doc))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Begin(ctx); err != nil {
		return err
	}
	in := opened{ctx, f}
	size, err := in.whole()
	if err != nil {
		return err
	}
	return r.read(ctx, d, in, size, func() string { return f.Info().SHA256 })
}

// read reads a document that is here, and notes what it says.
func (r *Reader) read(ctx context.Context, d *costs.Document, at io.ReaderAt, size int64, hash func() string) error {
	r.once.Do(func() { r.turns = make(chan struct{}, readersAtOnce) })
	r.turns <- struct{}{}
	defer func() { <-r.turns }()
	a, err := amounts.Read(ctx, amounts.Document{ReaderAt: at, Size: size, Type: d.Doc.Type, Name: d.Doc.Filename})
	var u *amounts.UnknownError
	if err != nil && !errors.As(err, &u) {
		return err
	}
	n := note{Version: amounts.Version, As: kindOf(d.Doc), Amount: a.Amount, Currency: a.Currency}
	if u != nil {
		n.Why = term.Plain(u.Why)
		n.Why = strings.ToValidUTF8(n.Why[:min(len(n.Why), mostWhy)], "")
	}
	r.fill(d, a, n.Why)
	text, err := json.Marshal(n)
	if err == nil {
		err = r.Content.Note(r.Ref(d.Doc), hash(), string(text))
	}
	if err != nil { // it is read again the next time
		r.Logger.Debug("amount not noted", "path", d.Path, "error", err)
	}
	return nil
}

// opened is an open document as an io.ReaderAt.
type opened struct {
	ctx  context.Context
	file *content.File
}

// ReadAt implements io.ReaderAt.
func (o opened) ReadAt(p []byte, off int64) (int, error) { return o.file.ReadAt(o.ctx, p, off) }

// whole waits for all of the document, and returns its size in bytes.
func (o opened) whole() (int64, error) {
	size, err := io.Copy(io.Discard, io.NewSectionReader(o, 0, 1<<62))
	if known := o.file.Info().Size; err == nil && known >= 0 && known != size {
		err = fmt.Errorf("%d bytes of %d came", size, known)
	}
	return size, err
}
