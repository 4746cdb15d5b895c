package page

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/serve/archive"
	"ccsfs/cmd/ccsfs/internal/serve/page/ask"
	"ccsfs/cmd/ccsfs/internal/serve/page/cookies"
	"ccsfs/cmd/ccsfs/internal/serve/page/words"
	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// document serves a document at a path of the folder. A browser shows what is PDF by name
// and bytes, and keeps the rest.
func (p *Page) document(q *request, at string) {
	q.waits()
	f := p.folder(q)
	n, err := f.Find(q.Context(), at)
	if err != nil {
		p.fail(q, httpfile.Status(err), err)
		return
	}
	if n.Doc == nil {
		p.fail(q, http.StatusNotFound, nil)
		return
	}
	q.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	httpfile.Serve(q.w, q.Request, f, n, httpfile.Options{
		Disposition: func(begin []byte) string {
			if httpfile.Inline(n.Name(), begin) {
				// Not every viewer runs in a sandbox (Chromium 156 does), and what is PDF for sure needs none.
				q.w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
				return httpfile.Disposition("inline", n.Name())
			}
			return httpfile.Disposition("attachment", n.Name())
		},
		Failed: func(_ http.ResponseWriter, status int, err error) { p.fail(q, status, err) },
		Done: func(s httpfile.Served) {
			if p.Sent != nil {
				p.Sent(q.Request, n, s)
			}
		},
	})
}

// selection is the documents that an archive is to hold, and what it will not.
type selection struct {
	documents []folder.Node
	left      []string
	bytes     int64 // of those whose size is known
	sized     int   // how many they are
}

// archiveBody is the page at /archive.
type archiveBody struct {
	N     int
	Bytes int64
	Sized int
	Left  []string
	Query []pair
}

type pair struct{ Name, Value string }

