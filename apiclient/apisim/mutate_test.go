package apisim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDocumentsChange(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount(), Quirks: Quirks{ETag: true, LastModified: true, Dates: true}})
	bills := func() string { return r.get("/documents?documentType=bills&limit=9", "A").body }
	before := r.get(filePath("700"), "A")
	listing := bills()

	d := Document{
		ID: "700", Type: typeBills, Filename: "bill.xlsx", Period: "202501", CreatedAt: "2025-05-01T00:00:00Z",
		UpdatedAt: "2025-06-01T00:00:00Z", Content: Bytes([]byte("anew")),
	}
	if err := r.sim.ReplaceDocument("A", d); err != nil {
		t.Fatal(err)
	}
	after := r.get(filePath("700"), "A")
	if after.body != "anew" || after.header.Get("ETag") == before.header.Get("ETag") ||
		after.header.Get("Last-Modified") <= before.header.Get("Last-Modified") {
		t.Errorf("replaced: %q, headers %v, before %v", after.body, after.header, before.header)
	}
	if bills() != listing {
		t.Errorf("the listing changed with the content: %s", bills())
	}
	d.UpdatedAt = "2025-07-01T00:00:00Z"
	if err := r.sim.ReplaceDocument("A", d); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(bills(), d.UpdatedAt) {
		t.Errorf("no new updatedAt in %s", bills())
	}

	if err := r.sim.AddDocument("A", Document{ID: "800", Type: typeBills, Period: "202512"}); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.RemoveDocument("A", "701"); err != nil {
		t.Fatal(err)
	}
	if got := ids(r.list("A", "?documentType=bills&limit=9")); got != "800 702 700" {
		t.Errorf("listed %s", got)
	}
	if a := r.get(filePath("701"), "A"); a.status != 404 {
		t.Errorf("removed document: %d", a.status)
	}
}

func TestPartialsChange(t *testing.T) {
	sim := &Server{Quirks: Quirks{Dates: true}}
	r := newRig(t, sim)
	list := func() string { return r.get("/documents?documentType=partialBills&limit=9", contractA).body }
	doc := r.list(contractA, "?documentType=partialBills&limit=9")[0]
	final := r.list(contractA, "?documentType=bills&limit=1")[0]
	listing, body, bill := list(), r.get(filePath(doc.ID), contractA).body, r.get(filePath(final.ID), contractA).body
	if err := sim.BumpPartials(""); err != nil {
		t.Fatal(err)
	}
	again := r.get(filePath(doc.ID), contractA).body
	if again == body || list() != listing || r.get(filePath(final.ID), contractA).body != bill {
		t.Errorf("bumped: the same body %v, the same listing %v", again == body, list() == listing)
	}
	if err := sim.BumpPartials("2026-11-20T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(list(), "2026-11-20T00:00:00Z") || r.get(filePath(doc.ID), contractA).body == again {
		t.Errorf("bumped with a date: %s", list())
	}
	want, err := sim.Bytes(contractA, doc.ID)
	if err != nil || string(want) != r.get(filePath(doc.ID), contractA).body {
		t.Errorf("Bytes differs from /file, %v", err)
	}
}

func TestContractsChange(t *testing.T) {
	r := newRig(t, &Server{})
	count := func() int { return strings.Count(r.get("/contracts", "").body, `"id"`) }
	r.sim.ForbidContract(contractA, true)
	for _, path := range []string{"/contract", "/documents", filePath("1")} {
		if a := r.get(path, contractA); a.status != 403 || a.code() != 50 {
			t.Errorf("%s of a forbidden contract: %d/%d", path, a.status, a.code())
		}
	}
	if count() != 4 {
		t.Errorf("%d contracts with one forbidden", count())
	}
	r.sim.ForbidContract(contractA, false)
	if a := r.get("/contract", contractA); a.status != 200 {
		t.Errorf("no longer forbidden: %d", a.status)
	}
	if err := r.sim.RemoveContract(contractA); err != nil {
		t.Fatal(err)
	}
	if a := r.get("/contract", contractA); a.status != 403 || count() != 3 {
		t.Errorf("removed: %d, %d contracts", a.status, count())
	}
	r.sim.AddContract(Contract{ID: contractA, Name: "back"})
	if got := r.list(contractA, "?documentType=bills&limit=9"); len(got) != 0 || count() != 4 {
		t.Errorf("added again: %d documents, %d contracts", len(got), count())
	}
}

func TestTypesAreForbidden(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount()})
	r.sim.ForbidType(typeBills, true)
	for _, path := range []string{"/documents?documentType=bills&limit=1", filePath("700")} {
		if a := r.get(path, "A"); a.status != 403 || a.code() != 50 {
			t.Errorf("%s: %d/%d", path, a.status, a.code())
		}
	}
	r.sim.ForbidType(typeBills, false)
	if a := r.get(filePath("700"), "A"); a.status != 200 {
		t.Errorf("no longer forbidden: %d", a.status)
	}
}

