package amounts

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	mostToken = 1 << 20 // bytes of one text or tag
	mostDepth = 64      // of elements in each other
)

// noEnd is an error within an element, where the end of the file is one, too.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// tokens are those of an XML file, each of a bounded size and depth. There are no entities
// but those of XML itself, and no document types that would define some.
type tokens struct {
	ctx   context.Context
	in    *bytesRead
	xml   *xml.Decoder
	depth int
}

func (t *tokens) next() (xml.Token, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	t.in.left = mostToken
	token, err := t.xml.Token()
	if err != nil {
		return nil, err
	}
	switch token.(type) {
	case xml.StartElement:
		if t.depth++; t.depth > mostDepth {
			return nil, unknown("its elements are nested too deep")
		}
	case xml.EndElement:
		t.depth--
	case xml.Directive:
		return nil, unknown("it declares a document type")
	}
	return token, nil
}

// text reads to the end of the element that has just begun, and gives the texts in it but
// for those of phonetic marks.
func (t *tokens) text() (string, error) {
	var b strings.Builder
	end, marks := t.depth, 0
	for {
		token, err := t.next()
		if err != nil {
			return "", noEnd(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "rPh" && marks == 0 {
				marks = t.depth
			}
		case xml.EndElement:
			if t.depth < marks {
				marks = 0
			}
			if t.depth < end {
				return b.String(), nil
			}
		case xml.CharData:
			if marks == 0 {
				if b.Len()+len(e) > mostToken {
					return "", unknown("it has a text without end")
				}
				b.Write(e)
			}
		}
	}
}

// bytesRead reads byte by byte, as the decoder does without a buffer of its own, and at
// most so many before it is told to go on.
type bytesRead struct {
	in   *bufio.Reader
	left int
}

// ReadByte implements io.ByteReader.
func (b *bytesRead) ReadByte() (byte, error) {
	if b.left--; b.left < 0 {
		return 0, &UnknownError{"it has a tag without end"}
	}
	return b.in.ReadByte()
}

// Read implements io.Reader; the decoder does not use it.
func (b *bytesRead) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
