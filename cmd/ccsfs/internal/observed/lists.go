package observed

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
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

// listHeader is what headers are called that say how much there is.
var listHeader = regexp.MustCompile(`total|count|pages|next|more|pagination`)