func TestChangesOfNothing(t *testing.T) {
	sim := &Server{Account: smallAccount()}
	_, errBytes := sim.Bytes("A", "x")
	_, errBytes2 := sim.Bytes("x", "700")
	for i, err := range []error{
		sim.AddDocument("x", Document{}), sim.RemoveDocument("A", "x"), sim.RemoveDocument("x", "700"),
		sim.ReplaceDocument("A", Document{ID: "x"}), sim.Bump("A", "x", ""), sim.RemoveContract("x"), errBytes, errBytes2,
	} {
		if !errors.Is(err, errNothing) {
			t.Errorf("change %d of nothing: %v", i, err)
		}
	}
}

// TestServersShareNothing: an Account may serve two servers.
func TestServersShareNothing(t *testing.T) {
	a := smallAccount()
	one, two := &Server{Account: a}, &Server{Account: a}
	if err := one.RemoveDocument("A", "700"); err != nil {
		t.Fatal(err)
	}
	if err := one.Bump("A", "701", "x"); err != nil {
		t.Fatal(err)
	}
	if n := len(one.Snapshot().Contracts[0].Documents); n != 19 {
		t.Errorf("the first has %d documents", n)
	}
	if n := len(two.Snapshot().Contracts[0].Documents); n != 20 || len(a.Contracts[0].Documents) != 20 {
		t.Errorf("the second has %d documents, the account %d", n, len(a.Contracts[0].Documents))
	}
	for _, d := range two.Snapshot().Contracts[0].Documents {
		if d.Version != 0 || d.UpdatedAt == "x" {
			t.Errorf("the second shows %+v", d)
		}
	}
}

func TestCallsAndRequests(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount()})
	r.get("/contracts", "")
	r.get("/contract", "A")
	r.get("/documents?documentType=bills&limit=1", "A")
	r.get("/documents?documentType=bills&limit=1", "A")
	r.get("/documents", "A")
	r.get(filePath("700"), "A")
	r.get("/elsewhere", "A")
	c := r.sim.Calls()
	got := fmt.Sprint(c.Token, c.Contracts, c.Contract, c.Documents, c.File, c.Head, c.Other, c.Limited, c.MaxInFlight, c.Files, c.Listings)
	if want := "1 1 1 3 1 0 1 0 1 map[700:1] map[A:map[(absent):1 bills:2]]"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
	c.Files["700"], c.Listings["A"]["bills"] = 99, 99
	if n := r.sim.Calls(); n.Files["700"] != 1 || n.Listings["A"]["bills"] != 2 {
		t.Error("a snapshot is not a copy")
	}
	reqs := r.sim.Requests()
	last := reqs[len(reqs)-1]
	if len(reqs) != 8 || last.URL != APIPath+"/elsewhere" || last.Header.Get("Authorization") != "(set)" || last.Header.Get("X-ECCS-Contract-Id") != "A" {
		t.Errorf("%d requests, the last %+v", len(reqs), last)
	}
	r.sim.ResetCalls()
	if c := r.sim.Calls(); c.Token != 0 || len(c.Files) != 0 || len(r.sim.Requests()) != 0 {
		t.Errorf("after a reset %+v", c)
	}
	for i := range logged + 10 {
		r.sim.calls.remember(&call{r: httptest.NewRequest("GET", fmt.Sprintf("/%d", i), nil)}, time.Time{})
	}
	if reqs := r.sim.Requests(); len(reqs) != logged || reqs[0].URL != "/10" || reqs[logged-1].URL != fmt.Sprintf("/%d", logged+9) {
		t.Errorf("%d requests from %s", len(reqs), reqs[0].URL)
	}
}

// FuzzPath: an id comes out of a path as it went in, whatever it is.
func FuzzPath(f *testing.F) {
	for _, id := range []string{"1", "a/b", "..", "", "%2F", "é?#", "\xff\x00"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		u, err := url.Parse(APIPath + filePath(id))
		if err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = u
		if c := newCall(nil, r); c.op != OpFile || c.document != id {
			t.Errorf("%q gives %q %q", id, c.op, c.document)
		}
	})
}

// FuzzServe: no path, query or header brings the server down.
func FuzzServe(f *testing.F) {
	f.Add("GET", APIPath+"/documents", "documentType=&limit=1", "A", "application/json")
	f.Add("POST", OAuthPath+"/token", "%zz", "", ";;")
	f.Add("HEAD", APIPath+"/documents/%2/file", "limit=-", "B", "a/b,,")
	sim := &Server{Account: smallAccount()}
	token := sim.tokenFor(f)
	f.Fuzz(func(t *testing.T, method, path, query, contract, accept string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL = method, &url.URL{Path: path, RawPath: path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-API-Key", APIKey)
		r.Header.Set("X-ECCS-Contract-Id", contract)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 499 || w.Header().Get("X-OAPI-Request-Id") == "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) && utf8.ValidString(path+method) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