// archivePage says what an archive will hold, before it is downloaded.
func (p *Page) archivePage(q *request) {
	a := ask.Read(q.URL.Query(), p.Now(), q.lang)
	if len(a.Wrong) > 0 {
		p.fail(q, http.StatusBadRequest, fmt.Errorf("%s", strings.Join(a.Wrong, "; ")))
		return
	}
	l := p.look(q.Context(), q)
	p.view.Need(l.Contracts)
	s := p.selected(q, a, l)
	s.left = append(s.left, p.failedBefore(q.lang, s.documents)...)
	body := archiveBody{N: len(s.documents), Bytes: s.bytes, Sized: s.sized, Left: s.left}
	for name, values := range a.Selection() {
		for _, v := range values {
			body.Query = append(body.Query, pair{name, v})
		}
	}
	slices.SortFunc(body.Query, func(a, b pair) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	f := &frame{Title: q.lang.Say("archive")}
	if l.Pending() {
		f.Reload = reloadAfter
	}
	p.render(q, http.StatusOK, "archive", f, body)
}

// archiveAhead is how many documents of an archive are fetched before their turn.
const archiveAhead = 4

// archiveFile sends an archive.
func (p *Page) archiveFile(q *request) {
	a := ask.Read(q.URL.Query(), p.Now(), q.lang)
	if len(a.Wrong) > 0 {
		p.fail(q, http.StatusBadRequest, fmt.Errorf("%s", strings.Join(a.Wrong, "; ")))
		return
	}
	if q.Method == http.MethodHead { // asks nobody for anything
		q.w.Header().Set("Content-Type", "application/zip")
		return
	}
	done, ok := p.turns.Take(q.user.Name)
	if !ok {
		q.w.Header().Set("Retry-After", "30")
		p.fail(q, http.StatusTooManyRequests, fmt.Errorf("%s", q.lang.Say("archive.busy")))
		return
	}
	defer done()
	q.waits()
	ctx := q.Context()
	_, _ = p.folder(q).Children(ctx, folder.Node{}, false) // waits for the contracts; the look tells why there are none
	l := p.look(ctx, q)
	p.view.Await(ctx, slices.DeleteFunc(slices.Clone(l.Contracts), func(c *view.Contract) bool { return !a.About(c) }))
	l = p.look(ctx, q)
	s := p.selected(q, a, l)
	z := archive.Archive{
		Nothing: a.Unknown(l),
		Name:    archiveName(a, len(s.left) > 0, p.Now()), Folder: p.folder(q), Documents: s.documents, LeftOut: s.left, Ahead: archiveAhead,
		Incomplete: func(left []string) string {
			return q.lang.Say("archive.incomplete") + "\r\n\r\n- " + strings.Join(left, "\r\n- ") + "\r\n"
		},
		Failed: func(_ http.ResponseWriter, status int, err error) { p.fail(q, status, err) },
		Sent: func(n folder.Node, s httpfile.Served) {
			if p.Sent != nil {
				p.Sent(q.Request, n, s)
			}
		},
	}
	if p.Settings.Cache.Size > 0 { // else what is fetched is gone before it is sent
		z.Fetch = func(ctx context.Context, r content.Ref) error {
			_, err := p.Account.Content.Fetch(ctx, r)
			return err
		}
	}
	z.Serve(q.w, q.Request)
}

// archiveName is the name of an archive, which tells if it is not whole.
func archiveName(a *ask.Query, incomplete bool, now time.Time) string {
	parts := []string{"documents"}
	for _, part := range []string{a.Contract, a.Type, a.Month} {
		if part = strings.Map(func(r rune) rune {
			if strings.ContainsRune("-_.", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return -1
		}, part); part != "" {
			parts = append(parts, part[:min(len(part), 60)])
		}
	}
	if len(parts) == 1 {
		parts = append(parts, now.UTC().Format(time.DateOnly))
	}
	if incomplete {
		parts = append(parts, "INCOMPLETE")
	}
	return strings.Join(parts, "_") + ".zip"
}

// selected is what is asked for of what a user sees, and what of it will not be there.
func (p *Page) selected(q *request, a *ask.Query, l *view.Look) selection {
	s := selection{left: leftOut(q.lang, a, l)}
	before := time.Time{}
	if a.New {
		before = cookies.Visit(q.w, q.Request, p.Now())
	}
	all := a.Find(l, before)
	s.left = append(s.left, notThere(q.lang, a, l, all)...)
	slices.SortFunc(all, func(a, b ask.Found) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range all {
		s.documents = append(s.documents, f.Node)
		if info, ok := p.Account.Folder.Peek(f.Node); ok {
			s.bytes += info.Size
			s.sized++
		}
	}
	return s
}

// failedBefore says which of some documents could not be had before. That is for who has
// not asked yet: an archive tries them again, and says what came of it.
func (p *Page) failedBefore(lang *words.Language, documents []folder.Node) (left []string) {
	failed := map[[2]string]error{}
	for _, one := range p.Account.Content.Shortfalls() {
		if !one.Stale {
			failed[[2]string{one.ContractID, one.DocumentID}] = one.Err
		}
	}
	for _, n := range documents {
		if err := failed[[2]string{n.Doc.ContractID, n.Doc.ID}]; err != nil {
			left = append(left, term.Plain(lang.Say("left.before", n.Path, err)))
		}
	}
	return left
}

// leftOut says what of a selection is not known, or not all, in sentences.
func leftOut(lang *words.Language, a *ask.Query, l *view.Look) (left []string) {
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
			leftOf(lang, a, c, add)
		}
	}
	return left
}

// notThere says which documents were chosen one by one and are not found, as where they are
// not listed any more: there is no other sign of them. Of contracts that are not listed
// themselves, leftOut has said so.
func notThere(lang *words.Language, a *ask.Query, l *view.Look, found []ask.Found) (left []string) {
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

// leftOf says what is not in the listing of a contract.
func leftOf(lang *words.Language, a *ask.Query, c *view.Contract, add func(key string, args ...any)) {
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
