package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

// What is answered to each call.

// latest is how many documents a call without a limit shows: the API's own number.
const latest = 10

// offer is the offer of a contract.
type offer struct {
	Name string `json:"name"`
}

// listedContract is a contract as the API lists it.
type listedContract struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	CreatedAt string `json:"createdAt,omitempty"`
	Offer     *offer `json:"offer,omitempty"`
}

// contracts lists the contracts that the client may see.
func (g *Gateway) contracts(c *call) *apiError {
	list, err := g.contractList(c)
	if err != nil {
		return err
	}
	out := []listedContract{}
	for _, e := range list.Entries {
		if !c.client.sees(e.ID) {
			continue
		}
		one := listedContract{ID: e.ID, Name: e.Contract.Name, CreatedAt: e.CreatedAt}
		if e.Offer != "" {
			one.Offer = &offer{e.Offer}
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b listedContract) int { return strings.Compare(a.ID, b.ID) })
	g.aged(c, list.FetchedAt)
	partial(c.w.Header(), list.Incomplete || list.Old, list.Suspect != "", len(out))
	writeJSON(c.w, http.StatusOK, out)
	return nil
}

// contract tells of one.
func (g *Gateway) contract(c *call) *apiError {
	d, err := g.Catalog.Detail(catalog.WithPatience(c.Context()), c.contract)
	switch {
	case err != nil:
		return aboutContract(err)
	case d.Stale != nil:
		return old(d.Stale)
	}
	g.aged(c, d.FetchedAt)
	writeJSON(c.w, http.StatusOK, json.RawMessage(d.JSON))
	return nil
}

// listedDocument is a document as the API lists it, and what is known here of what is in it.
type listedDocument struct {
	ID        string `json:"id"`
	Filename  string `json:"filename"`
	Period    string `json:"period"`
	Type      string `json:"documentType,omitempty"`
	CreatedAt string `json:"createdAt,omitempty"`
	UpdatedAt string `json:"updatedAt,omitempty"`
	Amount    any    `json:"amount,omitempty"`
	Currency  string `json:"currency,omitempty"`
	Known     *known `json:"ccsfs,omitempty"`
}

// known is what the API does not tell, and another ccsfs need not find out.
type known struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256,omitempty"`
}

// nothing is the API's answer to a type that it does not know.
type nothing struct {
	Documents []listedDocument `json:"documents"` // null
}

// documents lists documents of a contract: of a type, the newest first, up to a limit. What
// is asked for without one or the other gets what the API gives.
func (g *Gateway) documents(c *call) *apiError {
	query := c.URL.Query()
	limit := latest
	if query.Has("limit") {
		n, err := strconv.Atoi(query.Get("limit"))
		if err != nil || n < 1 {
			return fail(http.StatusBadRequest, codeBadQuery, "limit is not a positive number")
		}
		limit = n
	}
	typ := query.Get("documentType")
	if !query.Has("documentType") {
		typ = billing.TypeReports
	}
	l, err := g.listing(c)
	if err != nil {
		return err
	}
	switch {
	case typ != "" && slices.Contains(l.Refused, typ):
		return fail(http.StatusForbidden, codeDenied, "Your profile does not allow to see documents of this type")
	case typ != "" && len(g.Types) > 0 && !slices.Contains(g.Types, typ) && slices.Contains(billing.Types(), typ):
		return fail(http.StatusForbidden, codeDenied, "The gateway does not serve documents of this type") // that is not that there are none
	}
	if typ == "" && !query.Has("limit") {
		writeJSON(c.w, http.StatusOK, nothing{})
		return nil
	}
	docs := g.selected(l, typ)
	g.aged(c, l.FetchedAt)
	// Whom a limit cuts off asks for more, and is told then.
	if len(docs) <= limit {
		partial(c.w.Header(), l.Incomplete || l.Old, l.Suspect != "", len(docs))
	}
	if len(docs) == 0 {
		writeJSON(c.w, http.StatusOK, nothing{})
		return nil
	}
	out := make([]listedDocument, 0, min(limit, len(docs)))
	for _, d := range docs[:min(limit, len(docs))] {
		out = append(out, g.listed(l, d))
	}
	writeJSON(c.w, http.StatusOK, out)
	return nil
}

// selected are the documents of a type, "" for all, the newest first.
func (g *Gateway) selected(l *catalog.Listing, typ string) (docs []*billing.Document) {
	for i := range l.Documents {
		if d := &l.Documents[i]; typ == "" || d.Type == typ {
			docs = append(docs, d)
		}
	}
	slices.SortFunc(docs, func(a, b *billing.Document) int {
		return cmp.Or(cmp.Compare(b.Period, a.Period), cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return docs
}

// listed is a document as it is listed, with what is known of what is in it, unless that may
// change without a word.
func (g *Gateway) listed(l *catalog.Listing, d *billing.Document) listedDocument {
	out := listedDocument{
		ID: d.ID, Filename: d.Filename, Period: d.Period, Type: d.Type, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Currency: d.Currency,
	}
	if d.Amount != "" {
		out.Amount = d.Amount
		if json.Valid([]byte(d.Amount)) {
			out.Amount = json.Number(d.Amount)
		}
	}
	if info, ok := g.Folder.Peek(node(l, d)); ok && !d.Volatile() && info.Size >= 0 {
		out.Known = &known{info.Size, info.SHA256}
	}
	return out
}

// node is a document of a listing in the folder. Where it is there makes no difference here.
func node(l *catalog.Listing, d *billing.Document) folder.Node {
	return folder.Node{Path: d.Filename, Listing: l, Doc: d}
}

// file sends a document, or a range of it.
func (g *Gateway) file(c *call) *apiError {
	if zipped := c.URL.Query().Get("zipped"); zipped != "" && zipped != "0" {
		return fail(http.StatusBadRequest, codeBadQuery, "zipped is not supported by this gateway")
	}
	id := c.PathValue("id")
	l, err := g.Catalog.Known(c.contract) // what is known of a document does not age
	if err != nil {
		return aboutContract(err)
	}
	if l == nil || l.Find(id) == nil {
		var failed *apiError
		if l, failed = g.listing(c); failed != nil {
			return failed
		}
	}
	d := l.Find(id)
	if d == nil {
		return fail(http.StatusNotFound, codeNotFound, "The contract has no such document")
	}
	n := node(l, d)
	httpfile.Serve(c.w, c.Request, g.Folder, n, httpfile.Options{
		Failed: func(w http.ResponseWriter, _ int, err error) { of(err).write(w) },
		Done: func(what httpfile.Served) {
			if g.Sent != nil {
				g.Sent(c.Request, c.client.Name, n, what)
			}
		},
	})
	return nil
}

// aboutContract is what an error about a contract is to a client: one that the account has
// not is one that is not the client's.
func aboutContract(err error) *apiError {
	if errors.Is(err, apiclient.ErrNotFound) {
		return notYours()
	}
	return of(err)
}

// old is said where what is known is not what the API has by now, or may not be.
func old(why error) *apiError {
	e := of(why)
	if errors.Is(why, apiclient.ErrForbidden) || errors.Is(why, apiclient.ErrNotFound) {
		e = fail(http.StatusServiceUnavailable, codeUnavailable, plain(why)) // of something else
	}
	return e
}
