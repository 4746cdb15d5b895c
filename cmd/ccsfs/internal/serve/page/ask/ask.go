// Package ask is what somebody asks the page for: how the overview is shown, and which
// documents are searched for. It is read from the query of an address, and written to it.
package ask

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/serve/page/words"
	"ccsfs/cmd/ccsfs/internal/serve/view"
)

// Query is what the query of an address asks for.
type Query struct {
	Year                                int       // shown; 0: not said
	Name, Contract, Type, Month, Amount string    // of a search, as typed
	New                                 bool      // only what is new to the browser
	Since                               time.Time // of New: since then; zero: since its visit before, see Before
	Cost                                string    // type of documents of which amounts are shown
	Lacking                             bool      // only contracts that lack something
	All                                 bool      // all contracts at once
	Page                                int       // of contracts, from 0
	From                                int       // the first of the documents found, from 0
	Chosen                              map[string]bool

	Wrong  []string // why the search cannot be understood
	choice choice.Choice
	sieve  *choice.Sieve
	name   string // in small letters
}

// most bounds what is taken of a field, in bytes: no document has more.
const most = 300

// Read reads a query. What it cannot understand is in Wrong.
func Read(values url.Values, now time.Time, l *words.Language) *Query {
	field := func(name string) string {
		text := strings.TrimSpace(values.Get(name))
		return strings.ToValidUTF8(text[:min(len(text), most)], "")
	}
	a := &Query{
		Name: field("name"), Contract: field("contract"), Type: field("type"), Month: field("month"), Amount: field("amount"),
		Cost: field("cost"), Lacking: values.Get("only") == "missing", All: values.Get("all") == "1",
	}
	a.New, a.Since = readNew(field("new"), now)
	a.Year, _ = strconv.Atoi(field("year"))
	a.Page, _ = strconv.Atoi(field("page"))
	a.From, _ = strconv.Atoi(field("from"))
	a.Page, a.From = max(a.Page, 0), max(a.From, 0)
	for _, d := range values["d"] {
		if a.Chosen == nil {
			a.Chosen = map[string]bool{}
		}
		a.Chosen[d] = true
	}
	a.understand(now, l)
	return a
}

// readNew reads what "new" says: 1, or the Unix seconds since which something is new. A
// time to come says nothing.
func readNew(text string, now time.Time) (yes bool, since time.Time) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n <= 0 || n > now.Unix():
		return false, time.Time{}
	case n == 1:
		return true, time.Time{}
	}
	return true, time.Unix(n, 0)
}

// SinceLast is the value of "new" for what came since a browser was here before, so that an
// address means the same in an hour, and in another browser.
func SinceLast(before time.Time) string {
	if before.IsZero() {
		return "1"
	}
	return strconv.FormatInt(before.Unix(), 10)
}

// Before says when the browser was here before, for what is new without a time.
func (a *Query) Before(before time.Time) {
	if a.New && a.Since.IsZero() {
		a.Since = before
	}
}

// understand makes a choice of what was typed.
func (a *Query) understand(now time.Time, l *words.Language) {
	wrong := func(key, text string) { a.Wrong = append(a.Wrong, l.Say(key, text)) }
	f := choice.Flags{}
	if _, err := month.ParseSpan(a.Month, now); a.Month != "" && err != nil {
		wrong("wrong.month", a.Month)
	} else {
		f.Since, f.Until = a.Month, a.Month
	}
	f.MinAmount = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(a.Amount)
	if _, known := decimal.AtLeast(f.MinAmount, f.MinAmount); f.MinAmount != "" && !known {
		wrong("wrong.amount", a.Amount)
		f.MinAmount = ""
	}
	a.name = strings.ToLower(a.Name)
	if a.Name != "" {
		if _, err := (choice.Flags{Names: []string{a.Name}}).Parse(now); err != nil {
			wrong("wrong.name", a.Name)
		}
	}
	var err error
	if a.choice, err = f.Parse(now); err != nil { // for what nobody thought of
		a.Wrong = append(a.Wrong, err.Error())
	}
	a.sieve = a.choice.Sieve()
}

