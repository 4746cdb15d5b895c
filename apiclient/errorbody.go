package apiclient

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxErrorBytes is read of the body of an error.
const maxErrorBytes = 64 << 10

// errorBody is the API's error body {"code","message","description"}, or
// OAuth's {"error","error_description"}, or nothing of either.
type errorBody struct {
	Code        int
	Message     string
	Description string
	OAuth       string // such as invalid_client
}

// parseErrorBody reads what it can of an error body. Whatever it is given, it
// gives back something, perhaps empty.
func parseErrorBody(b []byte) errorBody { return parseMembers(b, (*errorBody).set) }

// parseDisguise reads what it can of an error in the place of a list, or beside one.
func parseDisguise(b []byte) errorBody {
	return parseMembers(b, func(e *errorBody, name string, raw json.RawMessage) {
		e.set(name, raw)
		e.setList(name, raw)
	})
}

func parseMembers(b []byte, set func(*errorBody, string, json.RawMessage)) (e errorBody) {
	var members map[string]json.RawMessage
	if json.Unmarshal(trimBOM(b), &members) != nil {
		return e
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		set(&e, name, members[name])
	}
	return e
}

// set takes one member of a JSON object.
func (e *errorBody) set(name string, raw json.RawMessage) {
	var t text
	switch strings.ToLower(name) {
	case "code", "message", "description", "error", "error_description":
		if json.Unmarshal(raw, &t) != nil {
			return
		}
	}
	switch strings.ToLower(name) {
	case "code":
		e.Code = parseCode(t)
	case "message":
		e.Message = string(t)
	case "description":
		e.Description = string(t)
	case "error_description":
		e.Description = orDefault(e.Description, string(t))
	case "error":
		e.setError(string(t), raw)
	}
}

// setError takes the member "error": a word, or a whole error body.
func (e *errorBody) setError(word string, raw json.RawMessage) {
	var inner struct {
		Code, Message, Description text
	}
	if isObject(raw) && json.Unmarshal(raw, &inner) == nil {
		word = "error"
		e.Code = parseCode(inner.Code)
		e.Message = orDefault(e.Message, string(inner.Message))
		e.Description = orDefault(e.Description, string(inner.Description))
	} else if string(raw) == "true" {
		word = "error"
	}
	e.OAuth = word
}

// setList takes the members "errors" and "status" of an object that a list is in,
// as some write errors beside an empty list.
func (e *errorBody) setList(name string, raw json.RawMessage) {
	switch strings.ToLower(name) {
	case "errors":
		if blank(raw) {
			return
		}
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) == nil && len(all) > 0 {
			raw = all[0]
		}
		var word text
		if json.Unmarshal(raw, &word) == nil && word != "" {
			e.Message = orDefault(e.Message, string(word))
		}
		e.setError(orDefault(e.OAuth, "errors"), raw)
	case "status":
		var t text
		if json.Unmarshal(raw, &t) == nil && parseCode(t) >= 400 && parseCode(t) < 600 { // of HTTP
			e.OAuth = orDefault(e.OAuth, "status "+string(t))
		}
	}
}

// parseCode reads a code, written as a number or as a string; 0 if it is none.
func parseCode(t text) int {
	code, err := strconv.Atoi(strings.TrimSpace(string(t)))
	if err != nil {
		return 0
	}
	return code
}

// isError reports whether an object with status 200 says that it is an error.
// Code 0 and 200 are what envelopes write when all is well.
func (e *errorBody) isError() bool {
	return e.Code != 0 && e.Code != 200 || e.OAuth != ""
}

// isSet reports whether there is anything of an error body at all.
func (e *errorBody) isSet() bool { return *e != errorBody{} }

// isMarkup reports whether an answer is an HTML or XML page, which the API
// never sends: something on the way answered in its place.
func isMarkup(contentType string, body []byte) bool {
	ct := strings.ToLower(contentType)
	return strings.Contains(ct, "html") || bytes.HasPrefix(bytes.TrimLeft(trimBOM(body), " \t\r\n"), []byte("<"))
}

func trimBOM(b []byte) []byte {
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
}
