package apisim

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

const (
	currency  = "EUR"
	country   = "FR"
	vatRate   = 20 // percent
	firstDays = 10 // of the month under way, in version 0 of its documents
)

// usageLine is what one resource used in a month.
type usageLine struct {
	product
	region, zone, project string
	resource, resourceID  string

	quantity int64 // thousandths of the unit
	discount int64 // percent
	gross    int64 // cents before the discount, without VAT
	cents    int64 // and after it: what is billed
}

// How something is billed.
const (
	asUsed     = "PayPerUse"
	subscribed = "Subscription"
)

// mode is how the line is billed.
func (l *usageLine) mode() string {
	if l.family == "Licence" {
		return subscribed
	}
	return asUsed
}

// billing is what the documents of a contract and month are made from.
type billing struct {
	*sampleContract
	month   time.Time // the first of it
	days    int       // that have passed, of a month under way; else all
	partial bool
	version int
	lines   []usageLine
}

// billing works the consumption of a month out. Every document of the month
// is made from the same lines, so they add up. A later version has more days
// of a month under way, and an adjustment, so that it always differs.
func (c *sampleContract) billing(month time.Time, docType string, version int) *billing {
	all := month.AddDate(0, 1, -1).Day()
	b := &billing{sampleContract: c, month: month, days: all, version: version}
	if docType == typePartialBills || docType == typePartialRated {
		b.partial = true
		b.days = min(firstDays+version, all)
	}
	for _, p := range c.products {
		n := max(1, int(int64(p.resources)*c.scale/100))
		for i := range n {
			if line, ok := b.line(p, i); ok {
				b.lines = append(b.lines, line)
			}
		}
	}
	if version > 0 {
		b.lines = append(b.lines, usageLine{
			product: product{family: "Adjustment", name: "Adjustment of rated consumption", code: "ADJ", unit: "unit", price: 10_000},
			region:  "global", zone: "global", project: "billing",
			resource: "adjustment-" + strconv.Itoa(version), resourceID: c.ID + "-adj",
			quantity: int64(version) * 1000, gross: int64(version) * 100, cents: int64(version) * 100,
		})
	}
	return b
}

// line rates one resource. Some came later than others, and each month
// differs a little; all from hashes, so it is the same everywhere.
func (b *billing) line(p product, i int) (usageLine, bool) {
	key := b.ID + "/" + p.code + "/" + strconv.Itoa(i)
	fixed := hashOf(key)
	age := (b.month.Year()-2024)*12 + int(b.month.Month()) - 5 // months since 2024-05
	if i > 0 && int(fixed%28) > age {
		return usageLine{}, false
	}
	wobble := int64(hashOf(key+b.month.Format("200601")) % 1000)
	quantity := p.monthly * (750 + wobble/4) / 1000 * int64(b.days) / 31
	discount := int64(fixed>>8%4) * 5
	zone := string(rune('a' + fixed>>16%3))
	return usageLine{
		product: p, region: "eu-west-0", zone: "eu-west-0" + zone,
		project:  [...]string{"erp", "web", "data", "shared"}[fixed>>24%4],
		resource: fmt.Sprintf("%s-%02d", p.prefix, i+1), resourceID: fmt.Sprintf("%016x", fixed),
		quantity: quantity, discount: discount,
		gross: (quantity*p.price*100 + 5_000_000) / 10_000_000,
		cents: (quantity*p.price*(100-discount) + 5_000_000) / 10_000_000,
	}, true
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return mix(h.Sum64())
}

// net is the sum without VAT, in cents.
func (b *billing) net() int64 {
	var sum int64
	for _, l := range b.lines {
		sum += l.cents
	}
	return sum
}

// vat is the tax on net, in cents, rounded half up.
func (b *billing) vat() int64 { return (b.net()*vatRate + 50) / 100 }

// byProduct adds the resources of each product up, in the order of the lines.
func (b *billing) byProduct() []usageLine {
	var sums []usageLine
	for _, l := range b.lines {
		if n := len(sums); n > 0 && sums[n-1].code == l.code {
			sums[n-1].quantity += l.quantity
			sums[n-1].gross += l.gross
			sums[n-1].cents += l.cents
			continue
		}
		sums = append(sums, l)
	}
	return sums
}

// number is the bill's.
func (b *billing) number() string {
	return strings.TrimPrefix(b.ID, "OCB") + "-" + b.month.Format("200601")
}

// through is the last day that the document covers.
func (b *billing) through() time.Time { return b.month.AddDate(0, 0, b.days-1) }

// made is when the document says it was made.
func (b *billing) made() time.Time {
	if b.partial {
		return b.through().Add(29 * time.Hour)
	}
	return b.month.AddDate(0, 1, 2).Add(5 * time.Hour)
}

// decimal writes v with that many places and a separator.
func decimal(v int64, places int, separator string) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	digits := fmt.Sprintf("%0*d", places+1, v)
	return sign + digits[:len(digits)-places] + separator + digits[len(digits)-places:]
}

// comma writes cents as the CSV and PDF documents do, point as JSON does.
func comma(cents int64) string { return decimal(cents, 2, ",") }
func point(cents int64) string { return decimal(cents, 2, ".") }
