package apiclient

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
)

// defaultLimit is sent where the caller gives none: a call without limit gives
// the ten latest usage reports only, and no bill at all.
const defaultLimit = 1000

// DocumentsQuery selects documents of a contract. Both parameters are always
// sent, also an empty type.
type DocumentsQuery struct {
	Type  string // such as bills; "" is a query of its own, not "all types"
	Limit int    // most documents to return; 0 or less: 1000
}

// Document is an entry of a listing. All fields but ID may be empty; the API
// lists no sizes.
type Document struct {
	ID        string
	Filename  string
	Period    string // starts with YYYYMM
	CreatedAt string // as the API writes it
	UpdatedAt string // as the API writes it
	Amount    string // decimal text as received
	Currency  string
	Type      string  // often missing: only the query tells it then
	Content   Content // of a gateway only
}

// Documents lists documents of a contract, at most q.Limit. An answer of null
// means none: that is what the API says to a type it does not know. A document
// without id fails the listing (ErrProtocol), it is never left out. With
// [ErrIncomplete] comes the part that was had.
func (c *Client) Documents(ctx context.Context, contractID string, q DocumentsQuery) ([]Document, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	params := url.Values{"documentType": {q.Type}, "limit": {strconv.Itoa(q.Limit)}}
	var list []Document
	var part error
	cl := &call{op: opDocuments, contract: contractID}
	err := c.getJSON(ctx, cl, "/documents", params, func(d *decoder) (err error) {
		list, err = decodeDocuments(d)
		part = d.signs.verdict(d.entries, cl.gateway)
		return err
	})
	if !cl.gateway { // whatever the API may mean by it
		for i := range list {
			list[i].Content = Content{}
		}
	}
	return list, cmp.Or(err, part)
}
