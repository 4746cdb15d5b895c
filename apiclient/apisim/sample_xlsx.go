package apisim

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// billXLSX is a bill: a sheet "Billing Report" whose first line of data is row
// 14, of 18 columns that clients read by position (api-notes.md), and nothing
// under the data, since a client reads on to the last row: the total is above.
func billXLSX(b *billing) ([]byte, error) {
	title, number := "Bill", b.number()
	if b.partial {
		title, number = "Simulation of the bill of the month so far", "none yet"
	}
	rows := [][]any{
		{title},
		{simulated},
		{"Bill number", number},
		{"Customer", b.CustomerName},
		{"Customer id", b.CustomerID},
		{"Contract", b.ID},
		{"Contract name", b.Name},
		{"Offer", b.Offer},
		{"Period", b.month.Format(day) + " to " + b.through().Format(day)},
		{"Made", b.made().Format(day)},
		{"Currency", currency},
		{"Total", float64(b.net()) / 100},
		{
			"Reference", "Contract", "Contract name", "Begin date", "End date", "Billing mode", "Country", "Sub-category", "Currency",
			"Region", "Service", "Category", "Quantity", "Unit", "Unit price", "Amount", "Volume discount", "Discounted amount",
		},
	}
	for _, l := range b.byProduct() {
		rows = append(rows, []any{
			l.code, b.ID, b.Name, b.month.Format(day), b.through().Format(day), l.mode(), country, l.subFamily(), currency,
			l.region, l.name, l.family, float64(l.quantity) / 1000, l.unit, float64(l.price) / 10000,
			float64(l.gross) / 100, float64(l.gross-l.cents) / 100, float64(l.cents) / 100,
		})
	}
	return workbook("Billing Report", rows, b.made())
}

// subFamily is the first part of the product's name.
func (p *product) subFamily() string {
	first, _, _ := strings.Cut(p.name, " ")
	return first
}

// usageXLSX is a usage report as a sheet.
func usageXLSX(b *billing) ([]byte, error) {
	var rows [][]any
	for i, row := range b.usageRows() {
		cells := make([]any, len(row))
		for k, text := range row {
			cells[k] = text
		}
		if i > 0 {
			cells[len(cells)-1] = float64(b.lines[i-1].quantity) / 1000
		}
		rows = append(rows, cells)
	}
	return workbook("Usage Report", rows, b.made())
}

// workbook writes one sheet. The times in it are those given, so that the
// bytes are the same whenever it is made.
func workbook(sheet string, rows [][]any, made time.Time) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return nil, err
	}
	stamp := made.UTC().Format(time.RFC3339)
	err := f.SetDocProps(&excelize.DocProperties{Creator: "apisim", Created: stamp, Modified: stamp, Title: sheet})
	if err != nil {
		return nil, err
	}
	w, err := f.NewStreamWriter(sheet)
	if err != nil {
		return nil, err
	}
	if err := w.SetColWidth(1, 8, 22); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if err := w.SetRow(fmt.Sprintf("A%d", i+1), row); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
