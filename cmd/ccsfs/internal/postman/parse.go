// Package postman reads exports of Postman: environments, and collections of
// format 2.0 and 2.1 (https://schema.postman.com), such as the two files that come
// with the user guide of the Cloud Customer Space API.
package postman

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxSize bounds a file, in bytes. Collections with saved answers are large,
	// but not like this.
	MaxSize = 16 << 20
	// maxDepth bounds how deeply folders may be nested.
	maxDepth = 50
)

// Export is what a file holds.
type Export struct {
	Name      string
	Variables []Variable // of an environment, or of a collection itself
	Requests  []Request  // of a collection, those in folders included
}

// Variable is a value under a name; values may refer to others as {{name}}.
type Variable struct{ Key, Value string }

// Request is what is of interest in a request of a collection.
type Request struct {
	Name    string
	URL     string
	Headers []Variable
	Auth    Auth // its own, or that of a folder around it
}

// Auth is how a request is authorised.
type Auth struct {
	Type   string     // "basic", "bearer", …; "" if none is set
	Values []Variable // username, password, …
}

// Parse reads an export. Errors say on which line and column the trouble is, and
// never quote the file, for it may hold secrets.
func Parse(data []byte) (*Export, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("is larger than %d MiB, too large for an export of Postman", MaxSize>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("is empty")
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, jsonError(data, err)
	}
	switch {
	case f.Values != nil:
		return &Export{Name: f.Name, Variables: enabled(f.Values)}, nil
	case f.Item != nil:
		e := &Export{Name: f.Info.Name, Variables: enabled(f.Variable)}
		return e, e.collect(f.Item, f.Auth, 1)
	case f.Collection != nil:
		return nil, errors.New("is an export of Postman's API or of an old version; export the collection as v2.1 from Postman itself")
	}
	return nil, errors.New("is neither an environment nor a collection of Postman (it has neither \"values\" nor \"item\")")
}

// file is either kind of export.
type file struct {
	Name string `json:"name"`
	Info struct {
		Name string `json:"name"`
	} `json:"info"`
	Values     variables       `json:"values"`   // of an environment
	Variable   variables       `json:"variable"` // of a collection
	Auth       *auth           `json:"auth"`
	Item       []item          `json:"item"`
	Collection json.RawMessage `json:"collection"`
}

// item is a request, or a folder of items.
type item struct {
	Name    string   `json:"name"`
	Item    []item   `json:"item"`
	Auth    *auth    `json:"auth"`
	Request *request `json:"request"`
}

// collect takes the requests out of folders. What a request does not say of its
// authorisation, the folder around it does.
func (e *Export) collect(items []item, outer *auth, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("has folders nested more than %d deep", maxDepth)
	}
	for _, it := range items {
		around := outer
		if it.Auth != nil {
			around = it.Auth
		}
		if err := e.collect(it.Item, around, depth+1); err != nil {
			return err
		}
		if it.Request == nil {
			continue
		}
		if it.Request.Auth != nil {
			around = it.Request.Auth
		}
		r := Request{Name: it.Name, URL: string(it.Request.URL), Headers: enabled(it.Request.Header)}
		if around != nil {
			r.Auth = Auth(*around)
		}
		e.Requests = append(e.Requests, r)
	}
	return nil
}

// jsonError says where the trouble is, without the text around it.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("is not JSON: %s: %w", position(data, syntax.Offset), syntax)
	case errors.As(err, &kind): // its offset counts from somewhere inside
		return fmt.Errorf("is no export of Postman: %q is a %s in it", kind.Field, firstWord(kind.Value))
	}
	return errors.New("is no export of Postman: " + strings.TrimPrefix(err.Error(), "json: "))
}

// firstWord leaves out the number in "number 123".
func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

func position(data []byte, offset int64) string {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}
