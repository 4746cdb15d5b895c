// Package observed is what the API was seen to do: each unknown of docs/api-notes.md as a
// question, and what the answers of the API say to it. It holds no names, ids, amounts or
// addresses, only how answers look, so that a table can be handed on. The command doctor
// makes one, and simulate reads it.
package observed

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The answers to a question.
const (
	Yes     = "yes"
	No      = "no"
	NotSeen = "not seen"
)

// Format and Version begin each table that is written. A table of another version is not
// read: its questions may mean something else.
const (
	Format  = "ccsfs-observations"
	Version = 1
)

// Table is what the API was seen to do.
type Table struct {
	Format       string        `json:"format"`
	Version      int           `json:"version"`
	Observations []Observation `json:"observations"`
}

// Observation is the answer to one question.
type Observation struct {
	Name     string         `json:"name"` // stable; see Questions
	Question string         `json:"question"`
	Answer   string         `json:"answer"`           // Yes, No or NotSeen
	Yes      int            `json:"yes"`              // how often it was seen to be so
	No       int            `json:"no"`               // how often it was not
	Values   map[string]int `json:"values,omitempty"` // what was seen, and how often
	Measured bool           `json:"measured,omitempty"`
}

// Question is an unknown of the API. Measured are those that depend on the network
// between here and there.
type Question struct {
	Name, Text string
	Measured   bool
}

// Questions are all questions, in the order of a table.
func Questions() []Question {
	return []Question{
		{Name: "token.number", Text: "expires_in of a token is a number"},
		{Name: "token.hour", Text: "a token is good for an hour (values: seconds)"},
		{Name: "contracts.bare", Text: "contracts come as a bare list (values: what around it)"},
		{Name: "contracts.members", Text: "a contract of the list has all members that are known"},
		{Name: "contracts.unknown", Text: "a contract of the list has other members"},
		{Name: "contract.members", Text: "a contract in full has all members that are known"},
		{Name: "contract.unknown", Text: "a contract in full has other members"},
		{Name: "documents.bare", Text: "documents come as a bare list (values: what around it)"},
		{Name: "documents.empty", Text: "no documents are an empty list (values: what is around it)"},
		{Name: "documents.id", Text: "ids of documents are texts"},
		{Name: "documents.period", Text: "periods are YYYYMM"},
		{Name: "documents.documentType", Text: "documents tell their type"},
		{Name: "documents.createdAt", Text: "documents tell when they were made"},
		{Name: "documents.updatedAt", Text: "documents tell when they were changed"},
		{Name: "documents.amount", Text: "documents tell their amount"},
		{Name: "documents.currency", Text: "documents tell their currency"},
		{Name: "documents.unknown", Text: "documents have other members"},
		{Name: "dates", Text: "times are RFC 3339 (values: 9 is any digit)"},
		{Name: "types.listed", Text: "all types that are known have documents"},
		{Name: "types.refused", Text: "a type is refused"},
		{Name: "types.unknown", Text: "there are types that are not known"},
		{Name: "list.empty_type", Text: "the empty type lists documents of all types"},
		{Name: "list.newest", Text: "lists are newest first"},
		{Name: "list.limit", Text: "limit= is kept"},
		{Name: "list.limit_1000", Text: "limit=1000 is taken"},
		{Name: "list.cap", Text: "lists are cut below the limit (values: at how many)"},
		{Name: "list.told", Text: "a list says that there is more, or how much"},
		{Name: "list.offset", Text: "offset= is kept"},
		{Name: "lists.gzip", Text: "lists come in gzip"},
		{Name: "file.length", Text: "a document comes with its size"},
		{Name: "file.head", Text: "HEAD on a document is answered"},
		{Name: "file.head.length", Text: "HEAD tells the size"},
		{Name: "file.range", Text: "Range is kept"},
		{Name: "file.range.total", Text: "Content-Range tells the whole size"},
		{Name: "file.accept_ranges", Text: "Accept-Ranges: bytes is sent"},
		{Name: "file.etag", Text: "a document has an ETag"},
		{Name: "file.etag.asked", Text: "If-None-Match spares the bytes"},
		{Name: "file.last_modified", Text: "a document has a Last-Modified"},
		{Name: "file.last_modified.asked", Text: "If-Modified-Since spares the bytes"},
		{Name: "file.type", Text: "a document says what it is"},
		{Name: "file.disposition", Text: "a document says its name (Content-Disposition)"},
		{Name: "file.redirect", Text: "documents come from another host"},
		{Name: "file.zipped", Text: "a document comes in a ZIP"},
		{Name: "file.zipped.asked", Text: "zipped=1 gives a ZIP"},
		{Name: "file.encoded", Text: "a document comes encoded, though that was not asked"},
		{Name: "errors.shape", Text: "errors have code, message, description and infoURL"},
		{Name: "errors.codes", Text: "errors have a code of the API (values: status/code)"},
		{Name: "errors.retry_after", Text: "rate limit answers say how long to wait"},
		{Name: "rate.headers", Text: "answers tell the rate limit in headers"},
		{Name: "request_id", Text: "each answer has an X-OAPI-Request-Id"},
		{Name: "http.2", Text: "HTTP/2 is spoken", Measured: true},
		{Name: "tls.13", Text: "TLS 1.3 is spoken", Measured: true},
		{Name: "latency.token", Text: "a token takes less than a second", Measured: true},
		{Name: "latency.lists", Text: "a list takes less than a second", Measured: true},
		{Name: "latency.file", Text: "a document begins within a second", Measured: true},
	}
}

