package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// accessToken is a token of a server for a client.
func (r *rig) accessToken(server, id, secret string) string {
	r.Helper()
	var got struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
	}
	a := r.token(server, id, secret, grant())
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Token == "" || got.Type != "Bearer" || got.Expires != 3600 {
		r.Fatalf("%s: %s", a.Status, a.body)
	}
	return got.Token
}

// The same client of the API gets from the gateway what it gets from the API: contracts,
// details, documents of every type in the same order, and every byte of them.
func TestTheSameAsTheAPI(t *testing.T) {
	r := newRig(t, nil)
	direct, through := r.direct(), r.client("one")
	ctx := t.Context()
	want, err := direct.Contracts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got, err := through.Contracts(ctx)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("contracts %v, %v, want %v", got, err, want)
	}
	files := 0
	for _, c := range want {
		a, err := direct.Contract(ctx, c.ID)
		b, err2 := through.Contract(ctx, c.ID)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		var x, y any
		if json.Unmarshal(a.Raw, &x) != nil || json.Unmarshal(b.Raw, &y) != nil || a.Name != b.Name || a.ContactEmail != b.ContactEmail {
			t.Errorf("contract %s, want %s", b.Raw, a.Raw)
		}
		for _, typ := range append(billing.Types(), "", "all", "nonsense") {
			for _, limit := range []int{0, 3} {
				q := apiclient.DocumentsQuery{Type: typ, Limit: limit}
				want, err := direct.Documents(ctx, c.ID, q)
				if err != nil {
					t.Fatal(err)
				}
				got, err := through.Documents(ctx, c.ID, q)
				if err != nil || len(got) != len(want) {
					t.Fatalf("%s %q, limit %d: %d documents, %v, want %d", c.ID, typ, limit, len(got), err, len(want))
				}
				if limit > 0 {
					continue // which of several of one month is up to the API
				}
				for _, w := range want {
					i := slices.IndexFunc(got, func(d apiclient.Document) bool { return d.ID == w.ID })
					if i < 0 || got[i].Filename != w.Filename || got[i].Period != w.Period || got[i].CreatedAt != w.CreatedAt || got[i].Amount != w.Amount {
						t.Fatalf("%s %q: no %+v in %+v", c.ID, typ, w, got)
					}
				}
				if !slices.IsSortedFunc(got, func(a, b apiclient.Document) int { return strings.Compare(b.Period, a.Period) }) {
					t.Errorf("%s %q: not the newest first", c.ID, typ)
				}
			}
		}
		docs, _ := direct.Documents(ctx, c.ID, apiclient.DocumentsQuery{Type: billing.TypeInvoices})
		for _, d := range docs[:min(len(docs), 3)] {
			files++
			a, b := r.bytes(direct, c.ID, d.ID), r.bytes(through, c.ID, d.ID)
			if !bytes.Equal(a, b) || len(a) == 0 {
				t.Errorf("%s: %d bytes, want %d", d.ID, len(b), len(a))
			}
		}
	}
	if files == 0 || len(r.sent) != files || !strings.HasPrefix(r.sent[0], "name of one ") {
		t.Errorf("%d documents, told of %q", files, r.sent)
	}
}

