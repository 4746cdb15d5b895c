package page

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/serve/page/ask"
	"ccsfs/cmd/ccsfs/internal/serve/page/cookies"
	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/folder"
)

// overviewBody is the page at /.
type overviewBody struct {
	Banner  *banner // nil: all is well
	Facts   facts
	Search  searchForm
	Results *results // nil: nothing is searched for
	Costs   *costsBody
	Matrix  matrix
	Empty   string // what is said where there are no contracts
}

// overview is made by one.
type overview struct {
	*request
	asked  *ask.Query
	look   *view.Look
	folder *folder.Folder
	view   *view.View

	settings *settings.Settings
	now      month.Month // under way, by UTC
	before   time.Time   // when the browser was here before; zero: never
	years    []int       // of which there is something, or which lack something
}

type yearLink struct {
	Year   int
	Href   string
	Chosen bool
}

// reloadAfter is after how many seconds a page comes again on which something is missing that
// is being asked for.
const reloadAfter = 3

// overview serves /.
func (p *Page) overview(q *request) {
	o := p.newOverview(q)
	shown, _ := o.contractsShown()
	p.view.Need(slices.Concat(shown, o.look.Contracts)) // the rest behind those shown
	if !p.begin(q) {
		return
	}
	defer q.made()
	body := &overviewBody{Banner: o.banner(), Facts: o.facts(), Search: o.searchForm(), Costs: o.costs(), Matrix: o.matrix()}
	if o.asked.Search() && len(o.asked.Wrong) == 0 {
		body.Results = o.results()
	}
	switch {
	case o.look.List == nil && o.look.Err != nil:
		body.Empty = o.lang.Say("matrix.away", o.look.Err)
	case o.look.List == nil:
		body.Empty = o.lang.Say("matrix.waiting")
	case len(o.look.Contracts) == 0:
		body.Empty = o.lang.Say("matrix.empty")
	}
	f := &frame{Title: o.lang.Say("title"), Home: true, Year: o.asked.Year, Back: q.URL.RawQuery, Running: o.look.Refreshing}
	if o.look.Pending() || o.look.Refreshing || o.look.Reading {
		f.Reload = reloadAfter
	}
	for _, year := range o.years {
		f.Years = append(f.Years, yearLink{year, ask.Link(o.asked.View(), "", "year", strconv.Itoa(year)), year == o.asked.Year})
	}
	p.render(q, http.StatusOK, "overview", f, body)
}

func (p *Page) newOverview(q *request) *overview {
	now := p.Now()
	o := &overview{request: q, asked: ask.Read(q.URL.Query(), now, q.lang), look: p.look(q.Context(), q), folder: p.folder(q), view: p.view, settings: p.Settings, before: cookies.Visit(q.w, q.Request, now)}
	o.asked.Before(o.before)
	utc := now.UTC()
	o.now = month.New(utc.Year(), utc.Month())
	o.years = o.yearsOf()
	if o.asked.Year == 0 || !slices.Contains(o.years, o.asked.Year) {
		o.asked.Year = utc.Year()
		if n := len(o.years); n > 0 && !slices.Contains(o.years, o.asked.Year) {
			o.asked.Year = o.years[n-1]
		}
	}
	return o
}

// yearsOf are the years of which there is, or is due, something.
func (o *overview) yearsOf() (years []int) {
	add := func(m *month.Month) {
		if m != nil && !slices.Contains(years, m.Year()) {
			years = append(years, m.Year())
		}
	}
	for _, c := range o.look.Contracts {
		for _, t := range c.Report.Types {
			for i := range t.Months {
				add(&t.Months[i].Month)
			}
			for i := range t.Missing {
				add(&t.Missing[i])
			}
		}
	}
	slices.Sort(years)
	return years
}

// facts answer, at a glance, what people come for.
type facts struct {
	Year      int
	Contracts contractsFact
	Months    monthsFact
	Missing   missingFact
	New       newFact
	Cost      costFact
	Well      wellFact
}

type contractsFact struct {
	N, Pending, Failed, Documents int
	Yours                         bool
	Hidden                        string // what a filter of the settings hides, "" if nothing
	Names                         []string
	More                          int
}

type monthsFact struct {
	First, Last *month.Month
	Running     *month.Month // nil: nothing is there of it
}

type missingFact struct {
	N      int
	Unsure bool // not all is listed yet
	Blind  bool // something is refused, or may not be listed: what lacks there is not known
	All    []lack
	More   int
	Href   string
}

// lack is something that is due and not there.
type lack struct {
	Contract, Type, Href string
	Month                *month.Month // nil: there is none at all
}

