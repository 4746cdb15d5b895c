package apisim

import (
	"bytes"
	"encoding/csv"
)

const day = "2006-01-02"

// ratedCSV is a rated consumption report: semicolons, one header line, 27
// columns, decimal commas (api.md). The columns' names are made up.
func ratedCSV(b *billing) ([]byte, error) {
	rows := [][]string{{
		"ContractId", "ContractName", "CustomerId", "CustomerName", "Offer", "PlatformId", "Period",
		"BillNumber", "StartDate", "EndDate", "Region", "AvailabilityZone", "Project", "ServiceFamily",
		"Service", "ProductCode", "ResourceId", "ResourceName", "Unit", "Quantity", "FreeQuantity",
		"BilledQuantity", "UnitPrice", "DiscountPercent", "Amount", "Currency", "Status",
	}}
	number, status := b.number(), "final"
	if b.partial {
		number, status = "", "estimated"
	}
	for _, l := range b.lines {
		rows = append(rows, []string{
			b.ID, b.Name, b.CustomerID, b.CustomerName, b.Offer, b.PlatformID, b.month.Format("200601"),
			number, b.month.Format(day), b.through().Format(day), l.region, l.zone, l.project, l.family,
			l.name, l.code, l.resourceID, l.resource, l.unit, decimal(l.quantity, 3, ","), "0,000",
			decimal(l.quantity, 3, ","), decimal(l.price, 4, ","), decimal(l.discount*100, 2, ","),
			comma(l.cents), currency, status,
		})
	}
	return semicolons(rows)
}

// usageCSV is a usage report: quantities without prices.
func usageCSV(b *billing) ([]byte, error) { return semicolons(b.usageRows()) }

// usageRows is the table of a usage report.
func (b *billing) usageRows() [][]string {
	rows := [][]string{{"Contract", "Month", "Project", "Region", "Service", "Resource", "Unit", "Quantity"}}
	for _, l := range b.lines {
		rows = append(rows, []string{
			b.ID, b.month.Format("2006-01"), l.project, l.region, l.name, l.resource, l.unit, decimal(l.quantity, 3, ","),
		})
	}
	return rows
}

func semicolons(rows [][]string) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = ';'
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
