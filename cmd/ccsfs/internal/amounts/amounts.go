// Package amounts reads what a document costs out of the document itself, for an API that
// need not tell. It is careful: an amount is read only where the file says beyond doubt
// which number it is, else it is not known. Files come from outside: whatever they hold,
// reading takes little memory and ends.
//
// What is known of how documents look is in one table, [layouts].
package amounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"ccsfs/internal/billing"
)

// Version is that of the table and the rules: what an earlier one has read, or could not
// read, is read again.
const Version = 1

// Document is a document that is here, whole.
type Document struct {
	io.ReaderAt
	Size int64 // bytes
	Type string
	Name string // its extension tells the format
}

// Amount is what a document says that it costs.
type Amount struct {
	Amount   string // a decimal with a point, as [decimal.Sum] takes it
	Currency string // three capital letters; "" where the file names none
}

// UnknownError is that the file does not say beyond doubt what it costs: reading it once
// more would not help. Other errors are of getting at its bytes.
type UnknownError struct{ Why string }

// Error implements error.
func (e *UnknownError) Error() string { return e.Why }

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

// layout is how documents of some types look, as far as that is known: a table, and which
// of its columns adds up to what the document costs.
type layout struct {
	types  []string
	format string // extension

	sheet   string // of a workbook: the name of the sheet
	head    int    // row with the heads of the columns, counted from 1; the data follow
	columns int    // how many columns there are, or at least, where they are told by position; 0: they are not
	more    bool   // there may be more columns
	amount  int    // which of them is the amount, counted from 0
	code    int    // and the currency; -1: only a head tells
	numbers []int  // which others hold numbers: what makes sure that the columns are those
	commas  bool   // numbers have decimal commas, where the file does not show it
}

// layouts is all that is known of how documents look (docs/api-notes.md). Heads that are
// known count more than positions: see rows.columns. The order decides nothing: there is
// one layout at most for a type and a format.
func layouts() []layout {
	return []layout{
		{
			types: []string{billing.TypeBills, billing.TypePartialBills}, format: ".xlsx",
			sheet: "Billing Report", head: 13, columns: 18, more: true, amount: 17, code: -1, numbers: []int{12, 14, 15},
		},
		{
			types: []string{billing.TypeRated, billing.TypePartialRated}, format: ".csv",
			head: 1, columns: 27, amount: 18, code: 19, numbers: []int{13, 15, 16}, commas: true,
		},
		{ // nothing is known of their columns: only heads tell
			types: []string{billing.TypeReports}, format: ".csv", head: 1, code: -1,
		},
	}
}

// The heads and labels that are known, as spell writes them.
const (
	headAmount   = "discountedamount"
	headCurrency = "currency"
	labelTotal   = "total"
)

func layoutOf(typ, name string) (layout, bool) {
	format := strings.ToLower(path.Ext(name))
	for _, l := range layouts() {
		if l.format == format && slices.Contains(l.types, typ) {
			return l, true
		}
	}
	return layout{}, false
}

// Readable tells whether amounts of such documents can be read at all.
func Readable(typ, name string) bool {
	_, ok := layoutOf(typ, name)
	return ok
}

// Read reads what a document costs, until ctx ends. Its error Is an UnknownError where the
// file does not say it beyond doubt.
func Read(ctx context.Context, d Document) (Amount, error) {
	l, ok := layoutOf(d.Type, d.Name)
	if !ok {
		return Amount{}, unknown("amounts of such documents are not read")
	}
	var in source
	var err error
	switch l.format {
	case ".xlsx":
		in, err = openSheet(ctx, d, l.sheet)
	case ".csv":
		in, err = openCSV(ctx, d)
	}
	if err != nil {
		return Amount{}, outcome(ctx, err)
	}
	a, err := (&rows{layout: l, in: in}).read()
	return a, outcome(ctx, err)
}

// outcome words an error: what is wrong with the file is that its amount is not known.
func outcome(ctx context.Context, err error) error {
	var u *UnknownError
	var at *ioError
	switch {
	case err == nil, errors.As(err, &u):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &at):
		return at.err
	}
	return unknown("the file cannot be read: %v", err)
}

// ioError is that the bytes could not be had, which says nothing of the file.
type ioError struct{ err error }

func (e *ioError) Error() string { return e.err.Error() }
func (e *ioError) Unwrap() error { return e.err }

// bytesOf marks the errors of a document's bytes, and stops with ctx.
type bytesOf struct {
	ctx context.Context
	at  io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (b bytesOf) ReadAt(p []byte, off int64) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, &ioError{err}
	}
	if off < 0 { // where a damaged archive points to
		return 0, unknown("it is no archive")
	}
	n, err := b.at.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &ioError{err}
	}
	return n, err
}
