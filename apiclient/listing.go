package apiclient

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

const (
	maxListBytes   = 64 << 20 // of a JSON answer, after decompression
	maxDetailBytes = 8 << 20  // of a contract's detail, which is kept as received
	maxListItems   = 1 << 19  // entries of a list: nine bytes on the wire, {"id":1}, are 128 in memory
)

// decoder reads one JSON answer from outside as a stream. Its errors are
// *shapeError, or those of the body.
type decoder struct {
	src  *bufio.Reader
	body *cappedReader
	json *json.Decoder
	most int // entries of a list

	entries int   // of the list, so far
	signs   signs // that it is not all of it
}

// newDecoder looks at the first byte, to tell JSON from a page in its place.
func newDecoder(r io.Reader, limit int64) (*decoder, error) {
	body := &cappedReader{r: r, left: limit, limit: limit}
	d := &decoder{src: bufio.NewReader(body), body: body, most: maxListItems}
	if bom, _ := d.src.Peek(3); string(bom) == "\xef\xbb\xbf" {
		_, _ = d.src.Discard(len(bom))
	}
	for {
		b, err := d.src.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, &shapeError{text: "it is empty"}
		case err != nil:
			return nil, d.wrap(err)
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
			continue
		case b == '<':
			return nil, errMarkup
		}
		_ = d.src.UnreadByte() // it follows a ReadByte
		d.json = json.NewDecoder(d.src)
		d.json.UseNumber()
		return d, nil
	}
}

// list decodes a bare array, null, or an object that wraps an array or null
// under one of keys, and calls item for each element.
func (d *decoder) list(keys []string, item func() error) error {
	tok, err := d.json.Token()
	switch {
	case err != nil:
		return d.wrap(err)
	case tok == nil:
	case tok == json.Delim('['):
		err = d.array(item)
	case tok == json.Delim('{'):
		err = d.wrapped(keys, item)
	default:
		err = &shapeError{text: "it is a single JSON value, not a list"}
	}
	if err != nil {
		return err
	}
	return d.end()
}

// array decodes the elements after the opening bracket.
func (d *decoder) array(item func() error) error {
	for n := 0; d.json.More(); n++ {
		if n == d.most {
			return &shapeError{text: fmt.Sprintf("it has more than %d entries", d.most)}
		}
		if err := item(); err != nil {
			return d.wrap(err)
		}
		d.entries++
	}
	_, err := d.json.Token()
	return d.wrap(err)
}

// wrapped decodes the members after the opening brace. An object that tells of
// an error is one, whatever its HTTP status was and also beside an empty list:
// it must never pass for "no documents".
func (d *decoder) wrapped(keys []string, item func() error) error {
	found := false
	var told errorBody
	for d.json.More() {
		key, err := d.json.Token()
		if err != nil {
			return d.wrap(err)
		}
		name, _ := key.(string)
		if !slices.Contains(keys, name) {
			if err := d.member(&told, name); err != nil {
				return err
			}
			continue
		}
		tok, err := d.json.Token()
		switch {
		case err != nil:
			return d.wrap(err)
		case tok == json.Delim('['):
			err = d.array(item)
		case tok != nil:
			err = &shapeError{text: fmt.Sprintf("its %q is not a list", name)}
		}
		if err != nil {
			return err
		}
		found = true
	}
	if _, err := d.json.Token(); err != nil {
		return d.wrap(err)
	}
	if told.isError() || !found && told.Message != "" {
		return &toldError{body: told}
	}
	if !found {
		return &shapeError{text: fmt.Sprintf("it is an object without a list (%q)", keys)}
	}
	return nil
}

// member reads a member that is not the list, keeping what belongs to an error
// body, and what says that there is more.
func (d *decoder) member(told *errorBody, name string) error {
	var raw json.RawMessage
	if err := d.json.Decode(&raw); err != nil {
		return d.wrap(err)
	}
	told.set(name, raw)
	told.setList(name, raw)
	d.signs.member(name, raw, 0)
	return nil
}

// end makes sure that nothing follows: a second list would be lost.
func (d *decoder) end() error {
	switch _, err := d.json.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return d.wrap(err)
	}
	return &shapeError{text: "something follows the end of the JSON"}
}

// wrap tells a bad answer from a body that broke on the way.
func (d *decoder) wrap(err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		return &shapeError{text: fmt.Sprintf("it is larger than %d bytes", d.body.limit)}
	case d.body.err != nil && !errors.Is(d.body.err, io.EOF):
		return d.body.err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &shapeError{text: "the JSON ends in the middle", cut: true}
	case errors.As(err, &syntax):
		return &shapeError{text: fmt.Sprintf("bad JSON at byte %d: %v", syntax.Offset, err)}
	case errors.As(err, &typ):
		return &shapeError{text: fmt.Sprintf("unexpected JSON %s at byte %d", typ.Value, typ.Offset)}
	}
	return err
}

// shapeError is an answer that came whole but is not what the API promises.
type shapeError struct {
	text string
	cut  bool // something on the way may have shortened it, and ended it in good order
}

func (e *shapeError) Error() string { return e.text }

// toldError is an error object in place of the answer, with status 200.
type toldError struct{ body errorBody }

func (e *toldError) Error() string { return "an error object with status 200" }

var errMarkup = errors.New("an HTML or XML page came instead of JSON")

var errTooLarge = errors.New("too large")

// cappedReader fails with errTooLarge after left bytes, and remembers how the
// body ended.
type cappedReader struct {
	r     io.Reader
	limit int64
	left  int64
	err   error
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		c.err = errTooLarge
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.err = err
	return n, err
}

// text is a JSON value where a text is expected: strings and numbers are kept
// as they are written, anything else is left out. A field of the wrong type
// must not cost the listing.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b):
		*t = text(b[1 : len(b)-1]) // nearly all: this spares parsing it again
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = text(b)
	}
	return nil
}

// named is a JSON object with a name, or just the name.
type named struct {
	ID, Name text
}

func (n *named) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return n.Name.UnmarshalJSON(b)
	}
	type plain named // without this method
	return json.Unmarshal(b, (*plain)(n))
}

// isObject reports whether the JSON value is an object.
func isObject(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '{'
}
