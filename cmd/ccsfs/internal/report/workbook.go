package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
	"ccsfs/internal/osfile"
)

// checkWorkbook tells, before anything is asked for, whether a workbook can be written.
func checkWorkbook(file string, force bool) error {
	st, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := osfile.Writable(filepath.Dir(file)); err != nil {
			return exitcode.Errorf(exitcode.Failed, "cannot write %s: %w", file, err)
		}
		return nil
	case err != nil:
		return exitcode.Errorf(exitcode.Failed, "cannot write %s: %w", file, err)
	case !st.Mode().IsRegular():
		return exitcode.Errorf(exitcode.Failed, "%s is there, and no file that could be written over", file)
	case !force:
		return exitcode.Errorf(exitcode.Failed, "%s is there; --force writes over it", file)
	}
	return nil
}

// writeWorkbook writes a file whole or not at all.
func writeWorkbook(file string, force bool, c *costs.Costs, contracts []completeness.Contract) error {
	t, err := osfile.Create(file, 0o666)
	if err != nil {
		return err
	}
	defer t.Cleanup()
	if st, err := os.Stat(file); err == nil {
		if err := t.Chmod(st.Mode().Perm()); err != nil {
			return err
		}
	}
	if err := workbook(t, c, contracts); err != nil {
		return err
	}
	if force {
		return t.Replace()
	}
	if err := t.Sync(); err != nil {
		return err
	}
	// A link does not replace what came meanwhile. Where a file system has none, it is looked.
	err = os.Link(t.Name(), file)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return errors.New("it is there by now; --force writes over it")
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return errors.New("it is there by now; --force writes over it")
	}
	return t.Replace()
}

// column is one of a sheet.
type column struct {
	head  string
	width float64 // in characters
	style string  // of numbers and dates, see styles
}

// The formats of cells. Amounts show as many digits behind the point as they have.
const (
	asMonth  = "yyyy-mm"
	asTime   = "yyyy-mm-dd hh:mm"
	asAmount = "#,##0.00########"
	asCount  = "#,##0"
)

// workbook writes the three sheets.
func workbook(w io.Writer, c *costs.Costs, contracts []completeness.Contract) error {
	f := excelize.NewFile()
	defer f.Close()
	b := &book{file: f, styles: map[string]int{}}
	if err := b.prepare(); err != nil {
		return err
	}
	for i, write := range []func(*book, string) error{
		func(b *book, name string) error { return b.costs(name, c) },
		func(b *book, name string) error { return b.months(name, contracts) },
		func(b *book, name string) error { return b.documents(name, c) },
	} {
		name := []string{"Costs", "Months", "Documents"}[i]
		if i == 0 {
			if err := f.SetSheetName("Sheet1", name); err != nil {
				return err
			}
		} else if _, err := f.NewSheet(name); err != nil {
			return err
		}
		if err := write(b, name); err != nil {
			return fmt.Errorf("sheet %s: %w", name, err)
		}
	}
	return f.Write(w)
}

// book is a workbook that is being written.
type book struct {
	file   *excelize.File
	styles map[string]int // by format
	head   int
	alarm  int // the style of what is missing
}

func (b *book) prepare() (err error) {
	for _, format := range []string{asMonth, asTime, asAmount, asCount} {
		if b.styles[format], err = b.file.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
			return err
		}
	}
	if b.head, err = b.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	b.alarm, err = b.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true, Color: "9C0006"}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFC7CE"}}})
	return err
}

// sheet writes rows below heads, which stay in view and can be filtered by.
func (b *book) sheet(name string, columns []column, rows [][]any) error {
	last, err := excelize.CoordinatesToCellName(len(columns), max(len(rows), 1)+1)
	if err != nil {
		return err
	}
	if err := b.file.AutoFilter(name, "A1:"+last, nil); err != nil {
		return err
	}
	if err := b.extent(name, len(columns), len(rows)+1); err != nil {
		return err
	}
	w, err := b.file.NewStreamWriter(name)
	if err != nil {
		return err
	}
	heads := []any{}
	for i, c := range columns {
		if err := w.SetColWidth(i+1, i+1, c.width); err != nil {
			return err
		}
		heads = append(heads, excelize.Cell{StyleID: b.head, Value: c.head})
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	for i, row := range append([][]any{heads}, rows...) {
		for k, v := range row {
			if style := columns[k].style; i > 0 && style != "" && v != nil {
				if _, styled := v.(excelize.Cell); !styled {
					row[k] = excelize.Cell{StyleID: b.styles[style], Value: v}
				}
			}
		}
		at, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			return err
		}
		if err := w.SetRow(at, row); err != nil {
			return err
		}
	}
	return w.Flush()
}

