package apisim

import (
	"cmp"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// How a listing's type is named where it has none, in [Match] and [Calls].
const (
	EmptyType = "(empty)"  // documentType= without a value
	NoType    = "(absent)" // no documentType at all
)

// latest is how many usage reports a call without parameters shows (api.md).
const latest = 10

// noDocuments is the answer to a wrong or empty type (api.md).
const noDocuments = `{"documents": null}`

// typeLabel is the type asked for.
func typeLabel(query url.Values) string {
	switch {
	case !query.Has("documentType"):
		return NoType
	case query.Get("documentType") == "":
		return EmptyType
	}
	return query.Get("documentType")
}

// serveDocuments lists documents. Without a type these are usage reports,
// without a limit the ten latest: so says api.md of both missing, and it is
// assumed of each.
func (s *Server) serveDocuments(c *call) *apiError {
	limit, err := s.limitOf(c.query)
	if err != nil {
		return err
	}
	docType := c.docType
	if docType == NoType {
		docType = typeReports
	}
	if s.store.typeForbidden(docType) {
		return fail(http.StatusForbidden, codeDenied, "Your profile does not allow to see documents of this type")
	}
	if docType == EmptyType && (s.Quirks.EmptyNull || !c.query.Has("limit")) {
		s.sendJSON(c, s.nothing())
		return nil
	}
	idx := s.store.documents(c.contractID)
	if idx == nil { // removed a moment ago
		return fail(http.StatusForbidden, codeDenied, "The contract is not one of yours")
	}
	docs, all := s.selectDocuments(idx.docs, docType, s.offsetOf(c.query), limit)
	if len(docs) == 0 && (s.Quirks.NullWhenEmpty || docType != EmptyType && !slices.Contains(knownTypes(), docType)) {
		s.sendJSON(c, s.nothing())
		return nil
	}
	rest := tellRest(s.Quirks.LimitTold, c.w.Header(), len(docs), all)
	if c.fault.Duplicates && len(docs) > 0 {
		docs = append(docs, docs[0])
	}
	status := http.StatusOK
	if s.Quirks.LimitTold == "206" && len(docs) < all {
		status = http.StatusPartialContent
	}
	s.sendJSONAs(c, status, s.documentList(docs, rest))
	return nil
}

// nothing is the answer where there is no list.
func (s *Server) nothing() string {
	if s.Quirks.BareNull {
		return "null"
	}
	return noDocuments
}

// offsetOf reads the offset; one that makes no sense is none.
func (s *Server) offsetOf(query url.Values) int {
	offset, err := strconv.Atoi(query.Get("offset"))
	if err != nil || !s.Quirks.Offset {
		return 0
	}
	return max(offset, 0)
}

// tellRest says that a limit cut a list: in a header, or in members that it returns.
func tellRest(how string, h http.Header, have, all int) (members object) {
	switch {
	case how == "count":
		h.Set("X-Total-Count", strconv.Itoa(all))
	case how == "total":
		members.num("total", all)
	case have < all && how == "next":
		members.str("next", "b2Zmc2V0")
	case have < all && how == "link":
		h.Set("Link", `<`+APIPath+`/documents?offset=`+strconv.Itoa(have)+`>; rel="next"`)
	}
	return members
}

// limitOf reads the limit; 28 is Orange's code for a bad query parameter.
func (s *Server) limitOf(query url.Values) (int, *apiError) {
	if !query.Has("limit") {
		return latest, nil
	}
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 {
		return 0, fail(http.StatusBadRequest, codeBadQuery, "limit is not a positive number")
	}
	if s.Quirks.LimitMax > 0 && limit > s.Quirks.LimitMax {
		return 0, fail(http.StatusBadRequest, codeBadQuery, "limit is above "+strconv.Itoa(s.Quirks.LimitMax))
	}
	if s.Quirks.Unlimited {
		limit = math.MaxInt
	}
	if s.Quirks.LimitCap > 0 {
		limit = min(limit, s.Quirks.LimitCap)
	}
	return limit, nil
}

// selectDocuments takes the newest documents of a type, from an offset on; of is how
// many there are.
func (s *Server) selectDocuments(all []*entry, docType string, offset, limit int) (docs []*entry, of int) {
	for _, d := range all {
		if !s.belongs(d, docType) {
			continue
		}
		if of++; of > offset && len(docs) < limit {
			docs = append(docs, d)
		}
	}
	if s.Quirks.Shuffle {
		rand.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	}
	return docs, of
}

func (s *Server) belongs(d *entry, docType string) bool {
	if slices.Contains(s.Quirks.EmptyTypes, d.Type) {
		return false
	}
	if docType != EmptyType {
		return d.Type == docType
	}
	if s.store.typeForbidden(d.Type) {
		return false
	}
	return !s.Quirks.EmptyOnly || slices.Contains(knownTypes(), d.Type)
}

// documentList is the array of GET /documents, wrapped if a quirk says so, or if there
// are members to be beside it.
func (s *Server) documentList(docs []*entry, beside object) string {
	out := []byte{'['}
	for i, d := range docs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, s.documentJSON(&d.Document)...)
	}
	out = append(out, ']')
	if s.Quirks.Wrap == "" && len(beside) == 0 {
		return string(out)
	}
	beside.raw(cmp.Or(s.Quirks.Wrap, "documents"), string(out))
	return beside.end()
}

// documentJSON is {id, filename, period} and what the quirks add. There is
// no size, ever.
func (s *Server) documentJSON(d *Document) string {
	if d.Raw != "" {
		return d.Raw
	}
	var o object
	if s.Quirks.NumericIDs && isNumber(d.ID) {
		o.raw("id", d.ID)
	} else {
		o.str("id", d.ID)
	}
	o.str("filename", d.Filename)
	o.str("period", s.period(d.Period))
	if s.Quirks.DocumentType {
		o.str("documentType", d.Type)
	}
	if s.Quirks.Dates {
		s.date(&o, "createdAt", d.CreatedAt)
		s.date(&o, "updatedAt", d.UpdatedAt)
	}
	if s.Quirks.Amounts && d.Amount != "" {
		if s.Quirks.AmountText {
			o.str("amount", d.Amount)
		} else {
			o.raw("amount", d.Amount)
		}
		o.opt("currency", d.Currency)
	}
	for _, name := range s.Quirks.Extra {
		o.raw(name, "true")
	}
	return o.end()
}

// date adds a time in the layout of the quirk, unless it is empty.
func (s *Server) date(o *object, key, value string) {
	t, err := time.Parse(time.RFC3339, value)
	switch {
	case err != nil || s.Quirks.DateLayout == "":
		o.opt(key, value)
	case s.Quirks.DateLayout == "unix":
		o.num(key, int(t.Unix()))
	case s.Quirks.DateLayout == "unixms":
		o.num(key, int(t.UnixMilli()))
	default:
		o.str(key, t.Format(s.Quirks.DateLayout))
	}
}

// period is a period in the layout of the quirk, if it is a month.
func (s *Server) period(value string) string {
	t, err := time.Parse("200601", value)
	if err != nil || s.Quirks.PeriodLayout == "" {
		return value
	}
	return t.Format(s.Quirks.PeriodLayout)
}

// isNumber reports whether s is how JSON writes a whole number.
func isNumber(s string) bool {
	if s == "" || s[0] == '0' && s != "0" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
