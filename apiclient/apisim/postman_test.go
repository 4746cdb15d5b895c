package apisim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The user guide's Postman files, as they were published.
const (
	postmanCollection  = "testdata/postman/API_CLOUDSTORE_CUSTOMER_SPACE.postman_collection.json"
	postmanEnvironment = "testdata/postman/OrangeCloud_API.postman_environment.json"
)

type postmanPair struct{ Key, Value string }

type postmanItem struct {
	Name  string
	Event []struct {
		Listen string
		Script struct{ Exec []string }
	}
	Request struct {
		Auth struct {
			Type          string
			Bearer, Basic []postmanPair
		}
		Method string
		Header []struct {
			postmanPair
			Disabled bool
		}
		Body struct{ Urlencoded []postmanPair }
		URL  struct{ Raw string } `json:"url"`
	}
}

// postman does what Postman does with a collection.
type postman struct {
	t   *testing.T
	env map[string]string
}

func readPostman(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// expand replaces {{name}}.
func (p *postman) expand(s string) string {
	return regexp.MustCompile(`\{\{([^}]+)\}\}`).ReplaceAllStringFunc(s, func(v string) string {
		value, ok := p.env[v[2:len(v)-2]]
		if !ok {
			p.t.Fatalf("the environment has no %s", v)
		}
		return value
	})
}

// send runs one item, and its test script if it sets a variable.
func (p *postman) send(item postmanItem) (int, []byte) {
	p.t.Helper()
	r := item.Request
	form := url.Values{}
	for _, pair := range r.Body.Urlencoded {
		form.Set(pair.Key, p.expand(pair.Value))
	}
	req, err := http.NewRequestWithContext(p.t.Context(), r.Method, p.expand(r.URL.Raw), strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Accept", "*/*") // Postman's own
	if len(form) > 0 {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded") // Postman's own, of the body's mode
	}
	for _, h := range r.Header {
		if !h.Disabled {
			req.Header.Set(h.Key, p.expand(h.Value))
		}
	}
	p.authorize(req, item)
	rec := roundTrip(http.DefaultClient, req)
	for _, e := range item.Event {
		p.script(strings.Join(e.Script.Exec, "\n"), rec.body)
	}
	return rec.status, []byte(rec.body)
}

func (p *postman) authorize(req *http.Request, item postmanItem) {
	value := func(pairs []postmanPair, key string) string {
		i := slices.IndexFunc(pairs, func(x postmanPair) bool { return x.Key == key })
		return p.expand(pairs[i].Value)
	}
	switch auth := item.Request.Auth; auth.Type {
	case "bearer":
		req.Header.Set("Authorization", "Bearer "+value(auth.Bearer, "token"))
	case "basic":
		req.SetBasicAuth(value(auth.Basic, "username"), value(auth.Basic, "password"))
	}
}

// script understands pm.environment.set(name, pm.response.json().member).
func (p *postman) script(code, body string) {
	set := regexp.MustCompile(`pm\.environment\.set\("([^"]+)", pm\.response\.json\(\)\.(\w+)\)`)
	for _, m := range set.FindAllStringSubmatch(code, -1) {
		var members map[string]any
		if err := json.Unmarshal([]byte(body), &members); err != nil {
			p.t.Fatal(err)
		}
		p.env[m[1]], _ = members[m[2]].(string)
	}
}

func loadPostman(t *testing.T, base string) (*postman, map[string]postmanItem) {
	var environment struct{ Values []postmanPair }
	var collection struct{ Item []postmanItem }
	readPostman(t, postmanEnvironment, &environment)
	readPostman(t, postmanCollection, &collection)
	p := &postman{t: t, env: map[string]string{}}
	for _, v := range environment.Values {
		p.env[v.Key] = strings.Replace(v.Value, "https://api.orange.com", base, 1)
	}
	items := map[string]postmanItem{}
	for _, item := range collection.Item {
		items[item.Name] = item
	}
	return p, items
}

// TestPostmanCollection runs the guide's collection as a reader of the guide
// would: credentials and ids filled in, the rest as it is.
func TestPostmanCollection(t *testing.T) {
	sim := &Server{}
	web := httptest.NewServer(sim)
	defer web.Close()
	p, items := loadPostman(t, web.URL)
	p.env["X-API-Key"] = APIKey
	basic := items["generate access token"].Request.Auth.Basic
	for i := range basic {
		basic[i].Value = map[string]string{"username": ClientID, "password": ClientSecret}[basic[i].Key]
	}
	run := func(name string, answer any) {
		t.Helper()
		item, ok := items[name]
		if !ok {
			t.Fatalf("the collection has no request %q", name)
		}
		status, body := p.send(item)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, status, body)
		}
		if err := json.Unmarshal(body, answer); err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
	}
	var token map[string]any
	run("generate access token", &token)
	if token["expires_in"] != 3600.0 || token["token_type"] != "Bearer" || p.env["Token"] == "" {
		t.Errorf("token answer %v", token)
	}
	var contracts []struct{ ID string }
	run("contracts list", &contracts)
	p.env["Contract-Id"] = contracts[0].ID
	var detail struct{ ID string }
	run("contract detail", &detail)
	if detail.ID != contracts[0].ID {
		t.Errorf("detail of %s is of %s", contracts[0].ID, detail.ID)
	}
	var docs []listed
	run("documents list", &docs)
	if len(docs) != 10 {
		t.Errorf("%d documents without parameters, want the 10 latest usage reports", len(docs))
	}
	download := items["document download"]
	download.Request.URL.Raw = strings.Replace(download.Request.URL.Raw, "****insert here your document id****", docs[0].ID, 1)
	status, body := p.send(download)
	want, err := sim.Bytes(contracts[0].ID, docs[0].ID)
	if err != nil || status != http.StatusOK || string(body) != string(want) {
		t.Errorf("download: %d, %d bytes, want %d; %v", status, len(body), len(want), err)
	}
	if c := sim.Calls(); c.Token != 1 || c.Contracts != 1 || c.Contract != 1 || c.Documents != 1 || c.File != 1 || c.Other != 0 {
		t.Errorf("calls %+v", c)
	}
}
