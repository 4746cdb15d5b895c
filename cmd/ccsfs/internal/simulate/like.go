package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/observed"
)

// longestToken is how long a token may be good, in seconds.
const longestToken = 86400

// likeness makes a simulated API behave as one that was observed.
type likeness struct {
	*observed.Table

	api      *apisim.Server
	redirect bool     // documents come from another host
	missing  []string // questions whose answer cannot be simulated
}

// like sets the quirks of an API so that it answers the questions of a table as they are
// answered there. What was not seen stays as it is.
func like(t *observed.Table, api *apisim.Server) *likeness {
	l := &likeness{Table: t, api: api}
	l.tokens()
	l.contracts()
	l.documents()
	l.lists()
	l.files()
	l.errors()
	for _, name := range []string{"http.2", "tls.13"} {
		if l.is(name, observed.Yes) {
			l.lack(name)
		}
	}
	if o := t.Of("latency.lists"); o.Answer != observed.NotSeen {
		api.Latency = time.Duration(min(o.Values["least_ms"], 10_000)) * time.Millisecond
	}
	return l
}

func (l *likeness) is(name, answer string) bool { return l.Of(name).Answer == answer }

func (l *likeness) yes(name string) bool { return l.is(name, observed.Yes) }

func (l *likeness) no(name string) bool { return l.is(name, observed.No) }

// lack notes that an answer cannot be simulated.
func (l *likeness) lack(name string) {
	o := l.Of(name)
	l.missing = append(l.missing, fmt.Sprintf("%s: %s (%s)", o.Question, o.Answer, name))
}

// first is the value that was seen most often, of those that are values.
func (l *likeness) first(name string) string {
	for _, v := range l.values(name) {
		return v
	}
	return ""
}

// values are those of a question, without how often it was answered how, and what is no
// name of anything.
func (l *likeness) values(name string) []string {
	return slices.DeleteFunc(l.Of(name).Seen(), func(v string) bool {
		return v == observed.Yes || v == observed.No || strings.Contains(v, "(other)")
	})
}

// without are the values of a question that name what lacks, as "no WHAT".
func (l *likeness) without(name string) []string {
	var names []string
	for _, v := range l.values(name) {
		if what, ok := strings.CutPrefix(v, "no "); ok && what != "id" {
			names = append(names, what)
		}
	}
	slices.Sort(names)
	return names
}

func (l *likeness) tokens() {
	q := &l.api.Quirks
	q.ExpiresString = l.no("token.number")
	if seconds, err := strconv.Atoi(l.first("token.hour")); err == nil && seconds > 0 && seconds <= longestToken {
		q.TokenLifetime = time.Duration(seconds) * time.Second
	}
}

func (l *likeness) contracts() {
	q := &l.api.Quirks
	q.WrapContracts = l.around("contracts.bare", "contracts", "data")
	q.WithoutInList, q.WithoutInDetail = l.without("contracts.members"), l.without("contract.members")
	q.ExtraContract = strange(l.values("contracts.unknown"), l.values("contract.unknown"))
}

// strange joins lists of names of members, without those that are simulated anyway: a
// table may be of anybody's making.
func strange(lists ...[]string) []string {
	ours := []string{"id", "name", "filename", "period", "documentType", "type", "createdAt", "updatedAt", "amount", "currency",
		"contractType", "offer", "customer", "contact", "platformId"}
	all := slices.DeleteFunc(slices.Concat(lists...), func(name string) bool { return slices.Contains(ours, name) })
	slices.Sort(all)
	return slices.Compact(all)
}

// around is the key that a list is wrapped in, "" for none, and where only those are that
// say that there is more.
func (l *likeness) around(name string, keys ...string) string {
	if !l.no(name) {
		return ""
	}
	around := l.values(name)
	for _, v := range around {
		if slices.Contains(keys, v) && !slices.Contains(around, "nothing") {
			return v
		}
	}
	if slices.Contains(around, "nothing") && slices.Contains(around, keys[0]) && strings.HasPrefix(l.first("list.told"), "member ") {
		return ""
	}
	l.lack(name)
	return ""
}

func (l *likeness) documents() {
	q := &l.api.Quirks
	q.Wrap = l.around("documents.bare", "documents", "data")
	switch l.first("documents.empty") {
	case "null":
		q.NullWhenEmpty, q.BareNull = true, true
	case "documents=null":
		q.NullWhenEmpty = true
	}
	q.NumericIDs = l.no("documents.id")
	q.DocumentType = l.yes("documents.documentType")
	q.Dates = l.yes("documents.createdAt") || l.yes("documents.updatedAt")
	q.Amounts = l.yes("documents.amount")
	q.AmountText = l.first("documents.amount") == "text"
	q.Extra = strange(l.values("documents.unknown"))
	q.DateLayout = layoutOf(l.first("dates"))
	if q.PeriodLayout = layoutOf(l.first("documents.period")); l.no("documents.period") && q.PeriodLayout == "" {
		l.lack("documents.period")
	}
	if l.no("dates") && q.DateLayout == "" {
		l.lack("dates")
	}
	q.RefusedTypes = l.values("types.refused")
	q.EmptyTypes = l.without("types.listed")
	l.unknownTypes()
}

