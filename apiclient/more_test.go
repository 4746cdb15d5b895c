package apiclient

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestIncomplete: an answer that says that there is more than it has is never taken
// for all there is, however it says so; and what it has comes with the error.
func TestIncomplete(t *testing.T) {
	const two = `[{"id":"a"},{"id":"b"}]`
	for _, tt := range []struct {
		name, body, header string // of the form "Name: value"
		status             int
		says               string // "": nothing
	}{
		{"a cursor", `{"KEY":` + two + `,"next":"abc"}`, "", 0, `a member "next"`},
		{"before the list", `{"next":"abc","KEY":` + two + `}`, "", 0, `a member "next"`},
		{"a number", `{"KEY":` + two + `,"nextPage":2}`, "", 0, `"nextPage"`},
		{"HAL", `{"KEY":` + two + `,"_links":{"self":{"href":"/"},"next":{"href":"/?page=2"}}}`, "", 0, `"next"`},
		{"a list of links", `{"KEY":` + two + `,"links":[{"rel":"self"},{"rel":"next","href":"/"}]}`, "", 0, "a link"},
		{"OData", `{"KEY":` + two + `,"@odata.nextLink":"/?x"}`, "", 0, "nextLink"},
		{"more", `{"KEY":` + two + `,"paging":{"has_more":true}}`, "", 0, `"has_more" is true`},
		{"not the last", `{"KEY":` + two + `,"last":false}`, "", 0, `"last" is false`},
		{"a total", `{"KEY":` + two + `,"total":3}`, "", 0, `has 2 entries, and says by "total" that there are 3`},
		{"a total as text, inside", `{"KEY":` + two + `,"meta":{"pagination":{"totalElements":"340"}}}`, "", 0, "340"},
		{"a total of none", `{"KEY":[],"total":12}`, "", 0, "has 0 entries"},
		{"a total of null", `{"KEY":null,"total":12}`, "", 0, "has 0 entries"},
		{"Link", two, `Link: </?page=1>; rel="prev", </?page=3>; rel="next"`, 0, "Link header"},
		{"Link, bare word", two, `Link: </?page=3>; title=x; rel=next`, 0, "Link header"},
		{"X-Total-Count", two, "X-Total-Count: 45", 0, "by X-Total-Count that there are 45"},
		{"pages", `{"KEY":` + two + `,"page":1,"totalPages":3}`, "", 0, `by "totalPages" there are 3 pages`},
		{"the last page", `{"KEY":` + two + `,"pagination":{"currentPage":1,"lastPage":3}}`, "", 0, "3 pages"},
		{"a count", `{"KEY":` + two + `,"metadata":{"resultset":{"count":122}}}`, "", 0, "that there are 122"},
		{"a marker", `{"KEY":` + two + `,"next_page_url":"http://x/2"}`, "", 0, `"next_page_url"`},
		{"incomplete", `{"KEY":` + two + `,"incomplete_results":true}`, "", 0, `"incomplete_results" is true`},
		{"truncated, as a number", `{"KEY":` + two + `,"truncated":1}`, "", 0, `"truncated" is 1`},
		{"not complete", `{"KEY":` + two + `,"complete":false}`, "", 0, `"complete" is false`},
		{"Content-Range", two, "Content-Range: items 0-1/122", 0, "by Content-Range that there are 122"},
		{"Content-Range without a range", two, "Content-Range: items */122", 0, "122"},
		{"X-Next-Page", two, "X-Next-Page: 2", 0, "X-Next-Page"},
		{"X-Total-Pages", two, "X-Total-Pages: 3", 0, "3 pages"},
		{"X-Has-More", two, "X-Has-More: true", 0, "X-Has-More"},
		{"X-Pagination", two, `X-Pagination: {"total":122}`, 0, "122"},
		{"206", two, "", http.StatusPartialContent, "206"},

		{"none", two, "", 0, ""},
		{"blank", `{"KEY":` + two + `,"next":null,"nextPage":0,"cursors":{"next":""},"hasMore":false,"last":true,"page":1}`, "", 0, ""},
		{"HAL, the last", `{"KEY":` + two + `,"_links":{"self":{"href":"/"},"next":{"href":null}}}`, "", 0, ""},
		{"as many", `{"KEY":` + two + `,"total":2,"errors":[],"status":200}`, "X-Total-Count: 2", 0, ""},
		{"one page", `{"KEY":` + two + `,"page":1,"pages":1,"totalPages":1,"count":2,"complete":true,"truncated":0,"cursor":null}`, "Content-Range: items 0-1/2", 0, ""},
		{"no pages", two, "X-Next-Page: ", 0, ""},
		{"a sum of money", `{"KEY":` + two + `,"totalAmount":1234,"amount":{"total":99}}`, "", 0, ""},
		{"a word", `{"KEY":` + two + `,"total":"many","status":"ok"}`, "X-Total-Count: x", 0, ""},
		{"the one before", two, `Link: </?next=1>; rel="prev"`, 0, ""},
		{"of an entry", `[{"id":"a","next":"x","total":5},{"id":"b"}]`, "", 0, ""},
		{"too deep", `{"KEY":` + two + `,"meta":{"meta":{"meta":{"meta":{"next":"x"}}}}}`, "", 0, ""},
	} {
		for _, what := range []string{"documents", "contracts"} {
			t.Run(what+", "+tt.name, func(t *testing.T) {
				f, c := newFake(t)
				f.api("/"+what, func(w http.ResponseWriter, _ *http.Request) {
					if name, value, ok := strings.Cut(tt.header, ": "); ok {
						w.Header().Set(name, value)
					}
					w.Header().Set("Content-Type", "application/json")
					if tt.status != 0 {
						w.WriteHeader(tt.status)
					}
					w.Write([]byte(strings.ReplaceAll(tt.body, "KEY", what)))
				})
				var entries int
				var err error
				if what == "documents" {
					list, e := c.Documents(t.Context(), "OCB1", DocumentsQuery{Type: "bills"})
					entries, err = len(list), e
				} else {
					list, e := c.Contracts(t.Context())
					entries, err = len(list), e
				}
				if entries != strings.Count(tt.body, `"id"`) {
					t.Errorf("%d entries", entries)
				}
				if tt.says == "" && err != nil || tt.says != "" && (!errors.Is(err, ErrIncomplete) || !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), tt.says)) {
					t.Errorf("%v, want %q", err, tt.says)
				}
				if n := f.count("/api/" + what); n != 1 {
					t.Errorf("%d calls", n)
				}
			})
		}
	}
}