type newFact struct {
	First bool
	N     int
	Since time.Time
	Href  string
}

// namedMost bounds what is named one by one in a fact.
const namedMost = 3

func (o *overview) facts() facts {
	f := facts{Year: o.asked.Year, Cost: o.costFact()}
	f.Contracts = contractsFact{N: len(o.look.Contracts), Yours: o.user.Contracts != nil}
	if o.look.List != nil && !f.Contracts.Yours {
		f.Contracts.Hidden = session.HiddenNote(o.settings, o.look.List)
	}
	f.New = newFact{First: o.before.IsZero(), Since: o.before, Href: ask.Link(o.asked.View(), "results", "new", ask.SinceLast(o.before))}
	f.Missing.Href = ask.Link(o.asked.View(), "documents", "only", "missing")
	for _, c := range o.look.Contracts {
		f.Contracts.add(c)
		f.Months.add(c, o.now)
		f.Missing.add(c)
		if c.Digest == nil {
			continue
		}
		f.Contracts.Documents += len(c.Documents)
		for i := range c.Documents {
			if c.Documents[i].NewSince(o.before) {
				f.New.N++
			}
		}
	}
	f.Well = o.well(f.Missing.N)
	f.Missing.Unsure = f.Contracts.Pending > 0
	return f
}

func (f *contractsFact) add(c *view.Contract) {
	switch {
	case c.Listing != nil:
	case c.Err == nil:
		f.Pending++
	default:
		f.Failed++
	}
	if len(f.Names) < namedMost+1 {
		f.Names = append(f.Names, cmp.Or(c.Entry.Contract.Name, c.Entry.ID))
	} else {
		f.More++
	}
}

func (f *monthsFact) add(c *view.Contract, now month.Month) {
	for _, t := range c.Report.Types {
		if t.First == nil {
			continue
		}
		if f.First == nil || *t.First < *f.First {
			f.First = t.First
		}
		if f.Last == nil || *t.Last > *f.Last {
			f.Last = t.Last
		}
		if *t.Last >= now {
			f.Running = &now
		}
	}
}

func (f *missingFact) add(c *view.Contract) {
	add := func(typ string, of *month.Month, year int) {
		f.N++
		if len(f.All) == namedMost {
			f.More++
			return
		}
		f.All = append(f.All, lack{c.Entry.ID, typ, ask.Link(nil, contractAnchor(c), "year", strconv.Itoa(year)), of})
	}
	for _, t := range c.Report.Types {
		for i := range t.Missing {
			add(t.Type, &t.Missing[i], t.Missing[i].Year())
		}
	}
	f.Blind = f.Blind || len(c.Report.Refused) > 0
	if c.Listing == nil {
		f.Blind = f.Blind || c.Err != nil
	} else {
		f.Blind = f.Blind || c.Listing.Suspect != ""
	}
	for _, t := range c.Report.None {
		add(t, nil, 0)
	}
}

// lacks reports whether something of a contract is missing.
func lacks(c *view.Contract) bool {
	return len(c.Report.None) > 0 || slices.ContainsFunc(c.Report.Types, func(t completeness.Type) bool { return len(t.Missing) > 0 })
}

// searchForm is the form, with what was typed.
type searchForm struct {
	*ask.Query
	Contracts []option
	Types     []option
	Clear     string
}

type option struct {
	Value, Text string
	Chosen      bool
}

func (o *overview) searchForm() searchForm {
	f := searchForm{Query: o.asked, Clear: ask.Link(o.asked.View(), "")}
	for _, c := range o.look.Contracts {
		text := c.Entry.ID
		if c.Entry.Contract.Name != "" {
			text += " " + c.Entry.Contract.Name
		}
		f.Contracts = append(f.Contracts, option{c.Entry.ID, text, c.Entry.ID == o.asked.Contract})
	}
	for _, t := range o.types(func(t completeness.Type) bool { return t.Documents > 0 }) {
		f.Types = append(f.Types, option{t, o.lang.Type(t), t == o.asked.Type})
	}
	return f
}

// types are those of which some contract has something, in the order in which people look
// for them.
func (o *overview) types(has func(completeness.Type) bool) (types []string) {
	for _, c := range o.look.Contracts {
		for _, t := range c.Report.Types {
			if has(t) && !slices.Contains(types, t.Type) {
				types = append(types, t.Type)
			}
		}
	}
	slices.SortFunc(types, func(a, b string) int {
		return cmp.Or(cmp.Compare(completeness.Rank(a), completeness.Rank(b)), cmp.Compare(a, b))
	})
	return types
}