// Search reports whether documents are searched for.
func (a *Query) Search() bool {
	return a.Name != "" || a.Contract != "" || a.Type != "" || a.Month != "" || a.Amount != "" || a.New
}

// About reports whether documents of a contract may be asked for.
func (a *Query) About(c *view.Contract) bool {
	if a.Chosen != nil {
		for key := range a.Chosen {
			if ContractOf(key) == url.PathEscape(c.Entry.ID) {
				return true
			}
		}
		return false
	}
	return a.Contract == "" || a.Contract == c.Entry.ID
}

// holds reports whether a document of a contract that it is about is asked for. What is not
// known of its amount leaves it in.
func (a *Query) holds(c *view.Contract, d *view.Document) bool {
	switch {
	case a.Chosen != nil:
		return a.Chosen[Key(d)]
	case a.Type != "" && d.Doc.Type != a.Type, a.New && !d.NewSince(a.Since), a.Name != "" && !a.named(c, d):
		return false
	}
	known := *d.Doc // with what was read
	if d.Source == costs.Read {
		known.Amount, known.Currency = d.Amount, d.Currency
	}
	return a.sieve.Holds(d.Path, &known)
}

// named reports whether a name is that of a document, or part of it or of its contract's.
func (a *Query) named(c *view.Contract, d *view.Document) bool {
	name := strings.ToLower(path.Base(d.Path))
	if strings.ContainsAny(a.name, "*?[") {
		ok, err := path.Match(a.name, name)
		return ok && err == nil
	}
	return strings.Contains(name, a.name) || strings.Contains(strings.ToLower(c.Entry.ID+" "+c.Entry.Contract.Name), a.name)
}

// Key names a document in the query of an address.
func Key(d *view.Document) string {
	return url.PathEscape(d.Doc.ContractID) + "/" + url.PathEscape(d.Doc.ID)
}

// ContractOf is the contract of a Key, as it stands there.
func ContractOf(key string) string {
	id, _, _ := strings.Cut(key, "/")
	return id
}

// Selection is the query of what is searched for, and of nothing else.
func (a *Query) Selection() url.Values {
	v := url.Values{}
	for name, text := range map[string]string{"name": a.Name, "contract": a.Contract, "type": a.Type, "month": a.Month, "amount": a.Amount} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if a.New {
		v.Set("new", SinceLast(a.Since))
	}
	for key := range a.Chosen {
		v.Add("d", key)
	}
	return v
}

// ArchiveName is the name of an archive, which tells if it is not whole.
func (a *Query) ArchiveName(incomplete bool, now time.Time) string {
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

// View is the query of how the overview is shown, without what is searched for.
func (a *Query) View() url.Values {
	v := url.Values{}
	if a.Year != 0 {
		v.Set("year", strconv.Itoa(a.Year))
	}
	if a.Cost != "" {
		v.Set("cost", a.Cost)
	}
	if a.Lacking {
		v.Set("only", "missing")
	}
	if a.All {
		v.Set("all", "1")
	}
	return v
}

// Found is a document that is asked for, and its contract.
type Found struct {
	*view.Document
	Contract *view.Contract
}

// Find are all that are asked for, the newest months first.
func (a *Query) Find(l *view.Look) (all []Found) {
	for _, c := range l.Contracts {
		if c.Digest == nil || !a.About(c) {
			continue
		}
		for i := range c.Documents {
			if a.holds(c, &c.Documents[i]) {
				all = append(all, Found{&c.Documents[i], c})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Month, a.Month), cmp.Compare(a.Contract.Entry.Name, b.Contract.Entry.Name),
			cmp.Compare(completeness.Rank(a.Doc.Type), completeness.Rank(b.Doc.Type)))
	})
	return all
}

// Link is an address of the overview: of another view, or search, by pairs of names and
// values; an empty value takes a name away. The last text is where on the page it leads.
func Link(v url.Values, at string, pairs ...string) string {
	values := url.Values{}
	for k, all := range v {
		values[k] = all
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if values.Del(pairs[i]); pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	u := url.URL{Path: "/", RawQuery: values.Encode(), Fragment: at}
	return u.String()
}
