package amounts

import (
	"errors"
	"io"
	"strings"
	"unicode"

	"ccsfs/cmd/ccsfs/internal/decimal"
)

// cell is what stands in a table.
type cell struct {
	text    string
	number  string // as the file means it, with a point; "" if it is none, or the file has texts alone
	formula bool
}

// source is a table that is read from its beginning.
type source interface {
	// next gives the next row that stands in the file, and its number, counted from 1;
	// io.EOF after the last one. The row is good until the next call.
	next() (int, []cell, error)
	// typed tells whether the file says itself what is a number.
	typed() bool
}

// rows adds a table up.
type rows struct {
	layout
	in source

	sum                decimal.Sum
	style              style
	total, told        string // labelled above the heads
	currency           string // of the rows
	atAmount, atCode   int    // columns
	byPosition, headed bool
	lines              int
}

func (r *rows) read() (Amount, error) {
	r.style.commas = r.commas
	for {
		at, row, err := r.in.next()
		if errors.Is(err, io.EOF) {
			return r.result()
		}
		if err != nil {
			return Amount{}, err
		}
		switch {
		case blank(row):
		case at < r.head:
			err = r.above(at, row)
		case at == r.head:
			err = r.columnsOf(row)
		case !r.headed:
			err = unknown("row %d has no heads of columns", r.head)
		default:
			err = r.line(at, row)
		}
		if err != nil {
			return Amount{}, err
		}
	}
}

// above takes in a row over the heads: a label in the first column and what it says.
func (r *rows) above(at int, row []cell) error {
	var said []cell
	for _, c := range row[1:] {
		if c.text != "" || c.formula {
			said = append(said, c)
		}
	}
	var to *string
	switch spell(row[0].text) {
	case labelTotal:
		to = &r.total
	case headCurrency:
		to = &r.told
	default:
		return nil
	}
	switch {
	case *to != "" || len(said) != 1:
		return unknown("row %d does not say one %s", at, spell(row[0].text))
	case said[0].formula:
		return unknown("the %s in row %d is a formula", spell(row[0].text), at)
	}
	text := said[0].text
	if to == &r.total {
		if text = said[0].number; text == "" {
			return unknown("the total in row %d is no number", at)
		}
	} else if !isCurrency(text) {
		return unknown("the currency in row %d is none", at)
	}
	*to = text
	return nil
}

// columnsOf finds the columns by their heads, or, where those are not known, by position.
func (r *rows) columnsOf(heads []cell) error {
	amounts, codes := named(heads, headAmount), named(heads, headCurrency)
	fits := r.columns > 0 && (len(heads) == r.columns || r.more && len(heads) > r.columns)
	switch {
	case len(amounts) > 1 || len(codes) > 1:
		return unknown("several columns have one head")
	case len(amounts) == 1:
		r.atAmount = amounts[0]
	case !fits:
		return unknown("no column is known to be the amount")
	default:
		for _, i := range append([]int{r.amount}, r.numbers...) {
			if _, isNumber := parseNumber(heads[i].text); isNumber || heads[i].text == "" {
				return unknown("column %d has no head", i+1)
			}
		}
		r.atAmount, r.byPosition = r.amount, true
	}
	switch r.atCode = -1; {
	case len(codes) == 1:
		r.atCode = codes[0]
	case r.byPosition:
		r.atCode = r.code
	}
	r.headed = true
	return nil
}

// named gives the columns with a head.
func named(heads []cell, head string) (at []int) {
	for i, h := range heads {
		if spell(h.text) == head {
			at = append(at, i)
		}
	}
	return at
}

// line adds a row of the data.
func (r *rows) line(at int, row []cell) error {
	if isTotal(row) {
		return unknown("row %d seems to be a sum of others", at)
	}
	if r.byPosition {
		for _, i := range r.numbers {
			if c := cellAt(row, i); c.text != "" && !r.isNumber(c) {
				return unknown("row %d has no number in column %d", at, i+1)
			}
		}
	}
	c := cellAt(row, r.atAmount)
	if c.formula {
		return unknown("the amount in row %d is a formula", at)
	}
	amount, ok := c.number, c.number != ""
	if !r.in.typed() {
		amount, ok = r.style.take(c.text)
	}
	if !ok || !r.sum.Add(amount) {
		return unknown("row %d has no number in column %d", at, r.atAmount+1)
	}
	r.lines++
	if r.atCode < 0 {
		return nil
	}
	code := cellAt(row, r.atCode)
	switch {
	case code.formula || !isCurrency(code.text):
		return unknown("row %d has no currency in column %d", at, r.atCode+1)
	case r.currency != "" && r.currency != code.text:
		return unknown("there are amounts in %s and in %s", r.currency, code.text)
	}
	r.currency = code.text
	return nil
}

func (r *rows) isNumber(c cell) bool {
	if r.in.typed() {
		return c.number != ""
	}
	_, ok := parseNumber(c.text)
	return ok
}

// result is what the rows and the labels say together.
func (r *rows) result() (Amount, error) {
	switch {
	case !r.headed:
		return Amount{}, unknown("row %d has no heads of columns", r.head)
	case r.lines == 0 && r.total == "":
		return Amount{}, unknown("it has no lines")
	case !r.style.sure():
		return Amount{}, unknown("it is not sure whether amounts have decimals or thousands")
	case r.currency != "" && r.told != "" && r.currency != r.told:
		return Amount{}, unknown("there are amounts in %s and in %s", r.currency, r.told)
	}
	a := Amount{Amount: r.sum.String(), Currency: r.currency}
	if a.Currency == "" {
		a.Currency = r.told
	}
	if r.total != "" {
		if !r.sum.Near(r.total) {
			return Amount{}, unknown("the lines do not add up to the total")
		}
		a.Amount = r.total
	}
	var again decimal.Sum
	if !again.Add(a.Amount) {
		return Amount{}, unknown("the amount has too many digits")
	}
	return a, nil
}

func cellAt(row []cell, i int) cell {
	if i < len(row) {
		return row[i]
	}
	return cell{}
}

func blank(row []cell) bool {
	for _, c := range row {
		if c.text != "" || c.formula {
			return false
		}
	}
	return true
}

// isTotal tells a row of sums by the word for it that it begins with. Such words further
// behind may be names.
func isTotal(row []cell) bool {
	for _, c := range row {
		if c.text == "" {
			continue
		}
		word := spell(c.text)
		for _, sum := range []string{labelTotal, "subtotal", "grandtotal", "soustotal", "sum"} {
			if word == sum || sum != "sum" && strings.HasPrefix(word, sum) {
				return true
			}
		}
		return false
	}
	return false
}

// spell writes a head or label as the table has it: without case, spaces and marks.
func spell(text string) string {
	if len(text) > 64 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// isCurrency tells whether a text is the code of a currency (ISO 4217), as far as its form
// tells.
func isCurrency(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
