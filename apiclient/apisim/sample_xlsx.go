package apisim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/xuri/excelize/v2"
)

// billXLSX is a bill: a sheet "Billing Report" with 13 rows before the table
// (api.md), and a total under it.
func billXLSX(b *billing) ([]byte, error) {
	title, number := "Bill", b.number()
	if b.partial {
		title, number = "Simulation of the bill of the month so far", "none yet"
	}
	rows := [][]any{
		{title},
		{simulated},
		{},
		{"Bill number", number},
		{"Customer", b.CustomerName},
		{"Customer id", b.CustomerID},
		{"Contract", b.ID},
		{"Contract name", b.Name},
		{"Offer", b.Offer},
		{"Period", b.month.Format(day) + " to " + b.through().Format(day)},
		{"Made", b.made().Format(day)},
		{"Currency", currency},
		{},
		{"Family", "Product code", "Service", "Unit", "Quantity", "Unit price", "Amount"},
	}
	for _, l := range b.byProduct() {
		rows = append(rows, []any{
			l.family, l.code, l.name, l.unit,
			float64(l.quantity) / 1000, float64(l.price) / 10000, float64(l.cents) / 100,
		})
	}
	rows = append(rows, []any{"Total", nil, nil, nil, nil, nil, float64(b.net()) / 100})
	return workbook("Billing Report", rows, b.made())
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
