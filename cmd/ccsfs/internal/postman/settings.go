package postman

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// Found is what exports say about settings, by their keys in config.toml.
type Found struct {
	Values map[string]string
	// Placeholders tells, by key, of values that still are those of the user
	// guide's files.
	Placeholders map[string]string
}

// The keys of Found.
const (
	KeyAPIURL       = "api_url"
	KeyOAuthURL     = "oauth_url"
	KeyAPIKey       = "api_key"
	KeyClientID     = "client_id"
	KeyClientSecret = "client_secret"
	KeyContract     = "contract"
)

// Settings finds settings in exports: in variables of the guide's names, in the
// headers of requests, and in the Basic authorisation of the request for a token.
// A value of an environment goes before one of a collection.
func Settings(exports []*Export) Found {
	f := Found{Values: map[string]string{}, Placeholders: map[string]string{}}
	vars := scope{}
	for _, environments := range []bool{true, false} {
		for _, e := range exports {
			if (e.Requests == nil) == environments {
				vars.add(e.Variables)
			}
		}
	}
	for _, v := range []struct{ key, name string }{
		{KeyAPIURL, "Host"}, {KeyOAuthURL, "oauth_host"}, {KeyAPIKey, "X-API-Key"}, {KeyContract, "Contract-Id"},
	} {
		f.take(v.key, vars[strings.ToLower(v.name)], vars)
	}
	for _, e := range exports {
		for _, r := range e.Requests {
			f.request(r, vars)
		}
	}
	return f
}

// request takes what a request shows.
func (f *Found) request(r Request, vars scope) {
	for _, h := range r.Headers {
		switch strings.ToLower(h.Key) {
		case "x-api-key":
			f.take(KeyAPIKey, h.Value, vars)
		case "x-eccs-contract-id":
			f.take(KeyContract, h.Value, vars)
		case "authorization":
			if strings.HasPrefix(strings.ToLower(h.Value), "basic ") && r.forToken(vars) {
				f.basic(vars.resolve(h.Value)[len("basic "):])
			}
		}
	}
	if r.Auth.Type != "basic" || !r.forToken(vars) {
		return
	}
	for _, v := range r.Auth.Values {
		switch v.Key {
		case "username":
			f.take(KeyClientID, v.Value, vars)
		case "password":
			f.take(KeyClientSecret, v.Value, vars)
		}
	}
}

// forToken tells the request for a token by its address.
func (r Request) forToken(vars scope) bool {
	address, _, _ := strings.Cut(vars.resolve(r.URL), "?")
	return strings.HasSuffix(strings.TrimRight(address, "/"), "/token")
}

// basic takes client id and secret from a header, as Orange's portal shows it.
func (f *Found) basic(encoded string) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return
	}
	if id, secret, ok := strings.Cut(string(text), ":"); ok {
		f.take(KeyClientID, id, nil)
		f.take(KeyClientSecret, secret, nil)
	}
}

// take takes a value, unless there is one already, or this is none.
func (f *Found) take(key, raw string, vars scope) {
	value := strings.TrimSpace(vars.resolve(raw))
	if value == "" || f.Values[key] != "" {
		return
	}
	if why := placeholder(key, value); why != "" {
		f.Placeholders[key] = why
		return
	}
	delete(f.Placeholders, key)
	f.Values[key] = value
}

// unfilled is the form of the guide's contract, of which the digits are missing.
var unfilled = regexp.MustCompile(`(?i)^ocb0*x+$`)

// placeholder says why a value is no value but stands for one; "" if it is one.
// The texts are those of the guide's files.
func placeholder(key, value string) string {
	lower := strings.ToLower(value)
	switch {
	case strings.Contains(value, "{{"):
		return "refers to a variable that has no value"
	case strings.Contains(lower, "provided to you by"), strings.HasPrefix(lower, "your "), strings.Contains(lower, "insert here"),
		strings.HasPrefix(value, "***"), strings.HasPrefix(value, "<"),
		key == KeyContract && (strings.HasPrefix(lower, "id of the contract") || unfilled.MatchString(value)):
		return "still is the placeholder of the user guide"
	case (key == KeyClientID || key == KeyClientSecret) && strings.HasPrefix(lower, "example"):
		return "still is the example of the user guide"
	}
	return ""
}

// scope is variables by their names in lower case: people write them as they like.
type scope map[string]string

func (s scope) add(list []Variable) {
	for _, v := range list {
		if name := strings.ToLower(v.Key); v.Value != "" && s[name] == "" {
			s[name] = v.Value
		}
	}
}

// maxReferences bounds how often references are followed, for they may go round
// in circles, and maxValue how long a value may become by that.
const (
	maxReferences = 10
	maxValue      = 64 << 10
)

var reference = regexp.MustCompile(`\{\{\s*([^{}]+?)\s*\}\}`)

// resolve replaces {{name}} by the value of that name; one without a value stays.
func (s scope) resolve(text string) string {
	for range maxReferences {
		next := reference.ReplaceAllStringFunc(text, func(ref string) string {
			name := strings.ToLower(reference.FindStringSubmatch(ref)[1])
			if value, ok := s[name]; ok {
				return value
			}
			return ref
		})
		if next == text || len(next) > maxValue {
			return text
		}
		text = next
	}
	return text
}

// String shows which settings were found, and none of their values.
func (f Found) String() string {
	return fmt.Sprintf("%d settings of Postman", len(f.Values))
}
