package apiclient

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContractsOfTheGuide(t *testing.T) {
	f, c := newFake(t)
	f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
		want := map[string]string{
			"Authorization": "Bearer " + testToken + "1", "X-Api-Key": testKey,
			"Accept": "application/json", "User-Agent": "ccsfs/dev", "X-Eccs-Contract-Id": "",
		}
		for name, v := range want {
			if got := r.Header.Get(name); got != v {
				t.Errorf("%s is %q, want %q", name, got, v)
			}
		}
		w.Write([]byte(`[{"id":"OCB0001234","name":"Prod","createdAt":"2021-01-02","offer":{"name":"Flexible Engine"}},{"id":17}]`))
	})
	got, err := c.Contracts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Contract{
		{ID: "OCB0001234", Name: "Prod", CreatedAt: "2021-01-02", Offer: "Flexible Engine"},
		{ID: "17"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := f.tokens(); n != 1 {
		t.Errorf("%d token calls", n)
	}
}

func TestContractDetail(t *testing.T) {
	f, c := newFake(t)
	raw := `{"id":"OCB1","name":"Prod","contractType":"direct","createdAt":1577836800,"updatedAt":null,
 "offer":"Cloud Avenue","customer":{"id":7,"name":"ACME"},"contact":{"firstName":"A","lastName":"B","email":"a@b"},"platformId":["x"],"more":{}}`
	f.answer("/contract", 200, raw)
	got, err := c.Contract(t.Context(), "OCB1")
	if err != nil {
		t.Fatal(err)
	}
	want := &ContractDetail{
		ID: "OCB1", Name: "Prod", ContractType: "direct", CreatedAt: "1577836800", Offer: "Cloud Avenue",
		CustomerID: "7", CustomerName: "ACME", ContactFirstName: "A", ContactLastName: "B", ContactEmail: "a@b",
		Raw: []byte(raw),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestContractAnswersThatAreNone(t *testing.T) {
	for name, body := range map[string]string{
		"null":     `null`,
		"list":     `[]`,
		"empty":    `{}`,
		"error":    `{"code":60,"message":"not found"}`,
		"other id": `{"id":"OCB2","name":"x"}`,
		"cut":      `{"id":"OCB1","na`,
		"two":      `{"id":"OCB1"}{"id":"OCB1"}`,
		"html":     ` <html>`,
		"huge":     `{"id":"OCB1","name":"` + strings.Repeat("x", maxDetailBytes) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newFake(t)
			f.answer("/contract", 200, body)
			got, err := c.Contract(t.Context(), "OCB1")
			if !errors.Is(err, ErrProtocol) || got != nil {
				t.Errorf("%t, %v", got != nil, err)
			}
		})
	}
}

func TestContractIDsThatCannotBeSent(t *testing.T) {
	f, c := newFake(t)
	for _, id := range []string{"", " x", "x ", "a\r\nX-Evil: 1", "a\x00", "\x7f"} {
		_, err := c.Contract(t.Context(), id)
		_, err2 := c.Documents(t.Context(), id, DocumentsQuery{})
		_, err3 := c.File(t.Context(), FileRequest{ContractID: id, DocumentID: "d"})
		for _, err := range []error{err, err2, err3} {
			if !errors.Is(err, ErrInvalid) || Temporary(err) || Refused(err) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if n := f.tokens(); n != 0 {
		t.Errorf("%d token calls", n)
	}
}
