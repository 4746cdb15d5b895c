package observed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// Observer learns from the answers of an API. It may be told of several at the same time.
type Observer struct {
	mu      sync.Mutex
	facts   map[string]*fact
	took    map[string][]time.Duration // by the name of the latency
	lists   []list
	data    map[string]bool // texts of the API's answers, to be kept out of what is handed on
	answers int
}

// fact is what was seen of one question.
type fact struct {
	yes, no int
	values  map[string]int
}

// NewObserver makes an Observer that has seen nothing.
func NewObserver() *Observer {
	return &Observer{facts: map[string]*fact{}, took: map[string][]time.Duration{}, data: map[string]bool{}}
}

// note takes one answer to a question, and what was seen. The mutex is held.
func (o *Observer) note(name string, yes bool, value string) {
	f := o.facts[name]
	if f == nil {
		f = &fact{values: map[string]int{}}
		o.facts[name] = f
	}
	if yes {
		f.yes++
	} else {
		f.no++
	}
	if value == "" {
		return
	}
	if _, known := f.values[value]; !known && len(f.values) >= maxValues-1 {
		value = other
	}
	f.values[value]++
}

// Answers is how many answers were seen.
func (o *Observer) Answers() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.answers
}

// Seen is for apiclient.Config.Observe.
func (o *Observer) Seen(a apiclient.Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers++
	o.note("http.2", strings.HasPrefix(a.Proto, "HTTP/2"), of(protocol, a.Proto))
	if a.TLS != "" {
		o.note("tls.13", a.TLS == "TLS 1.3", of(protocol, a.TLS))
	}
	if a.Op == "file" && a.Status/100 == 3 && a.Status != http.StatusNotModified {
		o.note("file.redirect", true, strconv.Itoa(a.Status))
		return
	}
	if !a.Foreign {
		o.headers(a)
	}
	if a.Status >= 400 {
		if !a.Foreign && a.Method != http.MethodHead && a.Op != "token" {
			o.error(a)
		}
	}
	switch a.Op {
	case "token":
		o.token(a)
	case "contracts", "contract", "documents":
		o.json(a)
	case "file":
		o.file(a)
	}
}

var protocol = regexp.MustCompile(`^(HTTP/|TLS )[0-9]\.[0-9]$`)

// of is a text of that form, "(other)" in place of any else.
func of(form *regexp.Regexp, s string) string {
	if !form.MatchString(s) {
		return other
	}
	return s
}

// Value is a text that a table may hold, "(other)" in place of any else.
func Value(s string) string {
	if !name.MatchString(s) {
		return other
	}
	return s
}

// headers looks at those that any answer may have.
func (o *Observer) headers(a apiclient.Answer) {
	if a.Op != "token" {
		o.note("request_id", a.Header.Get("X-OAPI-Request-Id") != "", "")
	}
	told := false
	for header := range a.Header {
		if rateHeader.MatchString(header) && Word(header) != other {
			o.note("rate.headers", true, strings.ToLower(header))
			told = true
		}
	}
	if !told {
		o.note("rate.headers", false, "")
	}
}

var rateHeader = regexp.MustCompile(`(?i)(rate-?limit|quota|spike|throttl)`)

