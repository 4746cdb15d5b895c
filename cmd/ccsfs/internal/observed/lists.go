package observed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// list is an answer with documents.
type list struct {
	docType       string // as asked; "": the empty one
	limit, offset int
	probe         bool
	entries       int
	first         string // id of the first document
	told          bool   // it says that there is more
}

// What is known of a contract, in the list and in full, and of a document.
func contractMembers() []string { return []string{"id", "name", "createdAt", "offer"} }

func detailMembers() []string {
	return []string{"id", "name", "contractType", "createdAt", "updatedAt", "offer", "customer", "contact", "platformId"}
}

func documentMembers() []string {
	return []string{"id", "filename", "period", "documentType", "type", "createdAt", "updatedAt", "amount", "currency"}
}

// json looks at an answer in JSON. The mutex is held.
func (o *Observer) json(a apiclient.Answer) {
	o.took["latency.lists"] = append(o.took["latency.lists"], a.Took)
	if a.Status >= 400 {
		o.refused(a)
		return
	}
	if a.Status != http.StatusOK && a.Status != http.StatusPartialContent || !a.Whole {
		return
	}
	body := bytes.TrimSpace(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")))
	if !json.Valid(body) { // a page of a proxy
		return
	}
	o.note("lists.gzip", a.Gzipped, "")
	o.remember(body)
	switch a.Op {
	case "contract":
		o.contract(body, "contract", detailMembers())
	case "contracts":
		around, entries := unwrap(body, "contracts")
		o.note("contracts.bare", around == bare, around)
		for _, raw := range entries {
			o.contract(raw, "contracts", contractMembers())
		}
	case "documents":
		o.documents(a, body)
	}
}

// refused looks at a list that was.
func (o *Observer) refused(a apiclient.Answer) {
	if a.Op != "documents" {
		return
	}
	code := orNone(strings.Trim(string(membersOf(a.Body)["code"]), `" `))
	if a.Status == http.StatusForbidden && code != "53" && !a.Probe {
		o.note("types.refused", true, Word(a.Query.Get("documentType")))
	}
	if a.Query.Get("limit") == "1000" && a.Status == http.StatusBadRequest {
		o.note("list.limit_1000", false, Value("400/"+code))
	}
}

// bare is what is around a list that nothing is around.
const bare = "nothing"

// unwrap takes the entries out of a list, and says what is around it.
func unwrap(body []byte, key string) (around string, entries []json.RawMessage) {
	switch kindOf(body) {
	case "list":
		_ = json.Unmarshal(body, &entries) // it is valid
		return bare, entries
	case "null":
		return "null", nil
	case "object":
	default:
		return other, nil
	}
	members := membersOf(body)
	for _, k := range []string{key, "data"} {
		if raw, ok := members[k]; ok {
			if kindOf(raw) == "null" {
				return k + "=null", nil
			}
			if json.Unmarshal(raw, &entries) == nil {
				return k, entries
			}
		}
	}
	return shapeOf(members), nil
}

// contract looks at one.
func (o *Observer) contract(raw json.RawMessage, name string, known []string) {
	members := membersOf(raw)
	missing := false
	for _, k := range known {
		if _, ok := members[k]; !ok {
			o.note(name+".members", false, "no "+k)
			missing = true
		}
	}
	if !missing {
		o.note(name+".members", true, "")
	}
	o.others(members, name+".unknown", known)
	o.dates(members)
}

// others looks at members that are not known.
func (o *Observer) others(members map[string]json.RawMessage, name string, known []string) {
	found := false
	for k := range members {
		if !slices.Contains(known, k) {
			o.note(name, true, Word(k))
			found = true
		}
	}
	if !found {
		o.note(name, false, "")
	}
}

// dates looks at how times are written.
func (o *Observer) dates(members map[string]json.RawMessage) {
	for _, k := range []string{"createdAt", "updatedAt"} {
		raw, ok := members[k]
		if !ok || kindOf(raw) == "null" {
			continue
		}
		var text string
		if json.Unmarshal(raw, &text) != nil {
			o.note("dates", false, Value(kindOf(raw)+" "+Pattern(string(raw))))
			continue
		}
		_, err := time.Parse(time.RFC3339, text)
		o.note("dates", err == nil, Value(Pattern(text)))
	}
}

// documents looks at a list of them.
func (o *Observer) documents(a apiclient.Answer, body []byte) {
	around, entries := unwrap(body, "documents")
	l := list{docType: a.Query.Get("documentType"), probe: a.Probe, entries: len(entries)}
	l.limit, _ = strconv.Atoi(a.Query.Get("limit"))
	l.offset, _ = strconv.Atoi(a.Query.Get("offset"))
	switch {
	case len(entries) > 0:
		l.first = string(membersOf(entries[0])["id"])
		o.note("documents.bare", around == bare, around)
	case l.docType == "": // which may be no type at all
		o.note("list.empty_type", false, around)
	default:
		o.note("documents.empty", around == bare, around)
	}
	l.told = o.more(a, body, len(entries))
	var periods []string
	for _, raw := range entries {
		members := membersOf(raw)
		o.document(members)
		var period string
		if json.Unmarshal(members["period"], &period) == nil {
			periods = append(periods, period)
		}
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(periods))); len(distinct) > 1 {
		o.note("list.newest", slices.IsSortedFunc(periods, func(a, b string) int { return strings.Compare(b, a) }), "")
	}
	if l.limit == 1000 {
		o.note("list.limit_1000", true, "")
	}
	o.lists = append(o.lists, l)
}