// layoutOf is how package time writes a pattern of observed.Pattern, "" if that is what
// is simulated anyway, or cannot be.
func layoutOf(pattern string) string {
	switch pattern {
	case "number 9999999999":
		return "unix"
	case "number 9999999999999":
		return "unixms"
	case "99999999":
		return "20060102"
	case "9999-99":
		return "2006-01"
	case "9999/99":
		return "2006/01"
	case "9999-99-99":
		return time.DateOnly
	case "9999-99-99 99:99:99":
		return time.DateTime
	case "9999-99-99T99:99:99":
		return "2006-01-02T15:04:05"
	case "9999-99-99T99:99:99.999":
		return "2006-01-02T15:04:05.000"
	case "9999-99-99T99:99:99.999Z":
		return "2006-01-02T15:04:05.000Z"
	case "9999-99-99T99:99:99+99:99", "9999-99-99T99:99:99-99:99":
		return "2006-01-02T15:04:05-07:00"
	case "9999-99-99T99:99:99+9999", "9999-99-99T99:99:99-9999":
		return "2006-01-02T15:04:05-0700"
	case "9999-99-99T99:99:99.999+99:99":
		return "2006-01-02T15:04:05.000-07:00"
	case "9999-99-99T99:99:99.999+9999":
		return "2006-01-02T15:04:05.000-0700"
	}
	return ""
}

// mostUnknown is how many documents of a type that is not known are made up at most.
const mostUnknown = 100

// unknownTypes gives the first contract documents of types that are not known.
func (l *likeness) unknownTypes() {
	types := l.values("types.unknown")
	if len(types) == 0 {
		return
	}
	account := apisim.DefaultAccount()
	c := &account.Contracts[0]
	slices.Sort(types)
	for i, t := range types {
		for n := range min(max(l.Of("types.unknown").Values[t], 1), mostUnknown) {
			month := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).AddDate(0, -n, 0)
			c.Documents = append(c.Documents, apisim.Document{
				ID: strconv.Itoa(90_000_000 + 1000*i + n), Type: t, Period: month.Format("200601"),
				Filename:  fmt.Sprintf("Unknown%d_%s_%s.csv", i+1, c.ID, month.Format("200601")),
				CreatedAt: month.AddDate(0, 1, 2).Format(time.RFC3339),
				Content:   apisim.Bytes([]byte("Column;Value\n1;2\n")),
			})
		}
	}
	l.api.Account = account
}

func (l *likeness) lists() {
	q := &l.api.Quirks
	q.EmptyNull = l.no("list.empty_type")
	q.BareNull = q.BareNull || q.EmptyNull && l.first("list.empty_type") == "null"
	q.Shuffle = l.no("list.newest")
	q.Unlimited = l.no("list.limit")
	q.Offset = l.yes("list.offset")
	q.Gzip = l.yes("lists.gzip")
	if l.no("list.limit_1000") {
		q.LimitMax = 100 // which was taken
	}
	if most, err := strconv.Atoi(l.first("list.cap")); err == nil && most > 0 && l.yes("list.cap") {
		q.LimitCap = most
	}
	if !l.yes("list.told") {
		return
	}
	told := map[string]string{"member next": "next", "member total": "total", "header link": "link", "header x-total-count": "count", "206": "206"}
	for _, v := range l.values("list.told") {
		if q.LimitTold == "" {
			q.LimitTold = told[v]
		}
	}
	if q.LimitTold == "" {
		l.lack("list.told")
	}
}

func (l *likeness) files() {
	q := &l.api.Quirks
	q.Chunked = l.no("file.length")
	q.Head = l.yes("file.head")
	q.HeadBare = l.no("file.head.length")
	if q.Chunked && l.yes("file.head.length") {
		l.lack("file.head.length")
	}
	q.Range = l.yes("file.range")
	if l.no("file.range.total") {
		l.lack("file.range.total")
	}
	if q.Range != l.yes("file.accept_ranges") && !l.is("file.accept_ranges", observed.NotSeen) {
		l.lack("file.accept_ranges")
	}
	q.ETag = l.yes("file.etag")
	q.WeakETag = l.first("file.etag") == "weak"
	q.LastModified = l.yes("file.last_modified")
	etag, date := l.no("file.etag.asked"), l.no("file.last_modified.asked")
	q.Unaware = etag || date
	if q.ETag && q.LastModified && etag != date {
		l.lack("file.etag.asked")
	}
	q.ContentTypes = l.yes("file.type")
	q.Disposition = l.yes("file.disposition")
	l.redirect = l.yes("file.redirect")
	q.Zipped = l.yes("file.zipped")
	q.ZippedUnseen = l.no("file.zipped.asked") && !q.Zipped
	if q.Zipped && l.no("file.zipped.asked") {
		l.lack("file.zipped.asked")
	}
	if q.GzipForced = l.yes("file.encoded"); q.GzipForced && l.first("file.encoded") != "gzip" {
		l.lack("file.encoded")
	}
}

func (l *likeness) errors() {
	q := &l.api.Quirks
	q.NoRequestID = l.no("request_id")
	if l.yes("rate.headers") {
		q.RateHeaders = l.values("rate.headers")
		slices.Sort(q.RateHeaders)
	}
	q.RetryAfter = l.yes("errors.retry_after")
	q.RateAs429 = slices.ContainsFunc(l.values("errors.codes"), func(v string) bool { return strings.HasPrefix(v, "429/") })
	if !l.no("errors.shape") {
		return
	}
	switch shape := l.first("errors.shape"); {
	case strings.HasPrefix(shape, "error="):
		q.ErrorShape = "nested"
	case shape == "nothing":
		q.ErrorShape = "none"
	default:
		q.ErrorShape = "text"
		if shape != "text" {
			l.lack("errors.shape")
		}
	}
}
