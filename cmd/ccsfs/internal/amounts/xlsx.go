package amounts

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
)

// Workbooks are read here, part by part as they stream, and not by excelize, which holds
// all of a file in memory, and ends quietly where the XML of a sheet breaks off: a sum of
// the first half would be told as the amount.

const (
	mostWorkbook = 64 << 20  // bytes of a file
	mostIndex    = 2 << 20   // bytes of its list of parts
	mostPart     = 256 << 20 // bytes of a part of it, which only streams
	mostTexts    = 32 << 20  // bytes of all texts that cells share
	mostShared   = 1 << 20   // number of them
	wideEnough   = 256       // columns that are looked at
	widest       = 16_384    // that a sheet may have
)

// The kinds of relations between parts that are looked for, by the end of their names:
// there are two families of them.
const (
	relDocument = "/relationships/officeDocument"
	relStrings  = "/relationships/sharedStrings"
)

// book is an open workbook.
type book struct {
	ctx   context.Context
	parts map[string]*zip.File
}

// sheet is a sheet of it, from its beginning.
type sheet struct {
	xml    *tokens
	close  io.Closer
	shared []string
	at     int
	row    []cell
	ended  bool
}

// openSheet opens a workbook's sheet by its name, whatever its case.
func openSheet(ctx context.Context, d Document, name string) (*sheet, error) {
	if d.Size > mostWorkbook {
		return nil, unknown("it is too large to be looked into")
	}
	in := &atMost{bytesOf{ctx, d.ReaderAt}, mostIndex}
	z, err := zip.NewReader(in, d.Size) // reads the list of parts
	if err != nil {
		return nil, err
	}
	in.left = math.MaxInt64
	b := &book{ctx, make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		at := partName("", strings.ReplaceAll(f.Name, `\`, "/"))
		if b.parts[at] != nil {
			return nil, unknown("it has a part twice")
		}
		b.parts[at] = f
	}
	main, err := b.relation("", func(r relation) bool { return strings.HasSuffix(r.kind, relDocument) })
	if err != nil {
		return nil, err
	}
	id, err := b.sheetID(main, name)
	if err != nil {
		return nil, err
	}
	at, err := b.relation(main, func(r relation) bool { return r.id == id })
	if err != nil {
		return nil, err
	}
	s := &sheet{}
	if texts, err := b.relation(main, func(r relation) bool { return strings.HasSuffix(r.kind, relStrings) }); err == nil {
		if s.shared, err = b.sharedTexts(texts); err != nil {
			return nil, err
		}
	}
	s.xml, s.close, err = b.open(at)
	return s, err
}

// atMost reads so many bytes.
type atMost struct {
	bytesOf
	left int64
}

// ReadAt implements io.ReaderAt.
func (a *atMost) ReadAt(p []byte, off int64) (int, error) {
	if a.left -= int64(len(p)); a.left < 0 {
		return 0, unknown("it has too many parts")
	}
	return a.bytesOf.ReadAt(p, off)
}

// partName is where a part lies that another one names.
func partName(from, target string) string {
	if !strings.HasPrefix(target, "/") {
		target = path.Join(path.Dir("/"+from), target)
	}
	return strings.ToLower(strings.TrimPrefix(path.Clean(target), "/"))
}

func (b *book) open(at string) (*tokens, io.Closer, error) {
	f := b.parts[at]
	if f == nil {
		return nil, nil, unknown("it lacks a part")
	}
	if f.UncompressedSize64 > mostPart { // more than it says it cannot have: archive/zip sees to that
		return nil, nil, unknown("a part of it is too large")
	}
	r, err := f.Open()
	if err != nil {
		return nil, nil, err
	}
	in := &bytesRead{in: bufio.NewReaderSize(r, 32<<10)}
	return &tokens{ctx: b.ctx, in: in, xml: xml.NewDecoder(in)}, r, nil
}

// each calls f for each element of a part that begins, until it is false.
func (b *book) each(at string, f func(t *tokens, e xml.StartElement) (bool, error)) error {
	t, closer, err := b.open(at)
	if err != nil {
		return err
	}
	defer closer.Close()
	for {
		token, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok {
			if more, err := f(t, e); err != nil || !more {
				return err
			}
		}
	}
}

// relation is that a part belongs to another one.
type relation struct{ id, kind, target string }

// relation finds the part that a part names; "" is the workbook file itself.
func (b *book) relation(of string, is func(relation) bool) (found string, err error) {
	at := partName("", path.Join(path.Dir(of), "_rels", path.Base("/"+of)+".rels"))
	if of == "" {
		at = "_rels/.rels"
	}
	err = b.each(at, func(_ *tokens, e xml.StartElement) (bool, error) {
		r := relation{attribute(e, "Id"), attribute(e, "Type"), attribute(e, "Target")}
		if e.Name.Local == "Relationship" && is(r) && attribute(e, "TargetMode") != "External" {
			found = partName(of, r.target)
		}
		return found == "", nil
	})
	if err == nil && found == "" {
		err = unknown("it lacks a part")
	}
	return found, err
}

// sheetID finds the relation of a sheet by the sheet's name.
func (b *book) sheetID(main, name string) (id string, err error) {
	err = b.each(main, func(_ *tokens, e xml.StartElement) (bool, error) {
		if e.Name.Local != "sheet" || !strings.EqualFold(attribute(e, "name"), name) {
			return true, nil
		}
		for _, a := range e.Attr { // r:id; sheetId is another thing
			if a.Name.Local == "id" {
				id = a.Value
			}
		}
		return false, nil
	})
	if err == nil && id == "" {
		err = unknown("it has no sheet %q", name)
	}
	return id, err
}

// sharedTexts reads the texts that cells share.
func (b *book) sharedTexts(at string) (texts []string, err error) {
	size := 0
	err = b.each(at, func(t *tokens, e xml.StartElement) (bool, error) {
		if e.Name.Local != "si" {
			return true, nil
		}
		text, err := t.text()
		if size += len(text); err == nil && (size > mostTexts || len(texts) >= mostShared) {
			err = unknown("it has too many texts")
		}
		texts = append(texts, text)
		return true, err
	})
	return texts, err
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (s *sheet) typed() bool { return true }

// next reads a row. A file in which rows or cells do not stand in order is refused: which
// of two cells counts nobody could say.
func (s *sheet) next() (int, []cell, error) {
	for !s.ended {
		token, err := s.xml.next()
		if errors.Is(err, io.EOF) { // without an end of the data: no sheet
			err = unknown("it has no data")
		}
		if err != nil {
			s.close.Close()
			return 0, nil, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "row" {
				if err := s.readRow(e); err != nil {
					s.close.Close()
					return 0, nil, err
				}
				return s.at, s.row, nil
			}
		case xml.EndElement:
			if e.Name.Local == "sheetData" {
				s.ended = true
			}
		}
	}
	defer s.close.Close()
	for { // what follows must be well-formed, too, and no more data
		token, err := s.xml.next()
		if err != nil {
			return 0, nil, err
		}
		if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "sheetData" || e.Name.Local == "row") {
			return 0, nil, unknown("it has data twice")
		}
	}
}

func (s *sheet) readRow(e xml.StartElement) error {
	at := s.at + 1
	if r := attribute(e, "r"); r != "" {
		var err error
		if at, err = strconv.Atoi(r); err != nil || at <= s.at {
			return unknown("its rows are not in order")
		}
	}
	s.at, s.row = at, s.row[:0]
	column := 0 // of the next cell
	for {
		token, err := s.xml.next()
		if err != nil {
			return noEnd(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local != "c" {
				return unknown("row %d holds what is no cell", at)
			}
			if r := attribute(e, "r"); r != "" {
				i, ok := columnOf(r, at)
				if !ok || i < column {
					return unknown("the cells of row %d are not in order", at)
				}
				column = i
			}
			if column >= widest {
				return unknown("row %d is too wide", at)
			}
			c, err := s.readCell(e)
			if err != nil {
				return err
			}
			if column < wideEnough {
				for len(s.row) < column {
					s.row = append(s.row, cell{})
				}
				s.row = append(s.row, c)
			}
			column++
		case xml.EndElement: // of the row
			return nil
		}
	}
}

// columnOf reads the column, counted from 0, of a reference such as AB12, of that row.
func columnOf(reference string, row int) (int, bool) {
	n, i := 0, 0
	for ; i < len(reference) && i < 4 && reference[i] >= 'A' && reference[i] <= 'Z'; i++ {
		n = n*26 + int(reference[i]-'A') + 1
	}
	return n - 1, n > 0 && reference[i:] == strconv.Itoa(row)
}

func (s *sheet) readCell(e xml.StartElement) (c cell, err error) {
	kind, value, inline := attribute(e, "t"), "", ""
	for {
		token, err := s.xml.next()
		if err != nil {
			return c, noEnd(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch text, err := s.xml.text(); {
			case err != nil:
				return c, err
			case e.Name.Local == "v":
				value = text
			case e.Name.Local == "is":
				inline = text
			case e.Name.Local == "f":
				c.formula = true
			}
		case xml.EndElement: // of the cell
			return s.meaning(c, kind, value, inline)
		}
	}
}

// meaning is what a cell of a kind holds.
func (s *sheet) meaning(c cell, kind, value, inline string) (cell, error) {
	c.text = value
	switch kind {
	case "", "n":
		if n, ok := sheetNumber(value); ok && !c.formula {
			c.number = n
		}
	case "s":
		i, err := strconv.Atoi(value)
		if err != nil || i < 0 || i >= len(s.shared) {
			return c, unknown("it lacks a text")
		}
		c.text = s.shared[i]
	case "inlineStr":
		c.text = inline
	}
	c.text = strings.TrimSpace(c.text)
	return c, nil
}
