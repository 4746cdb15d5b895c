package apisim

import (
	"bytes"

	"codeberg.org/go-pdf/fpdf"
)

// simulated stands in every PDF and XLSX document.
const simulated = "Made by a simulator. This is not a bill."

// invoicePDF is an invoice of one or more A4 pages. It is not compressed, so
// that the bytes do not depend on a version of compress/flate.
func invoicePDF(b *billing) ([]byte, error) {
	f := fpdf.New("P", "mm", "A4", "")
	f.SetCompression(false)
	f.SetCatalogSort(true)
	f.SetCreationDate(b.made())
	f.SetModificationDate(b.made())
	f.SetProducer("apisim", false)
	f.SetTitle("Invoice "+b.number(), false)
	f.SetAutoPageBreak(true, 20)
	// The built-in fonts know Windows-1252 only.
	latin := f.UnicodeTranslatorFromDescriptor("")
	f.SetFooterFunc(func() {
		f.SetY(-15)
		f.SetFont("Helvetica", "I", 8)
		f.CellFormat(0, 8, simulated, "", 0, "C", false, 0, "")
	})
	f.AddPage()
	invoiceHead(f, b, latin)
	invoiceLines(f, b, latin)
	invoiceSum(f, b)
	var out bytes.Buffer
	if err := f.Output(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func invoiceHead(f *fpdf.Fpdf, b *billing, latin func(string) string) {
	f.SetFont("Helvetica", "B", 20)
	f.SetTextColor(255, 121, 0)
	f.CellFormat(0, 12, "INVOICE", "", 1, "L", false, 0, "")
	f.SetTextColor(0, 0, 0)
	for _, row := range [][2]string{
		{"Invoice number", b.number()},
		{"Invoice date", b.made().Format(day)},
		{"Customer", b.CustomerName + " (" + b.CustomerID + ")"},
		{"Contract", b.ID + " " + b.Name},
		{"Offer", b.Offer},
		{"Billing period", b.month.Format(day) + " to " + b.through().Format(day)},
		{"Contact", b.FirstName + " " + b.LastName},
	} {
		f.SetFont("Helvetica", "B", 10)
		f.CellFormat(40, 6, row[0]+":", "", 0, "L", false, 0, "")
		f.SetFont("Helvetica", "", 10)
		f.CellFormat(0, 6, latin(row[1]), "", 1, "L", false, 0, "")
	}
	f.Ln(6)
}

func invoiceLines(f *fpdf.Fpdf, b *billing, latin func(string) string) {
	widths := [...]float64{26, 74, 28, 34, 28}
	f.SetFont("Helvetica", "B", 9)
	f.SetFillColor(235, 235, 235)
	for i, title := range [...]string{"Family", "Service", "Quantity", "Unit", "Amount EUR"} {
		f.CellFormat(widths[i], 7, title, "B", 0, align(i), true, 0, "")
	}
	f.Ln(-1)
	f.SetFont("Helvetica", "", 9)
	for _, l := range b.byProduct() {
		for i, text := range [...]string{l.family, l.name, decimal(l.quantity, 3, ","), l.unit, comma(l.cents)} {
			f.CellFormat(widths[i], 6, latin(text), "", 0, align(i), false, 0, "")
		}
		f.Ln(-1)
	}
	f.Ln(4)
}

// align puts quantities and amounts to the right.
func align(column int) string {
	if column == 2 || column == 4 {
		return "R"
	}
	return "L"
}

func invoiceSum(f *fpdf.Fpdf, b *billing) {
	for _, row := range [...]struct {
		title, style string
		cents        int64
	}{
		{"Net total", "", b.net()},
		{"VAT 20 %", "", b.vat()},
		{"Total due", "B", b.net() + b.vat()},
	} {
		f.SetFont("Helvetica", row.style, 10)
		f.CellFormat(150, 7, row.title, "", 0, "R", false, 0, "")
		f.CellFormat(40, 7, comma(row.cents)+" "+currency, "", 1, "R", false, 0, "")
	}
}
