package apisim

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// sampleBodies is how many documents of the sample account are held after
// they were made; at some 20 KB each.
const sampleBodies = 256

// lastMonth is the last final month of the sample account; the one after it
// is under way. Fixed, so that the account is the same whenever it is shown.
func lastMonth() time.Time { return time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC) }

// sampleContract is one contract of the sample account.
type sampleContract struct {
	Contract
	months   int // final months, up to lastMonth
	xlsx     bool
	products []product
	scale    int64 // size of the customer, in percent
}

// DefaultAccount is an account worth looking at: four contracts, up to thirty
// months each until 2026-10, and 2026-11 under way. The documents are real
// (PDF, XLSX, CSV), made when they are asked for and always the same bytes;
// a month's bill, invoice and rated consumption add up.
func DefaultAccount() *Account {
	bodies, _ := lru.New[string, []byte](sampleBodies) // fails only for sizes below 1
	a := &Account{}
	for i, c := range sampleContracts() {
		c.Documents = c.documents(i, bodies)
		a.Contracts = append(a.Contracts, c.Contract)
	}
	return a
}

func sampleContracts() []sampleContract {
	return []sampleContract{
		{
			Contract: Contract{
				ID: "OCB0001234", Name: "Flexible Engine Production", Type: "Production", Offer: "Flexible Engine",
				CreatedAt: "2024-04-22T09:12:41Z", UpdatedAt: "2026-09-03T14:05:10Z",
				CustomerID: "CUS0004711", CustomerName: "Maison Lumière SAS",
				FirstName: "Claire", LastName: "Fontaine", Email: "claire.fontaine@maison-lumiere.example",
				PlatformID: "OCB0001234-FE",
			},
			months: 30, products: flexibleEngine(), scale: 100,
		},
		{
			Contract: Contract{
				ID: "OCB0001871", Name: "Cloud Avenue Val de Rueil", Type: "Production", Offer: "Cloud Avenue",
				CreatedAt: "2024-04-29T08:00:03Z", UpdatedAt: "2026-06-18T10:44:57Z",
				CustomerID: "CUS0004711", CustomerName: "Maison Lumière SAS",
				FirstName: "Hervé", LastName: "Le Goff", Email: "herve.legoff@maison-lumiere.example",
				PlatformID: "cav01ev01ocb0001871",
			},
			months: 30, xlsx: true, products: cloudAvenue(), scale: 140,
		},
		{
			Contract: Contract{
				ID: "OCB0002410", Name: "Flexible Engine Recette & Développement", Type: "Test", Offer: "Flexible Engine",
				CreatedAt: "2024-12-11T15:31:20Z", UpdatedAt: "2025-11-27T07:20:00Z",
				CustomerID: "CUS0004712", CustomerName: "Lumière Digital",
				FirstName: "Amina", LastName: "Benali", Email: "amina.benali@lumiere-digital.example",
				PlatformID: "OCB0002410-FE",
			},
			months: 22, products: flexibleEngine(), scale: 25,
		},
		{
			Contract: Contract{
				ID: "OCB0003055", Name: "Cloud Avenue Sauvegarde", Type: "Production", Offer: "Cloud Avenue",
				CreatedAt: "2025-07-02T11:02:09Z", UpdatedAt: "2026-02-09T16:38:45Z",
				CustomerID: "CUS0004712", CustomerName: "Lumière Digital",
				FirstName: "Jonas", LastName: "Keller", Email: "jonas.keller@lumiere-digital.example",
			},
			months: 15, xlsx: true, products: cloudAvenue(), scale: 40,
		},
	}
}

// maker makes the bytes of a kind of document from the month's consumption.
type maker func(b *billing) ([]byte, error)

// documents gives a contract's documents, oldest month first.
func (c *sampleContract) documents(number int, bodies *lru.Cache[string, []byte]) []Document {
	report, reportExt := maker(usageCSV), "csv"
	if c.xlsx {
		report, reportExt = usageXLSX, "xlsx"
	}
	var docs []Document
	add := func(month time.Time, kind int, docType, name, ext, amount string, how maker) {
		id := strconv.Itoa(30_000_000 + number*100_000 + (month.Year()*12+int(month.Month()))%1000*10 + kind)
		d := Document{
			ID: id, Type: docType, Period: month.Format("200601"),
			Filename:  fmt.Sprintf("%s_%s_%s.%s", name, c.ID, month.Format("200601"), ext),
			CreatedAt: month.AddDate(0, 1, 2).Add(time.Duration(5*60+7*kind+number) * time.Minute).Format(time.RFC3339),
			Amount:    amount,
			Content:   c.content(bodies, id, month, docType, how),
		}
		if amount != "" {
			d.Currency = currency
		}
		if month.After(lastMonth()) {
			d.CreatedAt = month.Add(29 * time.Hour).Format(time.RFC3339)
			d.UpdatedAt = month.AddDate(0, 0, firstDays).Add(5 * time.Hour).Format(time.RFC3339)
		}
		docs = append(docs, d)
	}
	for i := c.months - 1; i >= 0; i-- {
		month := lastMonth().AddDate(0, -i, 0)
		b := c.billing(month, typeBills, 0)
		add(month, 1, typeBills, "Bill", "xlsx", point(b.net()), billXLSX)
		add(month, 2, typeInvoices, "Invoice", "pdf", point(b.net()+b.vat()), invoicePDF)
		add(month, 3, typeReports, "UsageReport", reportExt, "", report)
		add(month, 4, typeRated, "RatedConsumption", "csv", "", ratedCSV)
	}
	month := lastMonth().AddDate(0, 1, 0)
	// Without amounts, which would not follow the content when it changes.
	add(month, 5, typePartialBills, "PartialBill", "xlsx", "", billXLSX)
	add(month, 6, typePartialRated, "PartialRatedConsumption", "csv", "", ratedCSV)
	return docs
}

// content makes a document when it is opened.
func (c *sampleContract) content(bodies *lru.Cache[string, []byte], id string, month time.Time, docType string, how maker) Content {
	return func(version int) (io.ReadSeeker, error) {
		key := id + "/" + strconv.Itoa(version)
		if body, ok := bodies.Get(key); ok {
			return bytes.NewReader(body), nil
		}
		body, err := how(c.billing(month, docType, version))
		if err != nil {
			return nil, err
		}
		bodies.Add(key, body)
		return bytes.NewReader(body), nil
	}
}