// document looks at one.
func (o *Observer) document(members map[string]json.RawMessage) {
	o.note("documents.id", kindOf(members["id"]) == "text", kindOf(members["id"]))
	var period string
	if json.Unmarshal(members["period"], &period) == nil {
		o.note("documents.period", Pattern(period) == "999999", Value(Pattern(period)))
	}
	for _, k := range []string{"createdAt", "updatedAt", "amount", "currency"} {
		o.has(members, "documents."+k, k)
	}
	key := "documentType"
	if _, ok := members[key]; !ok {
		key = "type"
	}
	o.has(members, "documents.documentType", key)
	var docType string
	if json.Unmarshal(members[key], &docType) == nil && docType != "" {
		known := slices.Contains(billing.Types(), docType)
		if o.note("types.unknown", !known, map[bool]string{false: Word(docType)}[known]); !known {
			o.data[docType] = false
		}
	}
	o.others(members, "documents.unknown", documentMembers())
	o.dates(members)
}

func (o *Observer) has(members map[string]json.RawMessage, name, key string) {
	raw, ok := members[key]
	if !ok || kindOf(raw) == "null" {
		o.note(name, false, "")
		return
	}
	o.note(name, true, kindOf(raw))
}

// more looks for what says that a list is a part, or how much there is, as apiclient does,
// and tells whether it says that there is more than came.
func (o *Observer) more(a apiclient.Answer, body []byte, entries int) bool {
	more := a.Status == http.StatusPartialContent
	signs := map[string]bool{}
	if more {
		signs["206"] = true
	}
	for header, values := range a.Header {
		switch h := strings.ToLower(header); {
		case h == "link", strings.HasPrefix(h, "x-") && listHeader.MatchString(h), h == "total-count", h == "content-range":
			signs["header "+Word(h)] = true
			more = more || saysMore(h, strings.Join(values, ", "), entries)
		}
	}
	if kindOf(body) == "object" {
		for k, raw := range membersOf(body) {
			if k != "documents" && k != "data" && kindOf(raw) != "null" && kindOf(raw) != "list" {
				signs["member "+Word(k)] = true
				more = more || saysMore(strings.ToLower(k), strings.Trim(string(raw), `"`), entries)
			}
		}
	}
	for s := range signs {
		o.note("list.told", true, Value(s))
	}
	if len(signs) == 0 {
		o.note("list.told", false, "")
	}
	return more
}

// saysMore reports that a header or a member of that name says that a list with so many
// entries is not all there is.
func saysMore(name, value string, entries int) bool {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	switch {
	case strings.Contains(name, "next"):
		return value != "" && value != "false" && value != "{}"
	case strings.Contains(name, "more"):
		return value == "true"
	case name == "link":
		return strings.Contains(value, "next")
	case strings.Contains(name, "page"):
		return err == nil && strings.Contains(name, "total") && n > 1
	case strings.Contains(name, "total"), strings.Contains(name, "count"):
		return err == nil && n > entries
	}
	return false
}

// TextsIn are the texts and numbers of a JSON value that may be data.
func TextsIn(body []byte) []string {
	o := NewObserver()
	o.remember(body)
	return o.Data()
}

// remember keeps the texts and numbers of an answer.
func (o *Observer) remember(body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return
	}
	o.walk(v)
}

// shortData is how long a text must be to be told from others.
const shortData = 4

func (o *Observer) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			o.walk(one)
		}
	case map[string]any:
		for _, one := range v {
			o.walk(one)
		}
	case json.Number:
		o.walk(v.String())
	case string:
		_, isTime := billing.ParseTime(v)
		_, isPeriod := billing.ParsePeriod(v)
		if len(v) < shortData || isTime && strings.Contains(v, "-") || isPeriod && len(v) <= 7 || slices.Contains(billing.Types(), v) {
			return
		}
		if _, word := o.data[v]; !word {
			o.data[v] = true
		}
	}
}

