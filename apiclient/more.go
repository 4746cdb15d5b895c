package apiclient

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// ErrIncomplete says that an answer is a part, by its own account. A list comes
// with it. It Is [ErrProtocol]: the API's documentation knows of no pages.
var ErrIncomplete = fmt.Errorf("%w: a part of the list only", ErrProtocol)

// ErrFeared says that a list of a gateway may be a part: it fears that the API has left some
// out, which does not say so. It Is [ErrIncomplete].
var ErrFeared = fmt.Errorf("%w, maybe", ErrIncomplete)

// signs is what an answer with a list says of entries that it leaves out. None of
// it is documented for this API; these are the ways in which others do it: members
// around the list, the Link header (RFC 8288), X-Total-Count and status 206 (the
// REST guidelines of the TM Forum, TMF630).
type signs struct {
	why   string // of the first that says so
	total int    // how many there are, 0 if it does not say
	count string // where it says that

	feared bool // by a gateway, which cannot know
}

// maxSignDepth is how deep objects around a list are looked into: a link is in
// "_links", then "next".
const maxSignDepth = 3

var (
	linkNext     = regexp.MustCompile(`(?i);\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)`)
	rangeOfUnits = regexp.MustCompile(`^\s*\w+\s+(?:\*|\d+-\d+)/(\d+)\s*$`) // of any unit (RFC 9110, 14.4)
)

// answer looks at the status and the headers.
func (s *signs) answer(resp *http.Response) {
	s.feared = resp.Header.Get(fearedHeader) != ""
	if resp.StatusCode == http.StatusPartialContent {
		s.say("its status is 206, a part")
	}
	for _, link := range resp.Header.Values("Link") {
		if linkNext.MatchString(link) {
			s.say("a Link header leads to the next part")
		}
	}
	if m := rangeOfUnits.FindStringSubmatch(resp.Header.Get("Content-Range")); m != nil && resp.StatusCode == http.StatusOK {
		s.number("Content-Range", m[1], s.counted)
	}
	for _, name := range []string{"X-Total-Count", "X-Total", "Total-Count", "X-Pagination-Total-Count"} {
		s.number(name, resp.Header.Get(name), s.counted)
	}
	for _, name := range []string{"X-Total-Pages", "X-Page-Count", "X-Pagination-Page-Count"} {
		s.number(name, resp.Header.Get(name), s.pages)
	}
	for _, name := range []string{"X-Next-Page", "X-Next-Cursor", "X-Next"} {
		if resp.Header.Get(name) != "" {
			s.say("it has a header " + name)
		}
	}
	if strings.EqualFold(resp.Header.Get("X-Has-More"), "true") {
		s.say("its header X-Has-More is true")
	}
	s.inside(json.RawMessage(resp.Header.Get("X-Pagination")), 1)
}

// member looks at a member of the object that the list is in.
func (s *signs) member(name string, raw json.RawMessage, depth int) {
	key := strings.NewReplacer("_", "", "-", "", "@odata.", "").Replace(strings.ToLower(name))
	value := strings.ToLower(strings.Trim(string(raw), `"`))
	switch key {
	case "next", "nextpage", "nextpageurl", "nextpagenumber", "nextpagetoken", "nextlink", "nexturl", "nexturi", "nexthref",
		"nextcursor", "nexttoken", "nextoffset", "nextmarker", "nextkey", "continuation", "continuationtoken", "cursor", "scrollid":
		if !blank(raw) {
			s.say(fmt.Sprintf("it has a member %q", name))
		}
	case "hasmore", "hasmoreitems", "hasmoreresults", "hasmorepages", "more", "moreitems", "moreresults", "moreavailable",
		"hasnext", "hasnextpage", "truncated", "istruncated", "partial", "ispartial", "incomplete", "incompleteresults":
		if value == "true" || value == "1" {
			s.say(fmt.Sprintf("its member %q is %s", name, value))
		}
	case "last", "islast", "islastpage", "complete", "iscomplete":
		if value == "false" {
			s.say(fmt.Sprintf("its member %q is false", name))
		}
	case "total", "count", "totalcount", "totalitems", "totalelements", "totalresults", "totalrecords", "totalhits", "totalnumber",
		"totalsize", "totalrows", "totalentries", "totaldocuments", "totalcontracts":
		s.number(strconv.Quote(name), value, s.counted)
	case "totalpages", "pagecount", "pagescount", "pages", "numpages", "lastpage":
		s.number(strconv.Quote(name), value, s.pages)
	case "page", "paging", "paginginfo", "pageinfo", "pagination", "meta", "metadata", "links", "cursors", "resultinfo", "resultset":
		s.inside(raw, depth+1)
	}
}

// number hands a number on, if it is one.
func (s *signs) number(where, text string, to func(n int, where string)) {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		to(n, where)
	}
}

// pages takes how many pages there are: the first is what was asked for.
func (s *signs) pages(n int, where string) {
	if n > 1 {
		s.say(fmt.Sprintf("by %s there are %d pages", where, n))
	}
}

// inside looks at an object of members, or at a list of links.
func (s *signs) inside(raw json.RawMessage, depth int) {
	if depth > maxSignDepth {
		return
	}
	var members map[string]json.RawMessage
	if isObject(raw) && json.Unmarshal(raw, &members) == nil {
		for name, m := range members {
			s.member(name, m, depth)
		}
		return
	}
	var links []struct{ Rel text }
	if json.Unmarshal(raw, &links) != nil {
		return
	}
	for _, l := range links {
		if strings.EqualFold(string(l.Rel), "next") {
			s.say("it has a link to the next part")
		}
	}
}

func (s *signs) say(why string) {
	if s.why == "" {
		s.why = why
	}
}

func (s *signs) counted(n int, where string) {
	if n > s.total {
		s.total, s.count = n, where
	}
}

// verdict is [ErrIncomplete] with what was said, nil if that many entries may be all.
func (s *signs) verdict(entries int, gateway bool) error {
	if s.feared && gateway {
		return fmt.Errorf("%w: the gateway fears that the API has left some out", ErrFeared)
	}
	if s.total > entries {
		return fmt.Errorf("%w: it has %d entries, and says by %s that there are %d", ErrIncomplete, entries, s.count, s.total)
	}
	if s.why != "" {
		return fmt.Errorf("%w: it has %d entries, and %s", ErrIncomplete, entries, s.why)
	}
	return nil
}

// blank reports whether a JSON value leads nowhere: null, "", false, 0, or a
// collection of such.
func blank(raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return false
	}
	return blankValue(v)
}

func blankValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case float64:
		return v == 0
	case []any:
		for _, one := range v {
			if !blankValue(one) {
				return false
			}
		}
		return true
	case map[string]any:
		for _, one := range v {
			if !blankValue(one) {
				return false
			}
		}
		return true
	}
	return false
}
