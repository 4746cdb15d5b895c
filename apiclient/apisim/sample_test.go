package apisim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// digestVariable makes the test binary print the digest of the sample account
// instead of running tests; see TestSampleIsTheSameInAnotherProcess.
const digestVariable = "APISIM_PRINT_DIGEST"

func TestMain(m *testing.M) {
	if os.Getenv(digestVariable) != "" {
		digest, err := sampleDigest()
		fmt.Println(digest, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sampleDigest is a hash over what is listed of a new sample account, and over
// two versions of the last documents of two contracts: all six types.
func sampleDigest() (string, error) {
	h := sha256.New()
	for _, c := range DefaultAccount().Contracts[:2] {
		for _, d := range c.Documents[len(c.Documents)-10:] {
			for d.Version = range 2 {
				body, size, err := d.open()
				if err != nil {
					return "", err
				}
				fmt.Fprintf(h, "%s %s %s %s %d\n", d.ID, d.Filename, d.UpdatedAt, d.Amount, size)
				if _, err := io.Copy(h, body); err != nil {
					return "", err
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// TestSampleIsTheSameInAnotherProcess: map order, clocks and random ids in
// PDF and XLSX would show here.
func TestSampleIsTheSameInAnotherProcess(t *testing.T) {
	here, err := sampleDigest()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), digestVariable+"=1", "TZ=Pacific/Auckland", "LANG=fr_FR.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if there := strings.TrimSpace(string(out)); there != here+" <nil>" {
		t.Errorf("here %s, in another process %s", here, there)
	}
}

func readAll(t *testing.T, d *Document) []byte {
	t.Helper()
	body, size, err := d.open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err != nil || int64(len(b)) != size {
		t.Fatalf("%s: %d of %d bytes, %v", d.Filename, len(b), size, err)
	}
	return b
}

// cents reads an amount with a decimal comma or point.
func cents(t *testing.T, s string) int64 {
	t.Helper()
	whole, frac, _ := strings.Cut(strings.ReplaceAll(s, ",", "."), ".")
	n, err := strconv.ParseInt(whole+(frac + "00")[:2], 10, 64)
	if err != nil {
		t.Fatalf("amount %q: %v", s, err)
	}
	return n
}

// ratedSum adds a rated consumption report up as a client by position does, and
// checks its form.
func ratedSum(t *testing.T, d *Document) int64 {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(string(readAll(t, d)), "\n"), "\n")
	if len(lines) < 10 || !strings.HasPrefix(lines[0], "BillingMode;") {
		t.Fatalf("%s: %d lines, the first %q", d.Filename, len(lines), lines[0])
	}
	number := regexp.MustCompile(`^\d+,\d+$`)
	var sum int64
	for _, line := range lines[1:] {
		row := strings.Split(line, ";")
		if len(row) != 27 {
			t.Fatalf("%s: %d columns: %q", d.Filename, len(row), line)
		}
		for i, cell := range row {
			if decimal := i == 13 || i == 15 || i == 16 || i == 18; decimal != number.MatchString(cell) {
				t.Fatalf("%s: column %d: %q", d.Filename, i, cell)
			}
		}
		if gross, net := cents(t, row[16]), cents(t, row[18]); net > gross || (row[17] == "0") != (net == gross) {
			t.Errorf("%s: %s %% of %s is %s", d.Filename, row[17], row[16], row[18])
		}
		sum += cents(t, row[18])
	}
	return sum
}

// billTotal adds a bill up as a client by position does, who reads from row 14
// to the end, and checks the total above.
func billTotal(t *testing.T, d *Document) int64 {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(readAll(t, d)))
	if err != nil {
		t.Fatalf("%s: %v", d.Filename, err)
	}
	defer f.Close()
	rows, err := f.GetRows("Billing Report")
	if err != nil || len(rows) < 16 || rows[12][0] != "Reference" {
		t.Fatalf("%s: %d rows, %v", d.Filename, len(rows), err)
	}
	var sum int64
	for i, row := range rows[13:] {
		if len(row) < 18 {
			t.Fatalf("%s: row %d has %d columns: %q", d.Filename, i+14, len(row), row)
		}
		for _, text := range []int{0, 7, 9, 10, 11, 13} {
			if row[text] == "" || regexp.MustCompile(`^[\d.,]+$`).MatchString(row[text]) {
				t.Errorf("%s: row %d, column %d: %q", d.Filename, i+14, text, row[text])
			}
		}
		for _, number := range []int{12, 14, 15, 17} {
			if _, err := strconv.ParseFloat(row[number], 64); err != nil {
				t.Errorf("%s: row %d, column %d: %q", d.Filename, i+14, number, row[number])
			}
		}
		sum += cents(t, row[17])
	}
	if total := cents(t, rows[11][1]); rows[11][0] != "Total" || total != sum {
		t.Errorf("%s: total %d, lines %d", d.Filename, total, sum)
	}
	return sum
}

// TestColumnsOfRatedConsumption are those that clients count on, in their order.
func TestColumnsOfRatedConsumption(t *testing.T) {
	want := "BillingMode;BeginDate;EndDate;ServiceID;TenantLabel;Country;Region;ServiceCloud;CodeLabel;ChargeLabel;" +
		"IdResource;Project;Tags;Quantity;BillingUnit;UnitPrice;Amount;VolumeDiscount;DiscountedAmount;Currency;" +
		"SubsChargeType;SubsBeginDate;SubsEndDate;SubsUpfront;SubsUpfrontDiscounted;SubsFlavor;SubsDuration"
	modes := map[string]bool{}
	for _, c := range DefaultAccount().Contracts[:2] {
		for _, d := range c.Documents[len(c.Documents)-6:] {
			if d.Type != typeRated && d.Type != typePartialRated {
				continue
			}
			head, rest, _ := strings.Cut(string(readAll(t, &d)), "\n")
			if head != want {
				t.Errorf("%s: %s", d.Filename, head)
			}
			for line := range strings.Lines(rest) {
				row := strings.Split(strings.TrimSpace(line), ";")
				modes[row[0]] = true
				if (row[0] == subscribed) != (row[20] != "") {
					t.Errorf("%s: billed as %s, subscription %q", d.Filename, row[0], row[20:])
				}
			}
		}
	}
	if len(modes) != 2 {
		t.Errorf("billing modes: %v", modes)
	}
}

// invoiceNet finds the net total in the uncompressed page.
func invoiceNet(t *testing.T, d *Document) int64 {
	t.Helper()
	m := regexp.MustCompile(`(?s)\(Net total\).*?\((\d+,\d\d) EUR\)`).FindSubmatch(readAll(t, d))
	if m == nil {
		t.Fatalf("%s has no net total", d.Filename)
	}
	return cents(t, string(m[1]))
}

func TestAmountsOfAMonthAddUp(t *testing.T) {
	for _, c := range DefaultAccount().Contracts {
		months := map[string]map[string]*Document{}
		for i, d := range c.Documents {
			if months[d.Period] == nil {
				months[d.Period] = map[string]*Document{}
			}
			months[d.Period][d.Type] = &c.Documents[i]
		}
		for month, m := range months {
			if month < "202610" && month[4:] != "03" { // making them all is slow under -race
				continue
			}
			if month == "202611" {
				bill, rated := billTotal(t, m[typePartialBills]), ratedSum(t, m[typePartialRated])
				if bill != rated || bill == 0 {
					t.Errorf("%s so far: bill %d, rated %d", c.ID, bill, rated)
				}
				continue
			}
			bill, rated, net := billTotal(t, m[typeBills]), ratedSum(t, m[typeRated]), invoiceNet(t, m[typeInvoices])
			if bill != rated || bill != net || bill == 0 || cents(t, m[typeBills].Amount) != bill {
				t.Errorf("%s %s: bill %d (said %s), rated %d, invoice %d", c.ID, month, bill, m[typeBills].Amount, rated, net)
			}
			if len(readAll(t, m[typeReports])) < 500 {
				t.Errorf("%s %s: usage report is short", c.ID, month)
			}
		}
	}
}

func TestSampleAccount(t *testing.T) {
	a := DefaultAccount()
	seen := map[string]bool{}
	types := map[string]int{}
	for _, c := range a.Contracts {
		names := map[string]bool{}
		for _, d := range c.Documents {
			if seen[d.ID] || names[d.Filename] || d.Period == "" || d.CreatedAt == "" || !isNumber(d.ID) {
				t.Errorf("%s: document %+v", c.ID, d)
			}
			seen[d.ID], names[d.Filename] = true, true
			types[d.Type]++
		}
	}
	want := map[string]int{
		typeBills: 97, typeInvoices: 97, typeReports: 97, typeRated: 97, typePartialBills: 4, typePartialRated: 4,
	}
	for docType, n := range want {
		if types[docType] != n {
			t.Errorf("%d %s, want %d", types[docType], docType, n)
		}
	}
}

// TestPdftotextReadsInvoices runs the real tool on one invoice.
func TestPdftotextReadsInvoices(t *testing.T) {
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("pdftotext is not installed (poppler-utils)")
	}
	c := DefaultAccount().Contracts[0]
	i := slices.IndexFunc(c.Documents, func(d Document) bool { return d.Filename == "Invoice_OCB0001234_202610.pdf" })
	path := filepath.Join(t.TempDir(), "invoice.pdf")
	if err := os.WriteFile(path, readAll(t, &c.Documents[i]), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-layout", path, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := (&sampleContract{Contract: c, products: flexibleEngine(), scale: 100}).billing(lastMonth(), typeInvoices, 0)
	for _, want := range []string{
		"0001234-202610", "Maison Lumière SAS", "2026-10-01 to 2026-10-31", "Elastic Cloud Server",
		"Net total", comma(b.net()) + " EUR", "VAT 20 %", comma(b.vat()) + " EUR", "Total due", comma(b.net()+b.vat()) + " EUR",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the text has no %q:\n%s", want, out)
		}
	}
}

func TestVersionsDiffer(t *testing.T) {
	c := DefaultAccount().Contracts[1]
	for _, d := range c.Documents[len(c.Documents)-6:] {
		before := readAll(t, &d)
		for v := 1; v < 40; v += 13 {
			d.Version = v
			after := readAll(t, &d)
			if bytes.Equal(before, after) {
				t.Errorf("%s: version %d is like the one before", d.Filename, v)
			}
			before = after
		}
	}
}

// BenchmarkSample is the cost of making one document.
func BenchmarkSample(b *testing.B) {
	c := sampleContracts()[0]
	bill := c.billing(lastMonth(), typeBills, 0)
	for _, m := range []struct {
		name string
		how  maker
	}{{"bill", billXLSX}, {"invoice", invoicePDF}, {"rated", ratedCSV}, {"usage", usageXLSX}} {
		b.Run(m.name, func(b *testing.B) {
			var size int
			for b.Loop() {
				body, err := m.how(bill)
				if err != nil {
					b.Fatal(err)
				}
				size = len(body)
			}
			b.ReportMetric(float64(size), "size_bytes")
		})
	}
	b.Run("account", func(b *testing.B) {
		for b.Loop() {
			DefaultAccount()
		}
	})
}