// Table is what was seen so far.
func (o *Observer) Table() *Table {
	o.mu.Lock()
	defer o.mu.Unlock()
	facts := map[string]*fact{}
	for name, f := range o.facts {
		facts[name] = f
	}
	whole := &Observer{facts: facts} // what is concluded is not noted twice
	whole.conclude(o.lists)
	t := &Table{Format: Format, Version: Version, Observations: []Observation{}}
	for _, q := range Questions() {
		one := Observation{Name: q.Name, Question: q.Text, Answer: NotSeen, Measured: q.Measured}
		if f := facts[q.Name]; f != nil {
			one.Answer, one.Yes, one.No, one.Values = f.answer(q.Name), f.yes, f.no, maps.Clone(f.values)
		}
		if took := o.took[q.Name]; len(took) > 0 {
			one.Answer, one.Yes, one.No, one.Values = latency(took)
		}
		t.Observations = append(t.Observations, one)
	}
	return t
}

// any are the questions of which one yes is enough; the others need no no.
func anyYes(name string) bool {
	switch name {
	case "contracts.unknown", "contract.unknown", "documents.unknown", "types.unknown", "types.refused", "lists.gzip", "list.told",
		"list.cap", "documents.createdAt", "documents.updatedAt", "documents.amount", "documents.currency", "documents.documentType",
		"rate.headers", "file.redirect":
		return true
	}
	return false
}

func (f *fact) answer(name string) string {
	if f.no == 0 || anyYes(name) && f.yes > 0 {
		return Yes
	}
	return No
}

// conclude answers what takes more than one list.
func (o *Observer) conclude(lists []list) {
	known := 0
	for _, l := range lists {
		switch {
		case l.limit > 0 && l.entries > l.limit:
			o.note("list.limit", false, "")
		case l.limit > 0 && l.entries == l.limit:
			o.note("list.limit", true, "")
		}
		if l.docType == "" && l.entries > 0 {
			o.note("list.empty_type", true, "")
		}
		if !l.probe && slices.Contains(billing.Types(), l.docType) {
			known += l.entries
			o.note("types.listed", l.entries > 0, map[bool]string{false: "no " + l.docType, true: ""}[l.entries > 0])
		}
	}
	if o.facts["types.refused"] == nil && o.facts["types.listed"] != nil {
		o.note("types.refused", false, "")
	}
	o.concludeCap(lists, known)
	o.concludeOffset(lists)
}

// concludeCap looks for signs that lists are cut: several are of the same length, and
// so is that of all types, which should be as long as all together.
func (o *Observer) concludeCap(lists []list, known int) {
	longest, same := 0, 0
	var all *list
	for i, l := range lists {
		if l.told && l.entries < l.limit && l.entries > 0 {
			o.note("list.cap", true, strconv.Itoa(l.entries))
		}
		if l.docType == "" && l.entries > 0 && l.limit > l.entries {
			all = &lists[i]
		}
		switch {
		case l.docType == "" || l.entries >= l.limit:
		case l.entries > longest:
			longest, same = l.entries, 1
		case l.entries == longest:
			same++
		}
	}
	switch {
	case o.facts["list.cap"] != nil || all == nil:
	case all.entries >= known:
		o.note("list.cap", false, "")
	case all.entries == longest && same > 1:
		o.note("list.cap", true, strconv.Itoa(longest))
	}
}

// concludeOffset compares a list with the same from the second document on.
func (o *Observer) concludeOffset(lists []list) {
	for _, from := range lists {
		for _, l := range lists {
			if from.offset == 0 || l.offset > 0 || l.entries == 0 || l.docType != from.docType || l.limit != from.limit {
				continue
			}
			whole := l.entries > l.limit
			newest := o.facts["list.newest"]
			switch {
			case from.entries < l.entries, !whole && from.first != l.first:
				o.note("list.offset", true, "")
			case from.first == l.first && (!whole || newest != nil && newest.no == 0): // else it may be so by chance
				o.note("list.offset", false, "")
			}
			return
		}
	}
}

// latency is how long answers took.
func latency(took []time.Duration) (answer string, fast, slow int, values map[string]int) {
	took = slices.Clone(took)
	slices.Sort(took)
	fast, _ = slices.BinarySearch(took, time.Second)
	median := took[len(took)/2]
	values = map[string]int{
		"median_ms": int(median.Milliseconds()), "least_ms": int(took[0].Milliseconds()), "most_ms": int(took[len(took)-1].Milliseconds()),
	}
	if median < time.Second {
		return Yes, fast, len(took) - fast, values
	}
	return No, fast, len(took) - fast, values
}

// Text is the value of an observation for people.
func (o Observation) Text() string {
	if median, ok := o.Values["median_ms"]; ok {
		return fmt.Sprintf("%d ms, %d to %d, of %d", median, o.Values["least_ms"], o.Values["most_ms"], o.Yes+o.No)
	}
	var parts []string
	for _, v := range o.Seen() {
		parts = append(parts, fmt.Sprintf("%s ×%d", v, o.Values[v]))
	}
	text := strings.Join(parts, ", ")
	if o.Yes > 0 && o.No > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s (%d of %d)", text, o.Yes, o.Yes+o.No), " ")
	}
	return text
}
