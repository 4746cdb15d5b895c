package postman

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// guide reads the files that come with the user guide, as they were published.
func guide(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "apiclient", "apisim", "testdata", "postman", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func environmentFile(t testing.TB) string {
	return guide(t, "OrangeCloud_API.postman_environment.json")
}
func collectionFile(t testing.TB) string {
	return guide(t, "API_CLOUDSTORE_CUSTOMER_SPACE.postman_collection.json")
}

func settings(t *testing.T, files ...string) Found {
	t.Helper()
	var exports []*Export
	for _, f := range files {
		e, err := Parse([]byte(f))
		if err != nil {
			t.Fatal(err)
		}
		exports = append(exports, e)
	}
	return Settings(exports)
}

func TestTheGuidesFilesAsTheyAre(t *testing.T) {
	got := settings(t, environmentFile(t), collectionFile(t))
	want := Found{
		Values: map[string]string{KeyAPIURL: "https://api.orange.com/cloud/b2b/v1", KeyOAuthURL: "https://api.orange.com/oauth/v3"},
		Placeholders: map[string]string{
			KeyAPIKey: "still is the placeholder of the user guide", KeyContract: "still is the placeholder of the user guide",
			KeyClientID: "still is the example of the user guide", KeyClientSecret: "still is the example of the user guide",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheGuidesFilesFilledIn(t *testing.T) {
	fill := strings.NewReplacer(
		"Your API_KEY provided to you by ECC team", " key+with/signs== ", "ID of the contract (OCB000xxxx)", "OCB0001234",
		"ExAMpleBiu4eYZxJ8qRfCquvJCYzAX9HPo", "the-id", "EXAMpleOrsuDaT3T", "the-secret")
	want := map[string]string{
		KeyAPIURL: "https://api.orange.com/cloud/b2b/v1", KeyOAuthURL: "https://api.orange.com/oauth/v3",
		KeyAPIKey: "key+with/signs==", KeyContract: "OCB0001234", KeyClientID: "the-id", KeyClientSecret: "the-secret",
	}
	e, c := fill.Replace(environmentFile(t)), fill.Replace(collectionFile(t))
	for _, files := range [][]string{{e, c}, {c, e}, {"\xef\xbb\xbf" + e, c}} {
		got := settings(t, files...)
		if d := cmp.Diff(Found{want, map[string]string{}}, got); d != "" {
			t.Error(d)
		}
	}
}

// The forms in which other exports say the same.
func TestForms(t *testing.T) {
	const token = `"url":"{{oauth_host}}/token"`
	const environment = `{"values":[{"key":"oauth_host","value":"https://o"},{"key":"id","value":"the-id"},{"key":"secret","value":"the-secret","type":"secret"}]}`
	both := map[string]string{KeyClientID: "the-id", KeyClientSecret: "the-secret", KeyOAuthURL: "https://o"}
	for name, tt := range map[string]struct {
		collection string
		want       map[string]string
	}{
		"2.1, variables": {`{"item":[{"request":{` + token + `,"auth":{"type":"basic","basic":[{"key":"username","value":"{{id}}"},{"key":"password","value":"{{ Secret }}"}]}}}]}`, both},
		"2.0":            {`{"item":[{"request":{` + token + `,"auth":{"type":"basic","basic":{"username":"{{id}}","password":"{{secret}}"}}}}]}`, both},
		"of a folder":    {`{"item":[{"auth":{"type":"basic","basic":{"username":"the-id","password":"the-secret"}},"item":[{"item":[{"request":{` + token + `}}]}]}]}`, both},
		"of the collection": {`{"auth":{"type":"basic","basic":{"username":"the-id","password":"the-secret"}},"item":[{"request":{` + token + `}}]}`,
			both},
		"as a header":   {`{"item":[{"request":{"url":{"raw":"https://o/token?x=1"},"header":[{"key":"authorization","value":"Basic dGhlLWlkOnRoZS1zZWNyZXQ="}]}}]}`, both},
		"of its own":    {`{"variable":[{"id":"me","value":"the-id"}],"item":[{"request":{` + token + `,"auth":{"type":"basic","basic":{"username":"{{me}}","password":"the-secret"}}}}]}`, both},
		"another call":  {`{"item":[{"request":{"url":"https://o/contracts","auth":{"type":"basic","basic":{"username":"the-id","password":"the-secret"}}}}]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"a URL alone":   {`{"item":[{"request":"https://o/token"}]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"no auth":       {`{"item":[{"request":{` + token + `,"auth":null}},{"request":{` + token + `,"auth":{"type":"noauth"}}},{"request":{` + token + `,"auth":{"basic":7}}}]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"headers":       {`{"item":[{"request":{"url":"x","header":[{"key":"X-API-Key","value":"k"},{"key":"X-ECCS-Contract-Id","value":"OCB1"}]}}]}`, map[string]string{KeyOAuthURL: "https://o", KeyAPIKey: "k", KeyContract: "OCB1"}},
		"switched off":  {`{"item":[{"request":{"url":"x","header":[{"key":"X-API-Key","value":"k","disabled":true}]}}]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"text headers":  {`{"item":[{"request":{"url":"x","header":"X-API-Key: k"}}]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"odd values":    {`{"variable":[{"key":"Contract-Id","value":7},{"key":"Host","value":{"a":1}},{"key":"X-API-Key","value":null}],"item":[]}`, map[string]string{KeyOAuthURL: "https://o", KeyContract: "7"}},
		"bad base64":    {`{"item":[{"request":{"url":"https://o/token","header":[{"key":"Authorization","value":"Basic %%%"}]}}]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"going round":   {`{"variable":[{"key":"X-API-Key","value":"{{a}}"},{"key":"a","value":"{{b}}"},{"key":"b","value":"{{a}}{{a}}"}],"item":[]}`, map[string]string{KeyOAuthURL: "https://o"}},
		"disabled ones": {`{"variable":[{"key":"X-API-Key","value":"no","enabled":false},{"key":"X-API-Key","value":"yes"}],"item":[]}`, map[string]string{KeyOAuthURL: "https://o", KeyAPIKey: "yes"}},
	} {
		if d := cmp.Diff(tt.want, settings(t, environment, tt.collection).Values); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	for key, texts := range map[string][]string{
		KeyAPIKey:       {"Your API_KEY provided to you by ECC team", "****insert here your key****", "{{X-API-Key}}", "<your key>"},
		KeyContract:     {"ID of the contract (OCB000xxxx)", "OCB000xxxx", "OCB000XXXX"},
		KeyClientID:     {"ExAMpleBiu4eYZxJ8qRfCquvJCYzAX9HPo"},
		KeyClientSecret: {"EXAMpleOrsuDaT3T"},
	} {
		for _, text := range texts {
			if placeholder(key, text) == "" {
				t.Errorf("%s %q is taken for a value", key, text)
			}
		}
	}
	for key, text := range map[string]string{KeyAPIKey: "Example+is/fine=", KeyContract: "OCB0001234", KeyClientID: "myExampleApp"} {
		if why := placeholder(key, text); why != "" {
			t.Errorf("%s %q %s", key, text, why)
		}
	}
}

func TestNoExport(t *testing.T) {
	deep := strings.Repeat(`{"item":[`, maxDepth+1) + strings.Repeat(`]}`, maxDepth+1)
	for name, tt := range map[string]struct{ data, want string }{
		"empty":      {" \n", "is empty"},
		"cut":        {"{\n\"values\": [", "line 2, column 11"},
		"not JSON":   {"{\n  \"values\": secret-value\n}", "line 2, column 13: invalid character 's'"},
		"a list":     {"[1]", "is no export"},
		"something":  {`{"a":1}`, "neither an environment nor a collection"},
		"wrong kind": {`{"values":{"secret-value":1}}`, "is no export"},
		"wrapped":    {`{"collection":{"item":[]}}`, "export the collection as v2.1"},
		"deep":       {deep, "nested more than 50 deep"},
		"very deep":  {strings.Repeat("[", 100_000), "is not JSON"},
		"huge":       {strings.Repeat(" ", MaxSize+1), "larger than 16 MiB"},
	} {
		_, err := Parse([]byte(tt.data))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret-value") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(environmentFile(f)))
	f.Add([]byte(collectionFile(f)))
	f.Add([]byte(`{"item":[{"request":"x"}],"auth":{"type":"basic","basic":{"username":{}}}}`))
	f.Add([]byte(`{"values":[{"key":"Host","value":"{{Host}}{{Host}}"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data)
		if err != nil {
			return
		}
		found := Settings([]*Export{e, e})
		for key, value := range found.Values {
			if value == "" || strings.Contains(value, "{{") || len(value) > maxValue+len(data) {
				t.Errorf("%s: %.80q", key, value)
			}
		}
	})
}
