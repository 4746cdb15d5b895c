package page

import (
	"strconv"
	"time"

	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/serve/page/ask"
	"ccsfs/internal/folder"
)

// results are the documents that a search finds.
type results struct {
	Since     time.Time // of what is new; zero: all
	Documents []result
	N         int
	From, To  int // of those, counted from 1
	Before    string
	Next      string
	Zip       string
	Unknown   int  // documents of which no amount is known, that are left in for that
	Unlisted  bool // not all contracts are listed
}

type result struct {
	Key, Name, Href          string
	Contract, Called         string
	Type                     string
	Month                    *month.Month
	Made                     time.Time
	Amount, Currency, Source string
	Size                     int64 // bytes, -1: not known
	New                      bool
}

// resultsAPage is how many are shown at once.
const resultsAPage = 100

func (o *overview) results() *results {
	all := o.asked.Find(o.look)
	selection := o.asked.Selection()
	r := &results{N: len(all), Since: o.asked.Since, Zip: "/archive?" + selection.Encode()}
	if o.asked.From >= len(all) {
		o.asked.From = 0
	}
	r.From, r.To = o.asked.From+1, min(o.asked.From+resultsAPage, len(all))
	both := o.asked.View()
	for k, v := range selection {
		both[k] = v
	}
	if o.asked.From > 0 {
		r.Before = ask.Link(both, "results", "from", strconv.Itoa(max(o.asked.From-resultsAPage, 0)))
	}
	if r.To < len(all) {
		r.Next = ask.Link(both, "results", "from", strconv.Itoa(r.To))
	}
	for _, f := range all {
		if o.asked.Amount != "" && f.Source == costs.Unknown {
			r.Unknown++
		}
	}
	for _, c := range o.look.Contracts {
		r.Unlisted = r.Unlisted || c.Listing == nil && o.asked.About(c)
	}
	for _, f := range all[o.asked.From:r.To] {
		r.Documents = append(r.Documents, o.result(f))
	}
	return r
}

func (o *overview) result(f ask.Found) result {
	r := result{
		Key: ask.Key(f.Document), Name: f.Node.Name(), Href: documentHref(f.Document), Contract: f.Contract.Entry.ID, Called: f.Contract.Entry.Contract.Name,
		Type: f.Doc.Type, Made: folder.ContractTime(f.Doc.CreatedAt), Size: -1, New: f.NewSince(o.before),
	}
	if f.Dated {
		r.Month = &f.Month
	}
	if f.Source != costs.Unknown {
		r.Amount, r.Currency, r.Source = f.Amount, f.Currency, string(f.Source)
	}
	if info, ok := o.folder.Peek(f.Node); ok {
		r.Size = info.Size
	}
	return r
}