func (r *rig) bytes(c *apiclient.Client, contract, id string) []byte {
	r.Helper()
	f, err := c.File(r.Context(), apiclient.FileRequest{ContractID: contract, DocumentID: id})
	if err != nil {
		r.Fatal(err)
	}
	defer f.Body.Close()
	b, err := io.ReadAll(f.Body)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// What a client asks wrongly is answered as the API does: status, code, and what a list of
// nothing looks like.
func TestErrorsAreTheAPIs(t *testing.T) {
	r := newRig(t, nil)
	id := apisim.DefaultAccount().Contracts[0].ID
	tokens := map[string]string{r.api.URL: r.accessToken(r.api.URL, apisim.ClientID, apisim.ClientSecret), r.web.URL: r.accessToken(r.web.URL, "one", testSecret)}
	keys := map[string]string{r.api.URL: apisim.APIKey, r.web.URL: testKey}
	set := func(pairs ...string) func(q *http.Request) {
		return func(q *http.Request) {
			q.Header.Set("X-ECCS-Contract-Id", id)
			for i := 0; i < len(pairs); i += 2 {
				if q.Header.Del(pairs[i]); pairs[i+1] != "" {
					q.Header.Set(pairs[i], pairs[i+1])
				}
			}
		}
	}
	docs := APIPath + "/documents"
	for name, c := range map[string]struct {
		at     string
		change func(q *http.Request)
	}{
		"no token":            {APIPath + "/contracts", set("Authorization", "")},
		"not bearer":          {APIPath + "/contracts", set("Authorization", "Basic eA==")},
		"another token":       {APIPath + "/contracts", set("Authorization", "Bearer nonsense.of.mine")},
		"no key":              {APIPath + "/contracts", set("X-API-Key", "")},
		"another key":         {APIPath + "/contracts", set("X-API-Key", "other")},
		"no accept":           {APIPath + "/contracts", set("Accept", "*/*")},
		"posted":              {APIPath + "/contracts", func(q *http.Request) { q.Method = http.MethodPost }},
		"no contract":         {APIPath + "/contract", set("X-ECCS-Contract-Id", "")},
		"another contract":    {APIPath + "/contract", set("X-ECCS-Contract-Id", "OCB9999999")},
		"of no contract":      {docs + "?documentType=bills&limit=5", set("X-ECCS-Contract-Id", "")},
		"of another contract": {docs + "?documentType=bills&limit=5", set("X-ECCS-Contract-Id", "OCB9999999")},
		"all":                 {docs + "?documentType=all&limit=5", set()},
		"misspelt":            {docs + "?documentType=bill&limit=5", set()},
		"no type, no limit":   {docs + "?documentType=", set()},
		"limit 0":             {docs + "?documentType=bills&limit=0", set()},
		"limit x":             {docs + "?documentType=bills&limit=x", set()},
		"no such document":    {docs + "/nonsense/file", set()},
		"of another":          {docs + "/nonsense/file", set("X-ECCS-Contract-Id", "OCB9999999")},
		"no such address":     {APIPath + "/nonsense", set()},
	} {
		t.Run(name, func(t *testing.T) {
			type told struct {
				Code      int             `json:"code"`
				Message   string          `json:"message"`
				Documents json.RawMessage `json:"documents"`
			}
			var got [2]told
			var status [2]int
			for i, server := range []string{r.api.URL, r.web.URL} {
				a := r.ask(server, c.at, tokens[server], keys[server], c.change)
				status[i] = a.StatusCode
				if err := json.Unmarshal([]byte(a.body), &got[i]); err != nil || a.Header.Get("X-OAPI-Request-Id") == "" {
					t.Errorf("%s: %s, %v", server, a.body, err)
				}
				if a.StatusCode == http.StatusMethodNotAllowed && a.Header.Get("Allow") == "" {
					t.Error("nothing is said to be allowed")
				}
			}
			if status[0] != status[1] || got[0].Code != got[1].Code || got[0].Message != got[1].Message || string(got[0].Documents) != string(got[1].Documents) {
				t.Errorf("%d %+v, want %d %+v", status[1], got[1], status[0], got[0])
			}
		})
	}
	if a := r.ask(r.web.URL, docs, tokens[r.web.URL], testKey, set()); strings.Count(a.body, `"id"`) != 10 || strings.Count(a.body, `"documentType":"reports"`) != 10 {
		t.Errorf("without parameters: %s", a.body)
	}
}

// A token is asked for as OAuth has it; it outlives a restart, and no longer than its client,
// its secret, or an hour.
func TestTokens(t *testing.T) {
	r := newRig(t, nil)
	for name, c := range map[string]struct {
		id, secret string
		form       url.Values
		status     int
		want       string
	}{
		"right":         {"one", testSecret, grant(), 200, `"token_type":"Bearer"`},
		"wrong secret":  {"one", "x", grant(), 401, `"invalid_client"`},
		"nobody":        {"two", testSecret, grant(), 401, `"invalid_client"`},
		"empty":         {"", "", grant(), 401, `"invalid_client"`},
		"no grant":      {"one", testSecret, url.Values{}, 400, `"invalid_request"`},
		"another grant": {"one", testSecret, url.Values{"grant_type": {"password"}}, 400, `"unsupported_grant_type"`},
	} {
		a := r.token(r.web.URL, c.id, c.secret, c.form)
		if a.StatusCode != c.status || !strings.Contains(a.body, c.want) || strings.Contains(a.body, testSecret) {
			t.Errorf("%s: %s %s", name, a.Status, a.body)
		}
	}
	token := r.accessToken(r.web.URL, "one", testSecret)
	code := func(token string) int {
		var e struct {
			Code int `json:"code"`
		}
		a := r.ask(r.web.URL, APIPath+"/contracts", token, testKey, nil)
		if a.StatusCode == http.StatusOK {
			return 0
		}
		if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", a.Status, a.body)
		}
		return e.Code
	}
	if n := code(token); n != 0 {
		t.Errorf("good: %d", n)
	}
	for i := range len(token) {
		b := []byte(token)
		if b[i] ^= 1; code(string(b)) == 0 {
			t.Errorf("changed at %d: taken", i)
		}
	}
	r.after(59 * time.Minute)
	if n := code(token); n != 0 {
		t.Errorf("after 59 minutes: %d", n)
	}
	r.after(2 * time.Minute)
	if n := code(token); n != 42 {
		t.Errorf("expired: %d", n)
	}
	token = r.accessToken(r.web.URL, "one", testSecret)
	r.mu.Lock()
	c := r.clients["one"]
	c.Secret[0]++
	r.clients["one"] = c
	r.mu.Unlock()
	if n := code(token); n != 41 {
		t.Errorf("of a secret before: %d", n)
	}
	r.mu.Lock()
	delete(r.clients, "one")
	r.mu.Unlock()
	if n := code(token); n != 41 {
		t.Errorf("of nobody any more: %d", n)
	}
}

