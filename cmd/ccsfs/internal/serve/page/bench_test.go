package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/serve/page/cookies"
	"ccsfs/cmd/ccsfs/internal/serve/who"
)

// BenchmarkOverview is GET / where the listings are known: of the simulated account, and of
// two hundred contracts with sixty months each.
func BenchmarkOverview(b *testing.B) {
	for name, account := range map[string]*apisim.Account{"demo": nil, "200x60": many(200, 60)} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, account)
			r.browser("en").listed("/")
			for b.Loop() {
				q := httptest.NewRequest(http.MethodGet, "/?year=2026", nil)
				q.AddCookie(&http.Cookie{Name: cookies.Visits, Value: "1790000000.1790000000"})
				w := httptest.NewRecorder()
				r.page.ServeHTTP(w, q.WithContext(who.With(q.Context(), who.User{Name: "claire"})))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

// many is an account of contracts that have a bill, an invoice and two reports a month.
func many(contracts, months int) *apisim.Account {
	a := &apisim.Account{}
	last := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for i := range contracts {
		c := apisim.Contract{ID: fmt.Sprintf("OCB%07d", 1000+i), Name: fmt.Sprintf("Department %d", i), Offer: "Cloud Avenue", CreatedAt: "2015-01-01T00:00:00Z"}
		for m := range months {
			for k, typ := range []string{"bills", "invoices", "reports", "comsumptionRatedReports"} {
				of := last.AddDate(0, -m, 0)
				c.Documents = append(c.Documents, apisim.Document{
					ID: fmt.Sprint(i*10000 + m*10 + k), Type: typ, Period: of.Format("200601"), Filename: fmt.Sprintf("%s_%s_%s.pdf", typ, c.ID, of.Format("200601")),
					CreatedAt: of.AddDate(0, 1, 3).Format(time.RFC3339), Amount: []string{"1234.56", "1481.47", "", ""}[k], Currency: []string{"EUR", "EUR", "", ""}[k],
				})
			}
		}
		a.Contracts = append(a.Contracts, c)
	}
	return a
}
