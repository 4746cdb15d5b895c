package amounts

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/internal/billing"
)

// readAs reads a document, and words the outcome: "12.50 EUR" or "? why".
func readAs(t *testing.T, typ, name string, body []byte) string {
	t.Helper()
	a, err := Read(t.Context(), Document{bytes.NewReader(body), int64(len(body)), typ, name})
	var u *UnknownError
	switch {
	case errors.As(err, &u):
		if a != (Amount{}) {
			t.Errorf("%v, and %+v", err, a)
		}
		return "? " + u.Why
	case err != nil:
		t.Errorf("%s: %v is no UnknownError", name, err)
	}
	return strings.TrimSpace(a.Amount + " " + a.Currency)
}

// The sample account tells what its bills cost, and what its rated consumption adds up to
// is the same: what is read is what would be told.
func TestTheSampleAccount(t *testing.T) {
	read := 0
	for _, c := range apisim.DefaultAccount().Contracts {
		bills := map[string]string{}
		for _, d := range c.Documents[max(0, len(c.Documents)-14):] {
			open, err := d.Content(0)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(open)
			if err != nil {
				t.Fatal(err)
			}
			got := readAs(t, d.Type, d.Filename, body)
			switch d.Type {
			case billing.TypeBills:
				bills[d.Period] = got
				if want := d.Amount + " EUR"; got != want && !strings.HasSuffix(want, "0 EUR") {
					t.Errorf("%s: %s, told is %s", d.Filename, got, want)
				}
				read++
			case billing.TypeRated:
				var a, b decimal.Sum
				a.Add(strings.TrimSuffix(bills[d.Period], " EUR"))
				b.Add(strings.TrimSuffix(got, " EUR"))
				if bills[d.Period] != "" && a.Fixed(2) != b.Fixed(2) {
					t.Errorf("%s: %s, the bill is %s", d.Filename, got, bills[d.Period])
				}
			case billing.TypePartialBills, billing.TypePartialRated:
				if !strings.HasSuffix(got, " EUR") {
					t.Errorf("%s: %s", d.Filename, got)
				}
			default: // quantities without prices, and pages
				if !strings.HasPrefix(got, "? ") {
					t.Errorf("%s: %s", d.Filename, got)
				}
			}
		}
	}
	if read < 12 {
		t.Errorf("%d bills read", read)
	}
}

