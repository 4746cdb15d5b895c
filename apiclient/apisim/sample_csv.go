package apisim

import (
	"bytes"
	"encoding/csv"
	"strconv"
)

const day = "2006-01-02"

// ratedCSV is a rated consumption report: semicolons, one header line, 27
// columns, decimal commas in Quantity, UnitPrice, Amount and DiscountedAmount
// (api-notes.md). Clients read it by position; the columns' names are those by
// which one client knows them, the real header may say it otherwise.
func ratedCSV(b *billing) ([]byte, error) {
	rows := [][]string{{
		"BillingMode", "BeginDate", "EndDate", "ServiceID", "TenantLabel", "Country", "Region",
		"ServiceCloud", "CodeLabel", "ChargeLabel", "IdResource", "Project", "Tags", "Quantity",
		"BillingUnit", "UnitPrice", "Amount", "VolumeDiscount", "DiscountedAmount", "Currency",
		"SubsChargeType", "SubsBeginDate", "SubsEndDate", "SubsUpfront", "SubsUpfrontDiscounted",
		"SubsFlavor", "SubsDuration",
	}}
	for _, l := range b.lines {
		row := []string{
			l.mode(), b.month.Format(day), b.through().Format(day), b.ID, b.Name, country, l.region,
			l.family, l.code, l.name, l.resourceID, l.project, "name=" + l.resource, decimal(l.quantity, 3, ","),
			l.unit, decimal(l.price, 4, ","), comma(l.gross), strconv.FormatInt(l.discount, 10), comma(l.cents), currency,
		}
		rows = append(rows, append(row, b.subscription(l)...))
	}
	return semicolons(rows)
}

// subscription is the last seven columns: empty for what is paid as it is used.
func (b *billing) subscription(l usageLine) []string {
	if l.mode() != subscribed {
		return make([]string, 7)
	}
	begin := b.month.AddDate(0, 1-int(b.month.Month()), 0) // each year anew
	return []string{"Recurring", begin.Format(day), begin.AddDate(1, 0, -1).Format(day), "0", "0", l.code, "12"}
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