// error looks at the body of an error.
func (o *Observer) error(a apiclient.Answer) {
	members := membersOf(a.Body)
	code := ""
	shape := "text"
	switch {
	case len(bytes.TrimSpace(a.Body)) == 0:
		shape = "nothing"
	case members != nil:
		shape = shapeOf(members)
		if inner := membersOf(members["error"]); inner != nil {
			shape, members = "error="+shapeOf(inner), inner
		}
		if n, err := strconv.Atoi(strings.Trim(string(members["code"]), `" `)); err == nil && n >= 0 && n < 1000 {
			code = strconv.Itoa(n)
		}
	case bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<")):
		shape = "page"
	}
	o.note("errors.shape", shape == "code+description+infoURL+message", Value(shape))
	o.note("errors.codes", code != "", Value(fmt.Sprintf("%d/%s", a.Status, orNone(code))))
	if a.Status == http.StatusTooManyRequests || code == "53" {
		o.note("errors.retry_after", a.Header.Get("Retry-After") != "", "")
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// shapeOf names the members of an object.
func shapeOf(members map[string]json.RawMessage) string {
	var names []string
	for m := range members {
		names = append(names, Word(m))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 6 {
		names = append(names[:6], other)
	}
	if len(names) == 0 {
		return "{}"
	}
	text := strings.Join(names, "+")
	if len(text) > maxName-10 {
		return other
	}
	return text
}

func membersOf(raw []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), &members) != nil {
		return nil
	}
	return members
}

// longestToken is how long a token may be good to count as an answer, in seconds.
const longestToken = 86400

// token looks at the answer of the token endpoint, of which only how long it is good is
// told.
func (o *Observer) token(a apiclient.Answer) {
	o.took["latency.token"] = append(o.took["latency.token"], a.Took)
	raw, ok := membersOf(a.Body)["expires_in"]
	if a.Status != http.StatusOK || !ok {
		return
	}
	text := strings.Trim(string(raw), `" `)
	o.note("token.number", kindOf(raw) == "number", kindOf(raw))
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n <= longestToken {
		o.note("token.hour", n == 3600, strconv.Itoa(int(n)))
	}
}

// file looks at the answer with a document.
func (o *Observer) file(a apiclient.Answer) {
	h := a.Header
	zipped := a.Query.Get("zipped")
	switch {
	case a.Method == http.MethodHead:
		o.note("file.head", a.Status == http.StatusOK, strconv.Itoa(a.Status))
		if a.Status == http.StatusOK {
			o.note("file.head.length", h.Get("Content-Length") != "", "")
		}
		return
	case a.Asked.Get("If-None-Match") != "":
		o.note("file.etag.asked", a.Status == http.StatusNotModified, strconv.Itoa(a.Status))
		return
	case a.Asked.Get("If-Modified-Since") != "":
		o.note("file.last_modified.asked", a.Status == http.StatusNotModified, strconv.Itoa(a.Status))
		return
	case a.Asked.Get("Range") != "":
		o.note("file.range", a.Status == http.StatusPartialContent, strconv.Itoa(a.Status))
		if a.Status == http.StatusPartialContent {
			o.note("file.range.total", wholeSize.MatchString(h.Get("Content-Range")), "")
		}
		return
	case a.Status != http.StatusOK:
		return
	case zipped == "1":
		o.note("file.zipped.asked", isZip(a.Body), "")
		return
	}
	o.took["latency.file"] = append(o.took["latency.file"], a.Took)
	if !a.Foreign {
		o.note("file.redirect", false, "")
	}
	o.note("file.length", h.Get("Content-Length") != "", "")
	o.note("file.accept_ranges", strings.EqualFold(h.Get("Accept-Ranges"), "bytes"), "")
	o.note("file.etag", h.Get("ETag") != "", map[bool]string{true: strength(h.Get("ETag"))}[h.Get("ETag") != ""])
	o.note("file.last_modified", h.Get("Last-Modified") != "", "")
	o.note("file.disposition", h.Get("Content-Disposition") != "", "")
	media := mediaOf(h.Get("Content-Type"))
	o.note("file.type", media != "application/octet-stream" && media != "none", media)
	encoding := strings.ToLower(h.Get("Content-Encoding"))
	encoded := encoding != "" && encoding != "identity"
	o.note("file.encoded", encoded, map[bool]string{true: Word(encoding)}[encoded])
	if !encoded {
		o.note("file.zipped", isZip(a.Body), "")
	}
}

var wholeSize = regexp.MustCompile(`^bytes [0-9]+-[0-9]+/[0-9]+$`)

// isZip reports whether a document begins as an archive does, and as no table in OOXML,
// which is one, too, and whose entries are called so.
func isZip(body []byte) bool {
	const nameAt = 30 // in the header of an entry
	if !bytes.HasPrefix(body, []byte("PK\x03\x04")) || len(body) <= nameAt {
		return false
	}
	return !slices.ContainsFunc([]string{"[Content_Types].xml", "_rels/", "docProps/", "xl/"}, func(entry string) bool {
		return bytes.HasPrefix(body[nameAt:], []byte(entry))
	})
}

func strength(etag string) string {
	if strings.HasPrefix(etag, "W/") {
		return "weak"
	}
	return "strong"
}

func mediaOf(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case contentType == "":
		return "none"
	case err != nil || !mediaType.MatchString(media):
		return other
	}
	return media
}

var mediaType = regexp.MustCompile(`^(application|text|image|binary|multipart)/[a-z.+-]{1,70}$`)

// kindOf is what a JSON value is.
func kindOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '"':
		return "text"
	case '{':
		return "object"
	case '[':
		return "list"
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	}
	return "number"
}