// A client sees the contracts that it was given, and of the others not even that they are.
func TestContractsOfAClient(t *testing.T) {
	r := newRig(t, nil)
	all := apisim.DefaultAccount().Contracts
	r.admit("some", all[1].ID)
	c := r.client("some")
	got, err := c.Contracts(t.Context())
	if err != nil || len(got) != 1 || got[0].ID != all[1].ID {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := c.Documents(t.Context(), all[1].ID, apiclient.DocumentsQuery{Type: "invoices"}); err != nil {
		t.Error(err)
	}
	for _, id := range []string{all[0].ID, "OCB9999999"} {
		_, err := c.Documents(t.Context(), id, apiclient.DocumentsQuery{Type: "invoices"})
		_, err2 := c.Contract(t.Context(), id)
		_, err3 := c.File(t.Context(), apiclient.FileRequest{ContractID: id, DocumentID: "x"})
		for _, err := range []error{err, err2, err3} {
			var e *apiclient.Error
			if !errors.As(err, &e) || e.Code != 50 || e.Status != http.StatusForbidden {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
}

// What many ask for is asked for once, and what the first has is there for all.
func TestAskedForOnce(t *testing.T) {
	r := newRig(t, nil)
	contract := apisim.DefaultAccount().Contracts[0].ID
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := r.client("one")
			docs, err := c.Documents(r.Context(), contract, apiclient.DocumentsQuery{Type: billing.TypeInvoices})
			if err != nil || len(docs) < 3 {
				t.Errorf("%d documents, %v", len(docs), err)
				return
			}
			for _, d := range docs[:3] {
				r.bytes(c, contract, d.ID)
			}
		})
	}
	wg.Wait()
	calls := r.sim.Calls()
	if calls.Token != 1 || calls.Contracts != 1 || calls.File != 3 || calls.Documents != len(billing.Types())+1 {
		t.Errorf("asked %+v", calls)
	}
}

// What a client wants newer is asked for anew, once by all who want it within seconds; the
// age of an answer is said.
func TestAge(t *testing.T) {
	r := newRig(t, nil)
	contract := apisim.DefaultAccount().Contracts[0].ID
	token := r.accessToken(r.web.URL, "one", testSecret)
	ask := func(control string) answer {
		return r.ask(r.web.URL, APIPath+"/documents?documentType=bills&limit=5", token, testKey, func(q *http.Request) {
			q.Header.Set("X-ECCS-Contract-Id", contract)
			q.Header.Set("Cache-Control", control)
		})
	}
	want := func(control, age string, listings int) {
		t.Helper()
		r.sim.ResetCalls()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if a := ask(control); a.StatusCode != http.StatusOK || a.Header.Get("Age") != age {
					t.Errorf("%q: %s, age %s, want %s", control, a.Status, a.Header.Get("Age"), age)
				}
			})
		}
		wg.Wait()
		if n := r.sim.Calls().Documents; n != listings*(len(billing.Types())+1) {
			t.Errorf("%q: %d calls for documents, want %d lists", control, n, listings)
		}
	}
	want("", "0", 1)
	r.after(5 * time.Minute)
	want("", "300", 0)
	want("max-age=600", "300", 0)
	want("no-store, max-age=60", "0", 1)
	r.after(9 * time.Second)
	want("no-cache", "9", 0)
	r.after(9 * time.Second)
	want("no-cache", "0", 1)
	r.after(11 * time.Minute)
	want("", "0", 1) // and nothing that is due
}