// Of returns the answer to a question; of one that the table has not, that it was not
// seen.
func (t *Table) Of(name string) Observation {
	for _, o := range t.Observations {
		if o.Name == name {
			return o
		}
	}
	return Observation{Name: name, Answer: NotSeen}
}

// Seen are the values of an observation, those that were seen most often first.
func (o Observation) Seen() []string {
	names := slices.Sorted(maps.Keys(o.Values))
	slices.SortStableFunc(names, func(a, b string) int { return o.Values[b] - o.Values[a] })
	return names
}

// What a table may hold at most: it comes from somebody else.
const (
	maxTable  = 1 << 20 // bytes
	maxValues = 64      // of an observation
	maxName   = 80      // bytes of a value
)

// name is what the values of a table look like: nothing that a terminal obeys.
var name = regexp.MustCompile(`^[A-Za-z0-9 ()\[\]{}<>=:;,.@_/*+-]{1,80}$`)

// Parse reads a table. What it does not know of is left out; what it could not have
// written is an error.
func Parse(data []byte) (*Table, error) {
	if len(data) > maxTable {
		return nil, fmt.Errorf("it is larger than %d bytes", maxTable)
	}
	var t Table
	if err := json.Unmarshal(data, &t); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(data)) {
			return nil, errors.New("it ends in the middle: was it copied whole?")
		}
		return nil, fmt.Errorf("it is no JSON of ccsfs: %w", err)
	}
	switch {
	case t.Format != Format:
		return nil, fmt.Errorf("it has no format %q", Format)
	case t.Version != Version:
		return nil, fmt.Errorf("it is of version %d, and this ccsfs reads version %d: use the ccsfs that made it, or a newer one", t.Version, Version)
	}
	known := map[string]Question{}
	for _, q := range Questions() {
		known[q.Name] = q
	}
	kept := t.Observations[:0]
	for _, o := range t.Observations {
		q, ok := known[o.Name]
		if !ok {
			continue
		}
		delete(known, o.Name)
		if err := o.check(); err != nil {
			return nil, fmt.Errorf("observation %s: %w", o.Name, err)
		}
		o.Question, o.Measured = q.Text, q.Measured
		kept = append(kept, o)
	}
	t.Observations = kept
	return &t, nil
}

func (o *Observation) check() error {
	if o.Answer != Yes && o.Answer != No && o.Answer != NotSeen {
		return errors.New("the answer is none of yes, no and not seen")
	}
	if o.Yes < 0 || o.No < 0 {
		return errors.New("it was seen less than never")
	}
	if len(o.Values) > maxValues {
		return fmt.Errorf("it has more than %d values", maxValues)
	}
	for value, n := range o.Values {
		if !name.MatchString(value) || n < 0 {
			return errors.New("it has a value that no ccsfs writes")
		}
	}
	return nil
}

// Word is a name that the API gives to something (a member, a header, a type), if it
// looks like one; what may be data is "(other)". Digits make it data: ids have them.
func Word(s string) string {
	if len(s) > 40 || !word.MatchString(s) {
		return other
	}
	return s
}

const other = "(other)"

var word = regexp.MustCompile(`^[A-Za-z@_][A-Za-z_.@-]*$`)

// Pattern is how a text is made: digits are 9, letters a, but for those that a time has.
// What cannot be a time is "(other)".
func Pattern(s string) string {
	if len(s) > 40 {
		return other
	}
	p := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return '9'
		case strings.ContainsRune("TZ:+-/. ", r):
			return r
		}
		return 'a'
	}, s)
	if strings.Contains(p, "a") || p == "" || p[0] != '9' {
		return other
	}
	return p
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