// extent notes how large a sheet is, which the stream writer does not: programs that read a
// sheet as a stream (openpyxl with read_only) read no further than is noted, and of "A1",
// which is there otherwise, nothing but that.
func (b *book) extent(name string, columns, rows int) error {
	last, err := excelize.CoordinatesToCellName(columns, rows)
	if err != nil {
		return err
	}
	return b.file.SetSheetDimension(name, "A1:"+last)
}

func (b *book) costs(name string, c *costs.Costs) error {
	columns := []column{
		{"Contract", 14, ""}, {"Name", 34, ""}, {"Type", 26, ""}, {"Year", 8, ""}, {"Month", 10, asMonth},
		{"Documents", 11, asCount}, {"Amount", 18, asAmount}, {"Currency", 10, ""}, {"Amount source", 15, ""},
	}
	var rows [][]any
	for _, r := range c.Rows() {
		var year any
		if r.Year != 0 {
			year = r.Year
		}
		rows = append(rows, []any{plainCell(r.Contract), plainCell(r.Name), plainCell(r.Type), year, date(r.Month),
			r.Documents, amount(r.Sum), plainCell(r.Currency), b.marked(string(r.Source), r.Source == costs.Missing || r.Source == costs.Unknown)})
	}
	return b.sheet(name, columns, rows)
}

func (b *book) months(name string, contracts []completeness.Contract) error {
	columns := []column{
		{"Contract", 14, ""}, {"Name", 34, ""}, {"Type", 26, ""}, {"Month", 10, asMonth}, {"State", 11, ""},
		{"Documents", 11, asCount}, {"Amount told", 18, asAmount}, {"Currency", 10, ""}, {"Note", 50, ""},
	}
	var rows [][]any
	for _, c := range contracts {
		for _, r := range c.Rows() {
			rows = append(rows, []any{plainCell(r.Contract), plainCell(r.Name), plainCell(r.Type), date(r.Month),
				b.marked(r.State, r.State == "missing" || r.State == "none"), r.Documents, amount(r.Sum), plainCell(r.Currency), plainCell(r.Note)})
		}
	}
	return b.sheet(name, columns, rows)
}

func (b *book) documents(name string, c *costs.Costs) error {
	columns := []column{
		{"Contract", 14, ""}, {"Name", 34, ""}, {"Type", 26, ""}, {"Month", 10, asMonth}, {"Document", 44, ""}, {"Id", 14, ""},
		{"Date (UTC)", 18, asTime}, {"Amount", 18, asAmount}, {"Currency", 10, ""}, {"Amount source", 15, ""}, {"Why not known", 50, ""},
	}
	var rows [][]any
	for _, d := range c.Documents {
		var of *month.Month
		if m, ok := month.OfDocument(d.Doc); ok {
			of = &m
		}
		var sum *decimal.Sum
		if d.Source != costs.Unknown {
			sum = &decimal.Sum{}
			sum.Add(d.Amount)
		}
		rows = append(rows, []any{plainCell(d.Doc.ContractID), plainCell(d.Contract), plainCell(d.Doc.Type), date(of), plainCell(d.Path), plainCell(d.Doc.ID),
			dated(d.Doc), amount(sum), plainCell(d.Currency), b.marked(string(d.Source), d.Source == costs.Unknown), plainCell(d.Why)})
	}
	return b.sheet(name, columns, rows)
}

// marked is a word that is to strike the eye, if it is bad news.
func (b *book) marked(word string, bad bool) any {
	if bad {
		return excelize.Cell{StyleID: b.alarm, Value: word}
	}
	return word
}

// plainCell is a text, which stays one: the cells of a workbook have types. Whoever saves the sheet as
// CSV has the texts again, and with them what a spreadsheet takes for a formula; so it gets
// the apostrophe of the CSV.
func plainCell(s string) any {
	if s == "" {
		return nil
	}
	return term.Cell(s)
}

// date is the first day of a month, nothing where there is none.
func date(of *month.Month) any {
	if of == nil {
		return nil
	}
	return time.Date(of.Year(), time.Month(of.Of()), 1, 0, 0, 0, 0, time.UTC)
}

func dated(d *billing.Document) any {
	at := d.ModTime()
	if at.IsZero() {
		return nil
	}
	return at.UTC().Truncate(time.Minute)
}

// numberDigits is how many digits a number of a spreadsheet holds for sure.
const numberDigits = 15

// amount is a number; one of more digits than a number of a spreadsheet holds is a text.
func amount(sum *decimal.Sum) any {
	if sum == nil {
		return nil
	}
	text := sum.String()
	if len(strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(text), "0")) > numberDigits {
		return text
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil { // not of so few digits
		return text
	}
	return v
}