// Where the API is away, or refuses, a list is an error of its kind and never an old one;
// documents that are here are served.
func TestWhereTheAPIFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault  apisim.Fault
		op     apisim.Op
		status int
		code   int
		file   int // status of a document that is here
	}{
		"away":     {apisim.Fault{Reset: true}, apisim.OpDocuments, 503, 5, 200},
		"500":      {apisim.Fault{Status: 500, Code: 1}, apisim.OpDocuments, 503, 5, 200},
		"never":    {apisim.Fault{Never: true}, apisim.OpDocuments, 504, 6, 200},
		"HTML":     {apisim.Fault{Body: apisim.HTMLPage}, apisim.OpDocuments, 502, 1, 200},
		"refused":  {apisim.Fault{Status: 403, Code: 50}, apisim.OpDocuments, 403, 50, 403},
		"not ours": {apisim.Fault{Status: 401, Code: 41}, apisim.OpDocuments, 503, 5, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil, func(c *account.Config) { c.Client.Timeout, c.Client.Patience = 300*time.Millisecond, time.Second })
			contract := apisim.DefaultAccount().Contracts[0].ID
			token := r.accessToken(r.web.URL, "one", testSecret)
			ask := func(at string) answer {
				return r.ask(r.web.URL, APIPath+at, token, testKey, func(q *http.Request) { q.Header.Set("X-ECCS-Contract-Id", contract) })
			}
			list := "/documents?documentType=invoices&limit=500"
			var docs []struct{ ID string }
			if err := json.Unmarshal([]byte(ask(list).body), &docs); err != nil {
				t.Fatal(err)
			}
			file := "/documents/" + docs[0].ID + "/file"
			if a := ask(file); a.StatusCode != http.StatusOK || a.body == "" {
				t.Fatalf("%s: %s", a.Status, a.body)
			}
			r.after(30 * time.Minute)
			token = r.accessToken(r.web.URL, "one", testSecret)
			defer r.sim.Faults.Add(apisim.Match{Op: c.op}, 0, c.fault)()
			a := ask(list)
			var e struct {
				Code        int
				Description string
			}
			if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.StatusCode != c.status || e.Code != c.code || e.Description == "" {
				t.Errorf("%s: %s", a.Status, a.body)
			}
			if retry := a.Header.Get("Retry-After"); (retry == "") != (c.status != 503 && c.status != 504) {
				t.Errorf("come again: %q", retry)
			}
			if a := ask(file); a.StatusCode != c.file {
				t.Errorf("document: %s", a.Status)
			}
		})
	}
}

