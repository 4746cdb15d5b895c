package postman

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// request is a request in any of its forms: an object, or its URL alone.
type request struct {
	URL    address   `json:"url"`
	Header variables `json:"header"`
	Auth   *auth     `json:"auth"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *request) UnmarshalJSON(data []byte) error {
	if isText(data) {
		return json.Unmarshal(data, &r.URL)
	}
	type plain request
	return json.Unmarshal(data, (*plain)(r))
}

// address is a URL: a text, or an object with the text as raw.
type address string

// UnmarshalJSON implements json.Unmarshaler.
func (a *address) UnmarshalJSON(data []byte) error {
	if isText(data) {
		return json.Unmarshal(data, (*string)(a))
	}
	var o struct {
		Raw string `json:"raw"`
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	*a = address(o.Raw)
	return nil
}

// variables are a list of keys and values. Headers may also be one text, which
// holds nothing of interest.
type variables []variable

// UnmarshalJSON implements json.Unmarshaler.
func (v *variables) UnmarshalJSON(data []byte) error {
	if isText(data) || bytes.Equal(data, []byte("null")) {
		return nil
	}
	list := []variable{}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*v = list
	return nil
}

// variable is one of them. Some exports call the key id, and say what is not in
// use either way.
type variable struct {
	Key      string `json:"key"`
	ID       string `json:"id"`
	Value    scalar `json:"value"`
	Enabled  *bool  `json:"enabled"`
	Disabled bool   `json:"disabled"`
}

// enabled leaves out what is switched off or has no value.
func enabled(list variables) []Variable {
	var out []Variable
	for _, v := range list {
		key := v.Key
		if key == "" {
			key = v.ID
		}
		if key != "" && !v.Disabled && (v.Enabled == nil || *v.Enabled) {
			out = append(out, Variable{key, strings.TrimSpace(string(v.Value))})
		}
	}
	return out
}

// scalar is a value as a text. Lists and objects are none.
type scalar string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scalar) UnmarshalJSON(data []byte) error {
	switch {
	case isText(data):
		return json.Unmarshal(data, (*string)(s))
	case bytes.ContainsAny(data[:1], "{[") || bytes.Equal(data, []byte("null")):
		*s = ""
	default: // a number, true or false
		*s = scalar(data)
	}
	return nil
}

// auth is an authorisation. Its values are a list of keys and values (2.1), or an
// object (2.0), under the name of its type.
type auth Auth

// UnmarshalJSON implements json.Unmarshaler.
func (a *auth) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if err := json.Unmarshal(fields["type"], &a.Type); err != nil {
		return nil // of no type we know: not of interest
	}
	values := bytes.TrimSpace(fields[a.Type])
	if len(values) > 0 && values[0] == '{' {
		var object map[string]scalar
		if err := json.Unmarshal(values, &object); err != nil {
			return err
		}
		for key, v := range object {
			a.Values = append(a.Values, Variable{key, strings.TrimSpace(string(v))})
		}
		slices.SortFunc(a.Values, func(a, b Variable) int { return strings.Compare(a.Key, b.Key) })
		return nil
	}
	if len(values) == 0 {
		return nil
	}
	var list variables
	if err := json.Unmarshal(values, &list); err != nil {
		return err
	}
	a.Values = enabled(list)
	return nil
}

func isText(data []byte) bool { return len(data) > 0 && data[0] == '"' }