// sheetWith is a bill with these rows, the first ones filled up so that the heads are in row 13.
func bill(t *testing.T, name string, above [][]any, heads []any, lines ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", name); err != nil {
		t.Fatal(err)
	}
	set := func(row int, cells []any) {
		for i, c := range cells {
			at, _ := excelize.CoordinatesToCellName(i+1, row)
			if text, ok := c.(string); ok && strings.HasPrefix(text, "=") {
				if err := f.SetCellFormula(name, at, text); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := f.SetCellValue(name, at, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, row := range above {
		set(i+1, row)
	}
	set(13, heads)
	for i, row := range lines {
		set(14+i, row)
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// heads of a bill; those of a real one are not known.
func heads(amount string) []any {
	h := make([]any, 18)
	for i := range h {
		h[i] = fmt.Sprintf("Column %d", i)
	}
	h[17] = amount
	return h
}

func line(amount any) []any {
	return []any{"ref", "", "", "", "", "", "", "sub", "EUR", "region", "service", "category", 1.5, "h", 2, 3, 0, amount}
}

func TestBills(t *testing.T) {
	known := heads("Discounted amount")
	withCode := heads("Discounted amount")
	withCode[8] = "Currency"
	other := func(change func(row []any)) []any {
		row := line(1)
		change(row)
		return row
	}
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"by its head":            {bill(t, "Billing Report", nil, known, line(10.1), line(0.2), line(-3)), "7.3"},
		"by position":            {bill(t, "Billing Report", nil, heads("Montant remisé"), line(10.1), line(-0.2)), "9.9"},
		"a credit note":          {bill(t, "Billing Report", nil, known, line(-12.5)), "-12.5"},
		"nothing to pay":         {bill(t, "Billing Report", [][]any{{"Total", 0}}, known), "0"},
		"the name in capitals":   {bill(t, "BILLING REPORT", nil, known, line(1)), "1"},
		"a currency":             {bill(t, "Billing Report", nil, withCode, line(1), line(2)), "3 EUR"},
		"a currency above":       {bill(t, "Billing Report", [][]any{{"Currency", "CHF"}}, known, line(1)), "1 CHF"},
		"the total says it":      {bill(t, "Billing Report", [][]any{{"Total:", "", 4.51}}, known, line(1.004), line(3.502)), "4.51"},
		"binary fractions":       {bill(t, "Billing Report", nil, known, line(0.1+0.2), line(1234.5699999999999)), "1234.87"},
		"many digits":            {bill(t, "Billing Report", nil, known, line(1e15), line(0.01)), "1000000000000000.01"},
		"tiny":                   {bill(t, "Billing Report", nil, known, line(1.25e-7), line(1)), "1.000000125"},
		"rows of nothing":        {bill(t, "Billing Report", nil, known, line(1), []any{"", ""}, line(2)), "3"},
		"another sheet":          {bill(t, "Bill", nil, known, line(1)), `? it has no sheet "Billing Report"`},
		"two currencies":         {bill(t, "Billing Report", nil, withCode, line(1), other(func(r []any) { r[8] = "USD" })), "? there are amounts in EUR and in USD"},
		"two currencies, above":  {bill(t, "Billing Report", [][]any{{"Currency", "USD"}}, withCode, line(1)), "? there are amounts in EUR and in USD"},
		"no currency in a row":   {bill(t, "Billing Report", nil, withCode, other(func(r []any) { r[8] = "euro" })), "? row 14 has no currency in column 9"},
		"two columns":            {bill(t, "Billing Report", nil, append(heads("Discounted amount"), "DISCOUNTED AMOUNT"), line(1)), "? several columns have one head"},
		"too few columns":        {bill(t, "Billing Report", nil, []any{"a", "b"}, []any{1, 2}), "? no column is known to be the amount"},
		"heads elsewhere":        {bill(t, "Billing Report", [][]any{{"x"}}, nil, line(1)), "? row 13 has no heads of columns"},
		"data in the heads' row": {bill(t, "Billing Report", nil, line(1), line(1)), "? column 18 has no head"},
		"no lines":               {bill(t, "Billing Report", nil, known), "? it has no lines"},
		"a text for an amount":   {bill(t, "Billing Report", nil, known, line(1), line("12.50")), "? row 15 has no number in column 18"},
		"a row cut short":        {bill(t, "Billing Report", nil, known, line(1), []any{"ref"}), "? row 15 has no number in column 18"},
		"a formula":              {bill(t, "Billing Report", nil, known, line(1), line("=R14*2")), "? the amount in row 15 is a formula"},
		"a total by formula":     {bill(t, "Billing Report", [][]any{{"Total", "=SUM(R14:R99)"}}, known, line(1)), "? the total in row 1 is a formula"},
		"a total among the rows": {bill(t, "Billing Report", nil, known, line(1), other(func(r []any) { r[0] = "Total HT" })), "? row 15 seems to be a sum of others"},
		"a subtotal":             {bill(t, "Billing Report", nil, known, line(1), other(func(r []any) { r[0] = "Sub-total Compute" })), "? row 15 seems to be a sum of others"},
		"another total":          {bill(t, "Billing Report", [][]any{{"Total", 5.5}}, known, line(1)), "? the lines do not add up to the total"},
		"two totals":             {bill(t, "Billing Report", [][]any{{"Total", 1}, {"TOTAL", 1}}, known, line(1)), "? row 2 does not say one total"},
		"a total of two":         {bill(t, "Billing Report", [][]any{{"Total", 1, 2}}, known, line(1)), "? row 1 does not say one total"},
		"a total in words":       {bill(t, "Billing Report", [][]any{{"Total", "one"}}, known, line(1)), "? the total in row 1 is no number"},
		"currency in words":      {bill(t, "Billing Report", [][]any{{"Currency", "euro"}}, known, line(1)), "? the currency in row 1 is none"},
		"position, no numbers":   {bill(t, "Billing Report", nil, heads("x"), other(func(r []any) { r[12] = "many" })), "? row 14 has no number in column 13"},
		"an error value":         {bill(t, "Billing Report", nil, known, line("#REF!")), "? row 14 has no number in column 18"},
		"a date":                 {bill(t, "Billing Report", nil, known, line(true)), "? row 14 has no number in column 18"},
		"a customer's name":      {bill(t, "Billing Report", nil, known, other(func(r []any) { r[1] = "Total" })), "1"},
	} {
		if got := readAs(t, billing.TypeBills, "b.XLSX", tt.body); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

const ratedHeads = "BillingMode;BeginDate;EndDate;ServiceID;TenantLabel;Country;Region;ServiceCloud;CodeLabel;ChargeLabel;" +
	"IdResource;Project;Tags;Quantity;BillingUnit;UnitPrice;Amount;VolumeDiscount;DiscountedAmount;Currency;" +
	"SubsChargeType;SubsBeginDate;SubsEndDate;SubsUpfront;SubsUpfrontDiscounted;SubsFlavor;SubsDuration"

// rated is a line of rated consumption.
func rated(amount, currency string) string {
	return "PayPerUse;2026-10-01;2026-10-31;s;Total;FR;r;c;l;ch;id;p;a=b;1,5;hour;0,0792;" + "3,00;0;" + amount + ";" + currency + ";;;;;;;"
}

func utf16File(order binary.AppendByteOrder, text string) []byte {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func TestRatedConsumption(t *testing.T) {
	rows := func(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }
	positions := strings.ReplaceAll(strings.ToUpper(ratedHeads), "DISCOUNTEDAMOUNT", "MONTANT")
	positions = strings.ReplaceAll(positions, "CURRENCY", "DEVISE")
	commas := func(text string) string { // separated by commas, with points
		return strings.ReplaceAll(strings.ReplaceAll(text, ",", "."), ";", ",")
	}
	good := rows(ratedHeads, rated("10,10", "EUR"), rated("-0,20", "EUR"))
	for name, tt := range map[string]struct{ body, want string }{
		"as documented":          {good, "9.90 EUR"},
		"LF, and no end":         {ratedHeads + "\n" + rated("1,5", "EUR"), "1.5 EUR"},
		"a BOM":                  {"\xef\xbb\xbf" + good, "9.90 EUR"},
		"UTF-16LE":               {string(utf16File(binary.LittleEndian, good)), "9.90 EUR"},
		"UTF-16BE":               {string(utf16File(binary.BigEndian, good)), "9.90 EUR"},
		"Latin-1":                {strings.Replace(good, "a=b", "\xe9t\xe9", 1), "9.90 EUR"},
		"commas":                 {commas(rows(ratedHeads, rated("10,10", "EUR"))), "10.10 EUR"},
		"tabs":                   {strings.ReplaceAll(good, ";", "\t"), "9.90 EUR"},
		"by position":            {rows(positions, rated("10,10", "EUR"), rated("1234,567", "EUR")), "1244.667 EUR"},
		"decimals are commas":    {rows(ratedHeads, rated("1,234", "EUR")), "1.234 EUR"},
		"points, and sure":       {rows(ratedHeads, rated("1.234", "EUR"), rated("0.5", "EUR")), "1.734 EUR"},
		"exponents":              {rows(ratedHeads, rated("1,25E-05", "EUR"), rated("2e2", "EUR")), "200.0000125 EUR"},
		"quotes":                 {rows(ratedHeads, strings.Replace(rated("1,00", "EUR"), "a=b", "\"a;\"\"b\"\";\nc\"", 1)), "1.00 EUR"},
		"other order":            {"Currency;DiscountedAmount\nCHF;1,50\nCHF;2,25\n", "3.75 CHF"},
		"no currency":            {"a;DiscountedAmount\nx;1,50\n", "1.50"},
		"thousands":              {rows(ratedHeads, rated("1.234,56", "EUR")), "? row 2 has no number in column 19"},
		"thousands, by blanks":   {rows(ratedHeads, rated("1\u00a0234,56", "EUR")), "? row 2 has no number in column 19"},
		"points or thousands":    {rows(ratedHeads, rated("1.234", "EUR")), "? it is not sure whether amounts have decimals or thousands"},
		"a mixture":              {rows(ratedHeads, rated("1.50", "EUR"), rated("1,50", "EUR")), "? row 3 has no number in column 19"},
		"a sum without end":      {rows(ratedHeads, rated(strings.Repeat("9", 30), "EUR"), rated(strings.Repeat("9", 30), "EUR")), "? the amount has too many digits"},
		"two currencies":         {rows(ratedHeads, rated("1,50", "EUR"), rated("1,50", "USD")), "? there are amounts in EUR and in USD"},
		"no code":                {rows(ratedHeads, rated("1,50", "")), "? row 2 has no currency in column 20"},
		"an empty amount":        {rows(ratedHeads, rated("", "EUR")), "? row 2 has no number in column 19"},
		"a formula":              {rows(ratedHeads, rated("=1+1", "EUR")), "? row 2 has no number in column 19"},
		"a total":                {rows(ratedHeads, rated("1,00", "EUR"), "Total"+strings.TrimPrefix(rated("1,00", "EUR"), "PayPerUse")), "? row 3 seems to be a sum of others"},
		"no lines":               {rows(ratedHeads), "? it has no lines"},
		"nothing":                {"", "? its columns are separated by nothing that is known"},
		"one column":             {"DiscountedAmount\n1\n", "? its columns are separated by nothing that is known"},
		"as many of both":        {"a;b,c\n1;2,3\n", "? its columns are separated by nothing that is known"},
		"26 columns":             {rows(positions[:strings.LastIndex(positions, ";")]), "? no column is known to be the amount"},
		"a row of 26":            {rows(ratedHeads, strings.TrimSuffix(rated("1,00", "EUR"), ";")), "? the file cannot be read: record on line 2: wrong number of fields"},
		"position, no numbers":   {rows(positions, strings.Replace(rated("1,00", "EUR"), "0,0792", "cheap", 1)), "? row 2 has no number in column 16"},
		"UTF-16 without a mark":  {string(utf16File(binary.LittleEndian, good)[2:]), "? it is no text"},
		"a page":                 {"%PDF-1.4\n", "? its columns are separated by nothing that is known"},
		"an open quote":          {rows(ratedHeads, `"`+strings.Repeat("x;\n", 1<<20)), "? it has a line without end"},
		"a line without end":     {strings.Repeat("x;", 2<<20), "? it has a line without end"},
		"thousands of columns":   {"DiscountedAmount;" + strings.Repeat(";", 2000) + "\n1" + strings.Repeat(";", 2001) + "\n", "? it has 2002 columns"},
		"an amount without end":  {rows(ratedHeads, rated(strings.Repeat("9", 200), "EUR")), "? row 2 has no number in column 19"},
		"an exponent of nothing": {rows(ratedHeads, rated("1e999999999", "EUR")), "? row 2 has no number in column 19"},
	} {
		if got := readAs(t, billing.TypeRated, "r.csv", []byte(tt.body)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Usage reports: nothing is known of their columns, so that only heads count.
func TestUsageReports(t *testing.T) {
	for body, want := range map[string]string{
		"Service;Discounted Amount;Currency\nx;1,50;EUR\n":  "1.50 EUR",
		"Service,Discounted Amount,Currency\nx,1.50,EUR\n":  "1.50 EUR",
		"Service;Discounted Amount;Currency\nx;1,500;EUR\n": "? it is not sure whether amounts have decimals or thousands",
		"Service;Amount;Currency\nx;1,50;EUR\n":             "? no column is known to be the amount",
		ratedHeads + "\n" + rated("1,50", "EUR") + "\n":     "1.50 EUR",
	} {
		if got := readAs(t, billing.TypeReports, "r.csv", []byte(body)); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

func TestWhatIsNotRead(t *testing.T) {
	for _, d := range [][2]string{{"invoices", "i.pdf"}, {"bills", "b.csv"}, {"reports", "r.xlsx"}, {"comsumptionRatedReports", "r"}, {"", "b.xlsx"}} {
		if Readable(d[0], d[1]) || readAs(t, d[0], d[1], []byte("x")) != "? amounts of such documents are not read" {
			t.Errorf("%q", d)
		}
	}
	if !Readable("bills", "Bill.XLSX") || !Readable("partialConsumptionRatedReports", "r.csv") {
		t.Error("what can be read is not")
	}
}

// archive is a ZIP of these parts.
func archive(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range parts {
		method := zip.Deflate
		if text == "" { // a packer for each of many takes its time
			method = zip.Store
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// workbook is the smallest one, with a part exchanged.
func workbook(t testing.TB, part, text string) []byte {
	const rels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>`
	const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	parts := map[string]string{
		"_rels/.rels":                fmt.Sprintf(rels, `<Relationship Id="r1" Type="`+office+`/officeDocument" Target="xl/workbook.xml"/>`),
		"xl/workbook.xml":            `<workbook xmlns:r="` + office + `"><sheets><sheet name="Other" sheetId="2" r:id="r9"/><sheet name="Billing Report" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": fmt.Sprintf(rels, `<Relationship Id="r1" Type="`+office+`/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="`+office+`/sharedStrings" Target="/xl/sharedStrings.xml"/>`),
		"xl/sharedStrings.xml":       `<sst><si><t>Discounted amount</t></si><si><r><t>Discounted </t></r><r><t>amount</t></r><rPh><t>mark</t></rPh></si></sst>`,
		"xl/worksheets/sheet1.xml":   sheetXML(`<row r="13"><c r="B13" t="s"><v>0</v></c></row><row r="14"><c r="B14"><v>1.5</v></c></row>`),
	}
	if part != "" {
		parts[part] = text
	}
	return archive(t, parts)
}

func sheetXML(rows string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><worksheet><sheetData>` + rows + `</sheetData></worksheet>`
}

// What a workbook may look like, and what is none.
func TestWorkbooks(t *testing.T) {
	const at = "xl/worksheets/sheet1.xml"
	const head = `<row r="13"><c r="B13" t="s"><v>0</v></c></row>`
	for name, tt := range map[string]struct{ part, text, want string }{
		"the smallest":           {"", "", "1.5"},
		"parts of a text":        {at, sheetXML(`<row r="13"><c r="B13" t="s"><v>1</v></c></row><row r="14"><c r="B14"><v>1.5</v></c></row>`), "1.5"},
		"texts in place":         {at, sheetXML(`<row r="13"><c r="B13" t="inlineStr"><is><t>Discounted amount</t></is></c></row><row r="14"><c r="B14" t="n"><v>1.5</v></c></row>`), "1.5"},
		"no references":          {at, sheetXML(strings.Repeat(`<row/>`, 12) + `<row><c/><c t="s"><v>0</v></c></row><row><c/><c><v>1.5</v></c></row>`), "1.5"},
		"prefixed names":         {at, `<x:worksheet xmlns:x="y"><x:sheetData><x:row r="13"><x:c r="B13" t="s"><x:v>0</x:v></x:c></x:row><x:row r="14"><x:c r="B14"><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>`, "7"},
		"no shared texts":        {"xl/sharedStrings.xml", `<sst/>`, "? it lacks a text"},
		"cut off":                {at, `<worksheet><sheetData>` + head + `<row r="14"><c r="B14"><v>1.5</v></c></row>`, "? the file cannot be read: XML syntax error on line 1: unexpected EOF"},
		"cut off in a row":       {at, `<worksheet><sheetData>` + head + `<row r="14"><c r="B14"><v>1.5</v></c></row><row r="15">`, "? the file cannot be read: XML syntax error on line 1: unexpected EOF"},
		"not well-formed behind": {at, `<worksheet><sheetData>` + head + `<row r="14"><c r="B14"><v>1.5</v></c></row></sheetData><x></worksheet>`, "? the file cannot be read: XML syntax error on line 1: element <x> closed by </worksheet>"},
		"no data":                {at, `<worksheet/>`, "? it has no data"},
		"data twice":             {at, `<worksheet><sheetData>` + head + `<row r="14"><c r="B14"><v>1.5</v></c></row></sheetData><sheetData/></worksheet>`, "? it has data twice"},
		"rows in disorder":       {at, sheetXML(head + `<row r="15"/><row r="14"/>`), "? its rows are not in order"},
		"a row twice":            {at, sheetXML(head + `<row r="13"/>`), "? its rows are not in order"},
		"row 0":                  {at, sheetXML(`<row r="0"/>`), "? its rows are not in order"},
		"cells in disorder":      {at, sheetXML(head + `<row r="14"><c r="B14"/><c r="A14"/></row>`), "? the cells of row 14 are not in order"},
		"a cell twice":           {at, sheetXML(head + `<row r="14"><c r="B14"/><c r="B14"/></row>`), "? the cells of row 14 are not in order"},
		"a cell of another row":  {at, sheetXML(head + `<row r="14"><c r="B15"><v>1</v></c></row>`), "? the cells of row 14 are not in order"},
		"far to the right":       {at, sheetXML(head + `<row r="14"><c r="B14"><v>1</v></c><c r="XFD14"><v>2</v></c></row>`), "1"},
		"too far":                {at, sheetXML(head + `<row r="14"><c r="ZZZ14"><v>2</v></c></row>`), "? row 14 is too wide"},
		"a million columns":      {at, sheetXML(head + `<row r="14">` + strings.Repeat(`<c/>`, 1_000_000) + `</row>`), "? row 14 is too wide"},
		"an error":               {at, sheetXML(head + `<row r="14"><c r="B14" t="e"><v>#DIV/0!</v></c></row>`), "? row 14 has no number in column 2"},
		"a number as a text":     {at, sheetXML(head + `<row r="14"><c r="B14" t="str"><v>1.5</v></c></row>`), "? row 14 has no number in column 2"},
		"a decimal comma":        {at, sheetXML(head + `<row r="14"><c r="B14"><v>1,5</v></c></row>`), "? row 14 has no number in column 2"},
		"a formula":              {at, sheetXML(head + `<row r="14"><c r="B14"><f>1+1</f><v>2</v></c></row>`), "? the amount in row 14 is a formula"},
		"an entity":              {at, `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet><sheetData>&a;</sheetData></worksheet>`, "? it declares a document type"},
		"an unknown entity":      {at, sheetXML(`<row r="13"><c r="B13" t="inlineStr"><is><t>&a;</t></is></c></row>`), "? the file cannot be read: XML syntax error on line 1: invalid character entity &a;"},
		"another encoding":       {at, `<?xml version="1.0" encoding="ISO-8859-1"?><worksheet/>`, `? the file cannot be read: xml: encoding "ISO-8859-1" declared but Decoder.CharsetReader is nil`},
		"UTF-16":                 {at, string(utf16File(binary.LittleEndian, sheetXML(head))), "? the file cannot be read: XML syntax error on line 1: invalid UTF-8"},
		"nested without end":     {at, sheetXML(strings.Repeat(`<a>`, 100)), "? its elements are nested too deep"},
		"a text without end":     {at, sheetXML(`<row r="13"><c r="B13" t="inlineStr"><is><t>` + strings.Repeat("x", 2<<20)), "? it has a tag without end"},
		"texts without end":      {at, sheetXML(`<row r="13"><c r="B13" t="inlineStr"><is>` + strings.Repeat("<t>"+strings.Repeat("x", 1<<19)+"</t>", 3)), "? it has a text without end"},
		"a tag without end":      {at, `<worksheet a="` + strings.Repeat("x", 2<<20), "? it has a tag without end"},
		"a comment without end":  {at, `<!--` + strings.Repeat("x", 2<<20), "? it has a tag without end"},
		"a sheet outside":        {"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" TargetMode="External" Target="http://evil/x"/></Relationships>`, "? it lacks a part"},
		"a sheet out of it":      {"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Target="../../../../etc/passwd"/></Relationships>`, "? it lacks a part"},
		"no workbook":            {"_rels/.rels", `<Relationships/>`, "? it lacks a part"},
		"a part twice":           {"xl/WORKBOOK.xml", `<x/>`, "? it has a part twice"},
	} {
		if got := readAs(t, billing.TypeBills, "b.xlsx", workbook(t, tt.part, tt.text)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	for _, body := range []string{"", "x", "PK\x03\x04", "PK\x05\x06" + strings.Repeat("\x00", 18)} {
		if got := readAs(t, billing.TypeBills, "b.xlsx", []byte(body)); !strings.HasPrefix(got, "? ") {
			t.Errorf("%q: %s", body, got)
		}
	}
}

// A damaged part is noticed, wherever the damage is.
func TestDamagedWorkbooks(t *testing.T) {
	whole := workbook(t, "xl/worksheets/sheet1.xml", sheetXML(`<row r="13"><c r="B13" t="s"><v>0</v></c></row>`+strings.Repeat(`<row><c/><c><v>1</v></c></row>`, 500)))
	if got := readAs(t, billing.TypeBills, "b.xlsx", whole); got != "500" {
		t.Fatal(got)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		body := bytes.Clone(whole)
		body[r.IntN(len(body))] ^= 1 << r.IntN(8)
		if got := readAs(t, billing.TypeBills, "b.xlsx", body); got != "500" && !strings.HasPrefix(got, "? ") {
			t.Fatalf("a bit is wrong, and %s is read", got)
		}
		cut := whole[:r.IntN(len(whole))]
		if got := readAs(t, billing.TypeBills, "b.xlsx", cut); !strings.HasPrefix(got, "? ") {
			t.Fatalf("%d of %d bytes, and %s is read", len(cut), len(whole), got)
		}
	}
}

// bomb is a workbook with a part of before, again so many times, and after. What comes
// again is packed once, by thousands: its packed bytes come again, too.
func bomb(t *testing.T, part, before, again, after string, times int) []byte {
	t.Helper()
	small := workbook(t, "", "")
	in, err := zip.NewReader(bytes.NewReader(small), int64(len(small)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range in.File {
		if f.Name != part {
			if err := z.Copy(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	chunk := []byte(strings.Repeat(again, 1000))
	packed := slices.Concat(deflated(t, before, false), bytes.Repeat(deflated(t, string(chunk), false), times/1000), deflated(t, after, true))
	sum := crc32.ChecksumIEEE([]byte(before))
	for range times / 1000 {
		sum = crc32.Update(sum, crc32.IEEETable, chunk)
	}
	sum = crc32.Update(sum, crc32.IEEETable, []byte(after))
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: part, Method: zip.Deflate, CRC32: sum,
		CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(before) + len(chunk)*(times/1000) + len(after)),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(packed)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// deflated packs text so that it can stand anywhere in a stream: whole bytes (RFC 1951,
// 3.2.4, by an empty stored block), which refer to nothing before them.
func deflated(t *testing.T, text string, last bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, text)
	end := w.Flush
	if last {
		end = w.Close
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Files that unpack into much more than they are take no memory.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks much")
	}
	const at, shared = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
	many := map[string]string{}
	for i := range 40_000 {
		many[fmt.Sprintf("xl/media/%040d.png", i)] = ""
	}
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"rows":           {bomb(t, at, `<worksheet><sheetData><row r="13"><c r="B13" t="s"><v>0</v></c></row>`, `<row><c/><c><v>1</v></c></row>`, `</sheetData></worksheet>`, 200_000), "200000"},
		"a large part":   {bomb(t, at, `<worksheet><sheetData>`, strings.Repeat(" ", 1000), `</sheetData></worksheet>`, 300_000), "? a part of it is too large"},
		"shared texts":   {bomb(t, shared, `<sst>`, `<si/>`, `</sst>`, 1_100_000), "? it has too many texts"},
		"long texts":     {bomb(t, shared, `<sst>`, `<si><t>`+strings.Repeat("x", 1000)+`</t></si>`, `</sst>`, 36_000), "? it has too many texts"},
		"cells":          {bomb(t, at, `<worksheet><sheetData><row r="14">`, `<c/>`, `</row></sheetData></worksheet>`, 1_000_000), "? row 14 is too wide"},
		"parts":          {archive(t, many), "? it has too many parts"},
		"comments":       {bomb(t, at, `<worksheet>`, `<!-- `+strings.Repeat("x", 900)+` -->`, `</worksheet>`, 30_000), "? it has no data"},
		"relations":      {bomb(t, "xl/_rels/workbook.xml.rels", `<Relationships>`, `<Relationship Id="x" Target="y"/>`, `</Relationships>`, 200_000), "? it lacks a part"},
		"a text of cell": {bomb(t, at, `<worksheet><sheetData><row r="13"><c r="B13" t="inlineStr"><is><t>`, strings.Repeat("x", 1000), `</t>`, 20_000), "? it has a tag without end"},
	} {
		var got string
		if peak := peakHeap(func() { got = readAs(t, billing.TypeBills, "b.xlsx", tt.body) }); peak > 160<<20 {
			t.Errorf("%s (%d bytes): %d MiB of memory", name, len(tt.body), peak>>20)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// peakHeap is how much more memory than before is in use at once, about.
func peakHeap(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if m.HeapAlloc > before {
					peak = max(peak, m.HeapAlloc-before)
				}
			}
		}
	}()
	f()
	close(done)
	<-ended
	return peak
}

// failing breaks off after some bytes.
type failing struct {
	io.ReaderAt
	after int64
	err   error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.after {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// That the bytes cannot be had is no word on the document.
func TestBytesThatCannotBeHad(t *testing.T) {
	gone := errors.New("the disk is gone")
	for name, d := range map[string]Document{
		"csv":  {Type: billing.TypeRated, Name: "r.csv", ReaderAt: strings.NewReader(ratedHeads + strings.Repeat("\n"+rated("1,00", "EUR"), 50_000))},
		"xlsx": {Type: billing.TypeBills, Name: "b.xlsx", ReaderAt: bytes.NewReader(workbook(t, "", ""))},
	} {
		d.Size = d.ReaderAt.(interface{ Size() int64 }).Size()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Read(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", name, err)
		}
		d.ReaderAt = failing{d.ReaderAt, d.Size / 2, gone}
		_, err := Read(t.Context(), d)
		var u *UnknownError
		if !errors.Is(err, gone) || errors.As(err, &u) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A column of numbers adds up to what it is, in whatever style it is written.
func TestStylesAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		points := rapid.Bool().Draw(rt, "points")
		crlf := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "end")
		var want decimal.Sum
		body := ratedHeads + crlf
		for _, cents := range append(rapid.SliceOfN(rapid.Int64Range(-1e12, 1e12), 0, 40).Draw(rt, "cents"), 1) {
			text := decimalOf(cents)
			want.Add(text)
			if !points {
				text = strings.Replace(text, ".", ",", 1)
			}
			body += rated(text, "EUR") + crlf
		}
		if got := readAs(t, billing.TypeRated, "r.csv", []byte(body)); got != want.String()+" EUR" {
			rt.Fatalf("%s, want %s EUR", got, want.String())
		}
	})
}

// Amounts that a program has put into a workbook, as the binary fractions that those hold,
// add up to what they were meant to be, to the cent.
func TestWorkbooksAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var want decimal.Sum
		var lines [][]any
		for _, cents := range rapid.SliceOfN(rapid.Int64Range(-1e11, 1e11), 1, 30).Draw(rt, "cents") {
			lines = append(lines, line(float64(cents)/100))
			want.Add(decimalOf(cents))
		}
		if got := readAs(t, billing.TypeBills, "b.xlsx", bill(t, "Billing Report", nil, heads("Discounted amount"), lines...)); fixed(got) != want.Fixed(2) {
			rt.Fatalf("%s, want %s", got, want.Fixed(2))
		}
	})
}

func decimalOf(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

func fixed(text string) string {
	var s decimal.Sum
	s.Add(text)
	return s.Fixed(2)
}

// What a workbook's number means is what a spreadsheet shows of it.
func TestSheetNumber(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "-0.5": "-0.5", "1.5E3": "1500", "1.25E-7": "0.000000125", "0.30000000000000004": "0.3",
		"1234.5699999999999": "1234.57", "-1234.5699999999999": "-1234.57", "999999999999999.5": "1000000000000000", "99999999999999999": "100000000000000000",
		"0": "0", "0.00": "0", "00012.50": "12.50", "123456789012345.4": "123456789012345",
		"": "", "1,5": "", "1.2.3": "", "e5": "", "1e": "", "1e99": "", "0x10": "", "NaN": "", "∞": "", "-": "", "1 2": "", "1e-1.5": "",
	} {
		got, ok := sheetNumber(text)
		if ok != (want != "") || got != want && ok {
			t.Errorf("%q: %q, %v; want %q", text, got, ok, want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(ratedHeads + "\n" + rated("1,50", "EUR") + "\n"))
	f.Add([]byte("a;DiscountedAmount\n\"x\ny\";1e3\n"))
	f.Add(utf16File(binary.BigEndian, "a;DiscountedAmount\nx;1\n"))
	f.Fuzz(func(t *testing.T, body []byte) { sane(t, billing.TypeRated, "r.csv", body) })
}

func FuzzSheet(f *testing.F) {
	f.Add(sheetXML(`<row r="13"><c r="B13" t="s"><v>0</v></c></row><row r="14"><c r="B14"><v>1.5</v></c></row>`))
	f.Add(sheetXML(`<row r="1"><c t="inlineStr"><is><t>Total</t></is></c><c><f>1</f><v>1</v></c></row>`))
	f.Fuzz(func(t *testing.T, body string) {
		sane(t, billing.TypeBills, "b.xlsx", workbook(t, "xl/worksheets/sheet1.xml", body))
	})
}

func FuzzWorkbook(f *testing.F) {
	f.Add(workbook(f, "", ""))
	f.Fuzz(func(t *testing.T, body []byte) { sane(t, billing.TypeBills, "b.xlsx", body) })
}

// sane reads: whatever comes is an amount or an UnknownError.
func sane(t *testing.T, typ, name string, body []byte) {
	got := readAs(t, typ, name, body)
	amount, _, _ := strings.Cut(got, " ")
	var s decimal.Sum
	if amount != "?" && !s.Add(amount) {
		t.Errorf("%q is no amount", got)
	}
}
