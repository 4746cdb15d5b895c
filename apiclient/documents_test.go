package apiclient

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDocumentsAlwaysSendBothParameters(t *testing.T) {
	f, c := newFake(t)
	var got []string
	f.api("/documents", func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.RawQuery+" "+r.Header.Get(headerContract))
		w.Write([]byte(`[]`))
	})
	for _, q := range []DocumentsQuery{{}, {Type: "bills", Limit: 7}, {Type: "a&b", Limit: -1}} {
		if list, err := c.Documents(t.Context(), "OCB1", q); err != nil || list == nil || len(list) != 0 {
			t.Errorf("%v: %v, %v", q, list, err)
		}
	}
	want := []string{"documentType=&limit=1000 OCB1", "documentType=bills&limit=7 OCB1", "documentType=a%26b&limit=1000 OCB1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

type documentAnswer struct {
	name, body string
	want       []Document
}

func documentAnswers() []documentAnswer {
	return []documentAnswer{
		{"bare", `[{"id":"a","filename":"f.pdf","period":"202401"}]`, []Document{{ID: "a", Filename: "f.pdf", Period: "202401"}}},
		{"null", ` null `, nil},
		{"documents null", `{"documents": null}`, nil},
		{"documents", `{"documents":[{"id":"a"}]}`, []Document{{ID: "a"}}},
		{"data", `{"total":1,"data":[{"id":"a"}],"page":{"n":1}}`, []Document{{ID: "a"}}},
		{"envelope that says all is well", `{"code":200,"message":"OK","data":[{"id":"a"}]}`, []Document{{ID: "a"}}},
		{"two lists", `{"documents":[{"id":"a"}],"documents":[{"id":"b"}]}`, []Document{{ID: "a"}, {ID: "b"}}},
		{"same id twice", `[{"id":"a"},{"id":"a"}]`, []Document{{ID: "a"}, {ID: "a"}}},
		{"byte order mark", "\xef\xbb\xbf[]", nil},
		{
			"numbers for texts and texts for numbers",
			`[{"id":12,"period":202401,"amount":12.50,"currency":null},{"id":"b","amount":"12,50","createdAt":1577836800000}]`,
			[]Document{{ID: "12", Period: "202401", Amount: "12.50"}, {ID: "b", Amount: "12,50", CreatedAt: "1577836800000"}},
		},
		{
			"optional fields of a bad type",
			`[{"id":"a","filename":{"x":[1]},"period":["2024"],"amount":true,"updatedAt":{},"documentType":[],"extra":[[[]]]}]`,
			[]Document{{ID: "a"}},
		},
		{"duplicate keys", `[{"id":"x","id":"a","filename":"1","filename":"2"}]`, []Document{{ID: "a", Filename: "2"}}},
		{"type", `[{"id":"a","documentType":"bills"},{"id":"b","type":"reports"}]`, []Document{{ID: "a", Type: "bills"}, {ID: "b", Type: "reports"}}},
		{"bad UTF-8 and odd names", "[{\"id\":\"a\",\"filename\":\"\xff/..\\u0000\\ud800\"}]", []Document{{ID: "a", Filename: "\ufffd/..\x00\ufffd"}}},
		{"id that needs escaping", `[{"id":"../a b?#%"}]`, []Document{{ID: "../a b?#%"}}},
	}
}

func TestDocumentAnswers(t *testing.T) {
	for _, tt := range documentAnswers() {
		t.Run(tt.name, func(t *testing.T) {
			f, c := newFake(t)
			f.answer("/documents", 200, tt.body)
			got, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

// What must never pass for a list, least of all for an empty one.
func badListings() []badListing {
	return []badListing{
		{"nothing", ``, "empty", ErrProtocol},
		{"blank", " \n", "empty", ErrProtocol},
		{"text", `"documents"`, "not a list", ErrProtocol},
		{"number", `0`, "not a list", ErrProtocol},
		{"empty object", `{}`, "without a list", ErrProtocol},
		{"other object", `{"contracts":[]}`, "without a list", ErrProtocol},
		{"list is none", `{"documents":"none"}`, "not a list", ErrProtocol},
		{"error", `{"code":50,"message":"Access denied"}`, "Access denied", ErrProtocol},
		{"error as text", `{"code":"60","message":"gone"}`, "gone", ErrProtocol},
		{"error without code", `{"message":"come back later"}`, "come back later", ErrProtocol},
		{"error beside null", `{"documents":null,"code":42,"message":"Expired"}`, "Expired", ErrProtocol},
		{"error beside a list", `{"documents":[{"id":"a"}],"error":{"code":1,"message":"partly"}}`, "partly", ErrServer},
		{"OAuth error", `{"error":"invalid_token","error_description":"bad"}`, "bad", ErrProtocol},
		{"rate limit", `{"code":53,"message":"Too many requests"}`, "Too many", ErrRateLimited},
		{"over capacity", `{"code":6,"message":"Over capacity"}`, "capacity", ErrServer},
		{"errors beside a list", `{"documents":[],"errors":[{"code":1,"message":"no storage"}]}`, "no storage", ErrServer},
		{"errors behind a long list", `{"documents":[` + strings.Repeat(`{"id":"a"},`, 200) + `{"id":"a"}],"errors":[{"code":1,"message":"no storage"}]}`, "no storage", ErrServer},
		{"errors in words", `{"documents":[],"errors":["no storage"]}`, "no storage", ErrProtocol},
		{"status beside a list", `{"documents":[],"status":"500"}`, "status 500", ErrProtocol},
		{"entry without id", `[{"id":"a"},{"filename":"b"}]`, "entry 2", ErrProtocol},
		{"entry null", `[null]`, "entry 1", ErrProtocol},
		{"entry of no object", `["a"]`, "unexpected JSON", ErrProtocol},
		{"id of a bad type", `[{"id":["a"]}]`, "without id", ErrProtocol},
		{"empty id", `[{"id":""}]`, "without id", ErrProtocol},
		{"cut in a list", `[{"id":"a"},`, "ends in the middle", ErrProtocol},
		{"cut in an entry", `[{"id":"a"},{"id":"b`, "ends in the middle", ErrProtocol},
		{"cut in an object", `{"documents":[{"id":"a"}]`, "ends in the middle", ErrProtocol},
		{"bad", `[{"id":"a"} {"id":"b"}]`, "bad JSON", ErrProtocol},
		{"two answers", `[{"id":"a"}][{"id":"b"}]`, "follows", ErrProtocol},
		{"deep", `[{"id":"a","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]`, "depth", ErrProtocol},
		{"page", "\n <!DOCTYPE html><html>blocked</html>", "HTML", ErrProtocol},
	}
}

type badListing struct {
	name, body, says string
	kind             error
}

func TestBadListings(t *testing.T) {
	for _, tt := range badListings() {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.isTold)
		})
	}
}

func (tt badListing) isTold(t *testing.T) {
	f, c := newFake(t)
	f.answer("/documents", 200, tt.body)
	got, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{})
	if got != nil || !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
		t.Errorf("%v, %v", got, err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Status != 200 || e.RequestID != "req-42" || e.Op != "documents" {
		t.Errorf("%+v", e)
	}
	if Refused(err) || !Temporary(err) {
		t.Error("a bad answer is no refusal")
	}
	want := 1
	switch {
	case tt.name == "page" || tt.name == "nothing" || tt.name == "blank" || errors.Is(tt.kind, ErrServer):
		want = maxTries // something on the way, or the API, may be out of order for a moment
	case strings.HasPrefix(tt.name, "cut"): // once more: something on the way may have done that
		want = 2
	}
	if n := f.count("/api/documents"); n != want {
		t.Errorf("%d calls", n)
	}
}

// A list that something on the way cut, and ended in good order, is asked for once
// more, and is then what it should be.
func TestListsThatWereCutAreAskedForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		answers := []string{`[{"id":"a"},{"i`, `[{"id":"a"},{"id":"b"}]`}
		f.api("/documents", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, answers[0])
			answers = answers[1:]
		})
		got, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{})
		if err != nil || len(got) != 2 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestPageByContentType(t *testing.T) {
	f, c := newFake(t)
	f.api("/documents", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(`[]`))
	})
	_, err := c.Documents(t.Context(), "OCB1", DocumentsQuery{})
	if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "VPN") {
		t.Error(err)
	}
}

