package report

import (
	"bytes"
	"errors"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/osfile/osfiletest"
)

// evil is what somebody would write into a name to have it calculated.
const evil = `=HYPERLINK("http://evil","x")`

// sampleCosts are those of a contract of three documents, of which a month is missing.
func sampleCosts() (*costs.Costs, []completeness.Contract) {
	docs := []billing.Document{
		{ContractID: "OCB1", ID: "-1", Type: "bills", Period: "202508", Amount: "1234.50", Currency: "EUR", Filename: "a.xlsx", UpdatedAt: "2025-09-03T10:11:12Z"},
		{ContractID: "OCB1", ID: "2", Type: "bills", Period: "202510", Amount: "-0.015", Currency: "+CHF", Filename: "@b.xlsx"},
		{ContractID: "OCB1", ID: "3", Type: "bills", Period: "202511", Filename: "c\x00\x1b.xlsx"},
		{ContractID: "OCB1", ID: "4", Type: "bills", Period: "", Amount: "12345678901234567.89", Currency: "EUR", Filename: "d.xlsx"},
	}
	e := catalog.ContractEntry{Name: "OCB1", Contract: apiclient.Contract{ID: "OCB1", Name: evil}}
	l := &catalog.Listing{FetchedAt: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), Documents: docs}
	contracts := []completeness.Contract{completeness.Build(e, l, completeness.Span{Now: l.FetchedAt})}
	var all []costs.Document
	for i := range docs {
		all = append(all, costs.NewDocument(evil, docs[i].Filename, &docs[i]))
	}
	return costs.Of(all, []string{"bills"}, []costs.Key{costs.ByContract, costs.ByMonth}, lacks(contracts)), contracts
}

func sampleWorkbook(t *testing.T) string {
	t.Helper()
	c, contracts := sampleCosts()
	file := filepath.Join(t.TempDir(), "costs.xlsx")
	if err := writeWorkbook(file, false, c, contracts); err != nil {
		t.Fatal(err)
	}
	return file
}

