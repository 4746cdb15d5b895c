package page

import (
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/serve/page/ask"
	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
)

// matrix is what there is by contract, type and month of a year.
type matrix struct {
	Year      int
	Heads     []matrixHead
	Undated   bool // there is a column of documents without a month
	Contracts []matrixContract
	First, N  int // the contracts shown are First+1 to First+len(Contracts) of N
	Before    string
	Next      string
	All       string // all at once; "": they are
	Lacking   bool
	Whole     string // without Lacking
}

// Range are the first and the last contract shown, counted from 1.
func (m matrix) Range() []int { return []int{m.First + 1, m.First + len(m.Contracts)} }

type matrixHead struct {
	Of      int // month of the year
	Month   month.Month
	Href    string
	Running bool
}

// matrixContract is the rows of a contract.
type matrixContract struct {
	ID, Name, Offer, Anchor string
	Href, Zip               string
	Listed                  time.Time
	Notes                   []note
	Rows                    []matrixRow // at least one
}

// note is what is to be said of a contract: a text that is given in words of the page, and
// one in those of status or the API.
type note struct{ Key, Text string }

// matrixRow is a type, or a text where there is none.
type matrixRow struct {
	Type    string
	Refused bool
	Key     string // of a text instead of cells, "" for cells
	Text    string // what is in it
	Cells   []matrixCell
}

type matrixCell struct {
	At                    int // the column, 1 to 12, 13 for those without a month
	N                     int
	Href                  template.URL // of this server
	Label                 string       // what it is, in words
	Missing, New, Running bool
}

// contractsAPage is how many contracts are shown at once.
const contractsAPage = 25

// contractsShown are the contracts that are shown, of n.
func (o *overview) contractsShown() (shown []*view.Contract, n int) {
	all := o.look.Contracts
	if o.asked.Lacking {
		all = slices.DeleteFunc(slices.Clone(all), func(c *view.Contract) bool { return c.Listing != nil && !lacks(c) })
	}
	if o.asked.All {
		return all, len(all)
	}
	if o.asked.Page*contractsAPage >= len(all) {
		o.asked.Page = 0
	}
	first := o.asked.Page * contractsAPage
	return all[first:min(first+contractsAPage, len(all))], len(all)
}

func (o *overview) matrix() matrix {
	shown, n := o.contractsShown()
	m := matrix{Year: o.asked.Year, First: o.asked.Page * contractsAPage, N: n, Lacking: o.asked.Lacking}
	v := o.asked.View()
	if o.asked.All {
		m.First = 0
	} else if n > contractsAPage {
		m.All = ask.Link(v, "documents", "all", "1")
		if o.asked.Page > 0 {
			m.Before = ask.Link(v, "documents", "page", strconv.Itoa(o.asked.Page-1))
		}
		if (o.asked.Page+1)*contractsAPage < n {
			m.Next = ask.Link(v, "documents", "page", strconv.Itoa(o.asked.Page+1))
		}
	}
	m.Whole = ask.Link(v, "documents", "only", "")
	for of := range 12 {
		at := month.New(o.asked.Year, time.Month(of+1))
		m.Heads = append(m.Heads, matrixHead{of + 1, at, ask.Link(v, "results", "month", at.String()), at == o.now})
	}
	for _, c := range shown {
		m.Undated = m.Undated || slices.ContainsFunc(c.Report.Types, func(t completeness.Type) bool { return t.Undated > 0 })
	}
	for _, c := range shown {
		m.Contracts = append(m.Contracts, o.matrixContract(c, m.Undated))
	}
	return m
}

// contractAnchor is where on the page a contract is.
func contractAnchor(c *view.Contract) string {
	sum := sha256.Sum256([]byte(c.Entry.ID)) // ids may hold anything
	return "c" + hex.EncodeToString(sum[:6])
}

func (o *overview) matrixContract(c *view.Contract, undated bool) matrixContract {
	year := strconv.Itoa(o.asked.Year)
	m := matrixContract{
		ID: c.Entry.ID, Name: c.Entry.Contract.Name, Offer: c.Entry.Offer, Anchor: contractAnchor(c),
		Href: ask.Link(o.asked.View(), "results", "contract", c.Entry.ID),
		Zip:  "/archive?" + url.Values{"contract": {c.Entry.ID}, "month": {year}}.Encode(),
	}
	switch {
	case c.Listing == nil && c.Err != nil:
		m.Rows, m.Zip = []matrixRow{{Key: "matrix.failed", Text: term.Plain(c.Err.Error())}}, ""
		return m
	case c.Listing == nil:
		m.Rows, m.Zip = []matrixRow{{Key: "matrix.pending"}}, ""
		return m
	}
	m.Listed, m.Notes = c.Listing.FetchedAt, notes(c)
	m.Rows = o.matrixRows(c, undated)
	return m
}