func TestDecoderLimits(t *testing.T) {
	decode := func(body string, limit int64, most int) error {
		d, err := newDecoder(strings.NewReader(body), limit)
		if err != nil {
			return err
		}
		d.most = most
		_, err = decodeDocuments(d)
		return err
	}
	entry := `{"id":"0123456789"},`
	body := "[" + strings.Repeat(entry, 999) + `{"id":"x"}]`
	if err := decode(body, int64(len(body))+1, 1000); err != nil {
		t.Error(err)
	}
	var shape *shapeError
	if err := decode(body, int64(len(body))-1, 1000); !errors.As(err, &shape) || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	if err := decode(body, maxListBytes, 999); !errors.As(err, &shape) || !strings.Contains(err.Error(), "entries") {
		t.Error(err)
	}
}

func TestRepeatedTextsAreKeptOnce(t *testing.T) {
	d, err := newDecoder(strings.NewReader(`[{"id":"1","period":"202401"},{"id":"2","period":"202401"}]`), maxListBytes)
	if err != nil {
		t.Fatal(err)
	}
	list, err := decodeDocuments(d)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { interner{"202401": "202401"}.one(text("202401")) }); n > 1 {
		t.Errorf("%v allocations for a text that is known", n)
	}
	if list[0].Period != list[1].Period {
		t.Error(list)
	}
}

func FuzzListing(f *testing.F) {
	for _, tt := range documentAnswers() {
		f.Add([]byte(tt.body))
	}
	for _, tt := range badListings() {
		f.Add([]byte(tt.body))
	}
	f.Add([]byte(`{"id":"OCB1","offer":{"name":["x"]},"contact":"me","customer":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		decoders := []func(*decoder) (int, error){
			func(d *decoder) (int, error) { l, err := decodeDocuments(d); return len(l), err },
			func(d *decoder) (int, error) { l, err := decodeContracts(d); return len(l), err },
			func(d *decoder) (int, error) { _, err := decodeContract(d, "OCB1"); return 0, err },
		}
		for _, decode := range decoders {
			d, err := newDecoder(strings.NewReader(string(b)), 1<<16)
			if err != nil {
				continue
			}
			n, err := decode(d)
			if err != nil && n != 0 {
				t.Errorf("%d entries and %v", n, err)
			}
			if err == nil && n > strings.Count(string(b), "{") {
				t.Errorf("%d entries out of %q", n, b)
			}
		}
	})
}