// What is about the gateway's own access, or the moment, passes: a client whose credentials
// are good must not take it for a refusal of its own.
func TestWhatPasses(t *testing.T) {
	for _, err := range []error{
		apiclient.ErrRateLimited, apiclient.ErrUnauthorized, apiclient.ErrCredentials, apiclient.ErrUnreachable, context.Canceled,
		&folder.OldError{Cause: apiclient.ErrForbidden}, content.ErrChanged, errors.New("something new"),
	} {
		if e := of(fmt.Errorf("a contract: %w", err)); e.status != http.StatusServiceUnavailable || e.code != 5 || e.description == "" {
			t.Errorf("%v: %+v", err, e)
		}
	}
	if e := old(apiclient.ErrForbidden); e.status != http.StatusServiceUnavailable {
		t.Errorf("old for a refusal: %+v", e)
	}
}

// A name is written as the API writes it, so that files that are made of answers are the same
// behind a gateway.
func TestNamesAreAsTheyAre(t *testing.T) {
	const name = "R&D <é> \u2028"
	of := apisim.Synthetic(1, 1, 2_000, ".pdf")
	of.Contracts[0].Name = name
	r := newRig(t, of)
	m := r.machine("one")
	here, err := r.account.Catalog.Detail(t.Context(), of.Contracts[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	there, err := m.Catalog.Detail(t.Context(), of.Contracts[0].ID)
	if err != nil || !bytes.Equal(here.JSON, there.JSON) {
		t.Errorf("%s: %v\n%s", here.JSON, err, there.JSON)
	}
}

// A document can be had in ranges, as its hash says; and what is known of it is listed.
func TestRangesAndWhatIsKnown(t *testing.T) {
	r := newRig(t, nil)
	contract := apisim.DefaultAccount().Contracts[0].ID
	c := r.client("one")
	docs, err := c.Documents(t.Context(), contract, apiclient.DocumentsQuery{Type: billing.TypeInvoices})
	if err != nil {
		t.Fatal(err)
	}
	all := r.bytes(c, contract, docs[0].ID)
	token := r.accessToken(r.web.URL, "one", testSecret)
	part := r.ask(r.web.URL, APIPath+"/documents/"+docs[0].ID+"/file?zipped=0", token, testKey, func(q *http.Request) {
		q.Header.Set("X-ECCS-Contract-Id", contract)
		q.Header.Set("Range", "bytes=10-19")
	})
	if part.StatusCode != http.StatusPartialContent || part.body != string(all[10:20]) || part.Header.Get("ETag") == "" {
		t.Errorf("%s %q", part.Status, part.body)
	}
	zip := r.ask(r.web.URL, APIPath+"/documents/"+docs[0].ID+"/file?zipped=1", token, testKey, func(q *http.Request) { q.Header.Set("X-ECCS-Contract-Id", contract) })
	if zip.StatusCode != http.StatusBadRequest {
		t.Errorf("%s", zip.Status)
	}
	list := r.ask(r.web.URL, APIPath+"/documents?documentType=invoices&limit=500", token, testKey, func(q *http.Request) { q.Header.Set("X-ECCS-Contract-Id", contract) })
	var told []struct {
		ID    string
		Ccsfs *struct {
			Size   int64
			SHA256 string
		}
	}
	if err := json.Unmarshal([]byte(list.body), &told); err != nil {
		t.Fatal(err)
	}
	for _, d := range told {
		if known := d.Ccsfs != nil; known != (d.ID == docs[0].ID) {
			t.Errorf("%s: known %v", d.ID, known)
		} else if known && (d.Ccsfs.Size != int64(len(all)) || len(d.Ccsfs.SHA256) != 64) {
			t.Errorf("%+v", d.Ccsfs)
		}
	}
}