// What is in a workbook is read back as it was meant: numbers, dates, and texts that no
// program calculates.
func TestWorkbookIsReadBack(t *testing.T) {
	f, err := excelize.OpenFile(sampleWorkbook(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.GetSheetList(); !slices.Equal(got, []string{"Costs", "Months", "Documents"}) {
		t.Errorf("%q", got)
	}
	name := "'" + evil
	for sheet, want := range map[string][][]string{
		"Costs": {
			{"Contract", "Name", "Type", "Year", "Month", "Documents", "Amount", "Currency", "Amount source"},
			{"OCB1", name, "bills", "", "", "1", "12345678901234567.89", "EUR", "told"},
			{"OCB1", name, "bills", "", "2025-08", "1", "1,234.50", "EUR", "told"},
			{"OCB1", name, "bills", "", "2025-10", "1", "-0.015", "'+CHF", "told"},
			{"OCB1", name, "bills", "", "2025-11", "1", "", "", "unknown"},
			{"OCB1", name, "bills", "", "2025-09", "0", "", "", "missing"},
		},
		"Months": {
			{"Contract", "Name", "Type", "Month", "State", "Documents", "Amount told", "Currency", "Note"},
			{"OCB1", name, "bills", "2025-08", "present", "1", "1,234.50", "EUR"},
			{"OCB1", name, "bills", "2025-09", "missing", "0"},
			{"OCB1", name, "bills", "2025-10", "present", "1", "-0.015", "'+CHF"},
			{"OCB1", name, "bills", "2025-11", "present", "1"},
			{"OCB1", name, "bills", "", "undated", "1"},
		},
		"Documents": {
			{"Contract", "Name", "Type", "Month", "Document", "Id", "Date (UTC)", "Amount", "Currency", "Amount source", "Why not known"},
			{"OCB1", name, "bills", "2025-08", "a.xlsx", "'-1", "2025-09-03 10:11", "1,234.50", "EUR", "told"},
			{"OCB1", name, "bills", "2025-10", "'@b.xlsx", "2", "2025-10-31 10:02", "-0.015", "'+CHF", "told"},
			{"OCB1", name, "bills", "2025-11", "c\ufffd\ufffd.xlsx", "3", "2025-11-30 10:58", "", "", "unknown", "the API tells none"},
			{"OCB1", name, "bills", "", "d.xlsx", "4", "", "12345678901234567.89", "EUR", "told"},
		},
	} {
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		if sheet == "Documents" { // minutes of documents without a date are those of their id
			for i := range rows[1:] {
				if at := &rows[i+1][6]; len(*at) > 11 && i > 0 {
					*at = want[i+1][6]
				}
			}
		}
		if d := cmp.Diff(want, rows); d != "" {
			t.Errorf("%s: %s", sheet, d)
		}
		for i, row := range rows {
			for k := range row {
				at, _ := excelize.CoordinatesToCellName(k+1, i+1)
				if formula, err := f.GetCellFormula(sheet, at); err != nil || formula != "" {
					t.Errorf("%s!%s: formula %q, %v", sheet, at, formula, err)
				}
			}
		}
		panes, err := f.GetPanes(sheet)
		if err != nil || !panes.Freeze || panes.YSplit != 1 {
			t.Errorf("%s: %+v, %v", sheet, panes, err)
		}
		if w, err := f.GetColWidth(sheet, "B"); err != nil || w != 34 {
			t.Errorf("%s: column B is %v wide, %v", sheet, w, err)
		}
	}
	for at, want := range map[string]excelize.CellType{"G3": excelize.CellTypeUnset, "E3": excelize.CellTypeUnset, "B3": excelize.CellTypeInlineString, "G2": excelize.CellTypeInlineString} {
		if got, err := f.GetCellType("Costs", at); err != nil || got != want {
			t.Errorf("%s is of type %v, want %v; %v", at, got, want, err)
		}
	}
	if raw, err := f.GetCellValue("Costs", "E3", excelize.Options{RawCellValue: true}); err != nil || raw != "45870" { // days since 1900
		t.Errorf("August 2025 is %s, %v", raw, err)
	}
}

// The row of heads filters; that is in the XML alone.
func TestWorkbookFilters(t *testing.T) {
	f, err := excelize.OpenFile(sampleWorkbook(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sheet, want := range map[string]string{"xl/worksheets/sheet1.xml": "$A$1:$I$6", "xl/worksheets/sheet2.xml": "$A$1:$I$6", "xl/worksheets/sheet3.xml": "$A$1:$K$5"} {
		text, _ := f.Pkg.Load(sheet)
		if xml, ok := text.([]byte); !ok || !bytes.Contains(xml, []byte(`<autoFilter ref="`+want+`"`)) {
			t.Errorf("%s filters not by %s", sheet, want)
		}
	}
}

// Readers of streams read as much of a sheet as it says it has.
func TestWorkbookSaysHowLargeSheetsAre(t *testing.T) {
	f, err := excelize.OpenFile(sampleWorkbook(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sheet, want := range map[string]string{"Costs": "A1:I6", "Months": "A1:I6", "Documents": "A1:K5"} {
		if got, err := f.GetSheetDimension(sheet); err != nil || got != want {
			t.Errorf("%s says that it is %s, want %s; %v", sheet, got, want, err)
		}
	}
}

// An empty workbook opens, too.
func TestWorkbookOfNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.xlsx")
	if err := writeWorkbook(file, false, costs.Of(nil, []string{"bills"}, costs.Keys(), nil), nil); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rows, err := f.GetRows("Costs"); err != nil || len(rows) != 1 {
		t.Errorf("%q, %v", rows, err)
	}
}

// LibreOffice reads the same numbers and dates.
func TestWorkbookInLibreOffice(t *testing.T) {
	office, err := exec.LookPath("libreoffice")
	if err != nil {
		t.Skip("LibreOffice is not installed: the workbook is not opened with it")
	}
	file := sampleWorkbook(t)
	cmd := exec.CommandContext(t.Context(), office, "-env:UserInstallation=file://"+t.TempDir(), "--headless", "--convert-to", "fods", "--outdir", filepath.Dir(file), file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(strings.TrimSuffix(file, "xlsx") + "fods") // its CSV shows dates and numbers in forms of its own
	if err != nil {
		t.Fatal(err)
	}
	costs, _, _ := bytes.Cut(text, []byte(`</table:table>`))
	row := slices.DeleteFunc(bytes.Split(costs, []byte("<table:table-row")), func(r []byte) bool { return !bytes.Contains(r, []byte("office:value-type")) })
	if len(row) != 6 {
		t.Fatalf("%d rows", len(row))
	}
	for _, want := range []string{`office:date-value="2025-08-01"`, "<text:p>2025-08</text:p>", `office:value="1234.5"`, "<text:p>1,234.50</text:p>", "<text:p>&apos;" + html.EscapeString(evil)} {
		if have := string(row[2]); !strings.Contains(have, want) && !strings.Contains(html.UnescapeString(have), html.UnescapeString(want)) {
			t.Errorf("no %s in %s", want, have)
		}
	}
}

// A workbook is written whole, or not at all, and never over a file unless that is asked for.
func TestWorkbookIsWrittenWhole(t *testing.T) {
	osfiletest.SkipWine(t)
	c, contracts := sampleCosts()
	dir := t.TempDir()
	file := filepath.Join(dir, "x.xlsx")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkWorkbook(file, false); err == nil {
		t.Error("a file that is there is no hindrance")
	}
	if err := writeWorkbook(file, false, c, contracts); err == nil { // it came meanwhile
		t.Error("it is written over")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
	if err := errors.Join(checkWorkbook(file, true), writeWorkbook(file, true, c, contracts)); err != nil {
		t.Error(err)
	}
	if f, err := excelize.OpenFile(file); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	for name, at := range map[string]string{"a directory": dir, "in no directory": filepath.Join(dir, "no", "x.xlsx"), "below a file": filepath.Join(file, "x")} {
		if err := checkWorkbook(at, true); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	link := filepath.Join(dir, "link.xlsx")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := checkWorkbook(link, true); err == nil {
		t.Error("a symbolic link is taken")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
	if err := checkWorkbook(filepath.Join(dir, "new"), false); err != nil {
		t.Error(err)
	}
	if err := writeWorkbook(filepath.Join(dir, "no", "x.xlsx"), false, c, contracts); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