// notes say what is to be said of a contract.
func notes(c *view.Contract) (all []note) {
	if c.Report.Stale != "" {
		all = append(all, note{"stale", term.Plain(c.Report.Stale)})
	}
	if c.Report.Suspect != "" {
		all = append(all, note{"suspect", term.Plain(c.Report.Suspect)})
	}
	for _, g := range c.Report.Gone {
		all = append(all, note{"gone", term.Plain(g)})
	}
	if c.Report.Ended != nil {
		all = append(all, note{"ended", c.Report.Ended.String()})
	}
	return all
}

// cellKey is the place of documents: a type and a month, 0 for none.
type cellKey struct {
	typ string
	of  month.Month
}

// cellDocs are the documents of a cell.
type cellDocs struct {
	n     int
	first *view.Document
	fresh bool
}

func (o *overview) matrixRows(c *view.Contract, undated bool) (rows []matrixRow) {
	cells := map[cellKey]*cellDocs{}
	for i := range c.Documents {
		d := &c.Documents[i]
		k := cellKey{typ: d.Doc.Type}
		if d.Dated {
			if k.of = d.Month; k.of.Year() != o.asked.Year {
				continue
			}
		}
		if cells[k] == nil {
			cells[k] = &cellDocs{first: d}
		}
		cells[k].n++
		cells[k].fresh = cells[k].fresh || d.NewSince(o.before)
	}
	for _, t := range c.Report.Types {
		row, some := matrixRow{Type: t.Type, Refused: slices.Contains(c.Report.Refused, t.Type)}, false
		for of := range 12 {
			m := month.New(o.asked.Year, time.Month(of+1))
			cell := o.cell(c, t, cells[cellKey{t.Type, m}], m)
			cell.At = of + 1
			some = some || cell.N > 0 || cell.Missing
			row.Cells = append(row.Cells, cell)
		}
		if undated {
			cell := o.cell(c, t, cells[cellKey{typ: t.Type}], 0)
			cell.At = 13
			some = some || cell.N > 0
			row.Cells = append(row.Cells, cell)
		}
		if some {
			rows = append(rows, row)
		}
	}
	for _, t := range c.Report.None {
		rows = append(rows, matrixRow{Type: t, Key: "matrix.nothing"})
	}
	for _, t := range c.Report.Refused {
		if !slices.ContainsFunc(rows, func(r matrixRow) bool { return r.Type == t }) {
			rows = append(rows, matrixRow{Type: t, Refused: true, Key: "matrix.refused"})
		}
	}
	switch {
	case len(rows) > 0:
	case len(c.Documents) > 0:
		rows = append(rows, matrixRow{Key: "matrix.none", Text: strconv.Itoa(o.asked.Year)})
	default:
		rows = append(rows, matrixRow{Key: "matrix.never"})
	}
	return rows
}

// cell is what is shown of a type and month, 0: of no month. One document is linked to
// itself, several to a list of them.
func (o *overview) cell(c *view.Contract, t completeness.Type, docs *cellDocs, m month.Month) (cell matrixCell) {
	href := ""
	switch {
	case docs != nil && docs.n == 1:
		cell.N, href = 1, documentHref(docs.first)
	case docs != nil && m == 0:
		cell.N, href = docs.n, ask.Link(o.asked.View(), "results", "contract", c.Entry.ID, "type", t.Type)
	case docs != nil:
		cell.N, href = docs.n, ask.Link(o.asked.View(), "results", "contract", c.Entry.ID, "type", t.Type, "month", m.String())
	case m != 0 && slices.Contains(t.Missing, m):
		cell.Missing, href = true, ask.Link(o.asked.View(), "results", "contract", c.Entry.ID, "month", m.String())
	}
	if docs != nil {
		cell.New = docs.fresh
		cell.Running = m != 0 && m >= o.now || billing.VolatileType(t.Type)
	}
	if cell.N > 0 || cell.Missing {
		cell.Href, cell.Label = template.URL(href), o.cellLabel(c, t, cell, m) // its parts are escaped
	}
	return cell
}

// cellLabel says what a cell shows.
func (o *overview) cellLabel(c *view.Contract, t completeness.Type, cell matrixCell, m month.Month) string {
	of := o.lang.Say("column.undated")
	if m != 0 {
		of = o.lang.Month(m)
	}
	if cell.Missing {
		return o.lang.Say("cell.missing", o.lang.Type(t.Type), of, term.Plain(c.Entry.ID))
	}
	text := o.lang.Count("cell.documents", cell.N, o.lang.Type(t.Type), of, term.Plain(c.Entry.ID))
	if cell.New {
		text += o.lang.Say("cell.new")
	}
	if cell.Running {
		text += o.lang.Say("cell.running")
	}
	return text
}

// documentHref is the address of a document.
func documentHref(d *view.Document) string {
	return (&url.URL{Path: "/document/" + d.Path}).EscapedPath()
}
