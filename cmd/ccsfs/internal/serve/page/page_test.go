package page

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// section is a part of a page, as it is read.
func (a answer) section(t testing.TB, begin string) string {
	t.Helper()
	_, rest, ok := strings.Cut(a.body, begin)
	if !ok {
		t.Fatalf("no %s in\n%s", begin, a.body)
	}
	part, _, _ := strings.Cut(rest, "</section>")
	return answer{body: "<" + part}.text()
}

// The first screen of an account answers what a finance person asks: which contracts, which
// months, what is missing, what is new, what it cost, whether all is well.
func TestFirstScreen(t *testing.T) {
	account := apisim.DefaultAccount()
	account.Contracts[1].Documents = without(account.Contracts[1].Documents, "Invoice_OCB0001871_202607.pdf")
	r := newRig(t, account)
	for lang, want := range map[string]string{
		"en-GB,en;q=0.9": "Contracts 4 Flexible Engine Production , Cloud Avenue Val de Rueil , Flexible Engine Recette & Développement , Cloud Avenue Sauvegarde 395 documents " +
			"Months Nov 2026 May 2024 to November 2026 ◔ November 2026 is under way " +
			"Missing ✕ 1 Invoices, July 2026 OCB0001871 Show what is missing " +
			"New – first visit from this browser what comes from now on is marked ★ " +
			"Cost in 2026 90,682.08 EUR October 2026: 10,256.15 EUR Bills " +
			"All right? ⚠ Not quite API: in use Listings of 20 Nov 2026, 09:30 UTC 1 document due",
		"de, fr-CH;q=0.8, en;q=0.2": "Contrats 4 Flexible Engine Production , Cloud Avenue Val de Rueil , Flexible Engine Recette & Développement , Cloud Avenue Sauvegarde 395 documents " +
			"Mois nov. 2026 de mai 2024 à novembre 2026 ◔ novembre 2026 est en cours " +
			"Manquants ✕ 1 Factures, juillet 2026 OCB0001871 Afficher ce qui manque " +
			"Nouveautés – première visite avec ce navigateur ce qui arrivera désormais sera marqué ★ " +
			"Coût en 2026 90 682,08 EUR octobre 2026 : 10 256,15 EUR Relevés " +
			"Tout va bien ? ⚠ Pas tout à fait API : utilisée Listes du 20 nov. 2026, 09:30 UTC 1 document attendu",
	} {
		a := r.browser(lang).listed("/")
		got := a.section(t, `<section class="facts"`)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", lang, d)
		}
	}
}

// Looking asks the API for listings, once, and for no document.
func TestCallsOfLooking(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	for _, at := range []string{"/", "/", "/?year=2025", "/?name=invoice", "/?cost=invoices", "/archive?month=2026", "/drive", "/?only=missing", "/nowhere"} {
		b.get(at)
	}
	c := r.sim.Calls()
	if c.Contracts != 1 || c.Documents != 4*7 || len(c.Files) != 0 {
		t.Errorf("%+v", c)
	}
}

// The page never waits for the API: while that says nothing, it says so, and comes again.
func TestNeverWaits(t *testing.T) {
	r := newRig(t, nil)
	remove := r.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 0, apisim.Fault{Never: true})
	b := r.browser("en")
	a := b.get("/")
	a.wants(t, "The contracts are being asked for. This page comes again by itself.", "Contracts 0")
	if !strings.Contains(a.body, `http-equiv="refresh"`) {
		t.Error("it does not come again")
	}
	remove()
	r.sim.Faults.Clear() // what hangs fails, and is asked for again
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Contract: "OCB0002410"}, 0, apisim.Fault{Never: true})
	wait(t, func() bool {
		a = b.get("/")
		return strings.Contains(a.text(), "1 is being listed")
	})
	a.wants(t, "so far: not all is listed", "OCB0002410 Flexible Engine Recette & Développement Flexible Engine being listed…")
}

// wait waits for something that takes milliseconds.
func wait(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(cmdtest.Patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never happens")
		}
	}
}

// hostile is an account of names that would do harm.
func hostile() *apisim.Account {
	names := []string{
		`<script>alert(1)</script>.pdf`, `"><img src=x onerror=alert(1)>.pdf`, "evil\u202efdp.exe", `a' onmouseover='x.csv`, strings.Repeat("é", 127) + ".pdf",
		`javascript:alert(1).pdf`, `{{.}}.pdf`, "100%.pdf", "a#b?c&d=e.pdf", "tab\there.pdf", `C:\x.pdf`, `..%2f..%2f.pdf`, "]]>.pdf",
	}
	account := &apisim.Account{}
	for i, name := range []string{`<script>alert("c")</script>`, "ltr \u202e rtl שלום", strings.Repeat("w", 255), `"'></td></table>`} {
		c := apisim.Contract{ID: fmt.Sprintf("O<b>%d", i), Name: name, Offer: `<i>"offer"`, CreatedAt: "2025-01-01T00:00:00Z"}
		for k, file := range names {
			body := "a;b\r\n1;2\r\n"
			if strings.HasSuffix(file, ".pdf") {
				body = "%PDF-1.4\n" + file + "\n%%EOF\n"
			}
			c.Documents = append(c.Documents, apisim.Document{
				ID: fmt.Sprintf("%d-<%d>", i, k), Type: []string{"bills", `<u>"odd"`}[k%2], Filename: file, Period: "202601", CreatedAt: "2026-02-02T00:00:00Z",
				Amount: "12.5", Currency: `<s>"€`, Content: apisim.Bytes([]byte(body)),
			})
		}
		account.Contracts = append(account.Contracts, c)
	}
	return account
}

// No name of a contract, type, currency or file becomes markup, reorders the page, or leads
// elsewhere than to the document.
func TestHostileNames(t *testing.T) {
	r := newRig(t, hostile())
	b := r.browser("en")
	b.listed("/")
	for _, at := range []string{"/", "/?month=2026", "/archive?month=2026", query("name", `<script>alert(1)</script>`), query("month", `<script>`), query("contract", `"><b>`), "/document/%3Cscript%3Ex"} {
		a := b.get(at)
		for _, bad := range []string{"<script>alert", "<img src=x", "onerror=alert(1)>", "<b>", "<i>", "<u>", "<s>", "\u202e", `onmouseover='x`, "javascript:alert(1)\""} {
			if strings.Contains(a.body, bad) {
				t.Errorf("%s: %q is in the page", at, bad)
			}
		}
	}
	a := b.get("/?month=2026")
	hrefs := regexp.MustCompile(`href="(/document/[^"]*)"`).FindAllStringSubmatch(a.section2("results"), -1)
	if len(hrefs) != 4*13 {
		t.Fatalf("%d documents are linked", len(hrefs))
	}
	for _, h := range hrefs {
		d := b.get(html.UnescapeString(h[1]))
		inline := strings.HasPrefix(d.Header.Get("Content-Disposition"), "inline")
		if d.StatusCode != http.StatusOK || inline != strings.HasPrefix(d.body, "%PDF-") {
			t.Errorf("%s: %s %s", h[1], d.Status, d.Header.Get("Content-Disposition"))
		}
	}
}

// section2 is the HTML of a section by its id.
func (a answer) section2(id string) string {
	_, rest, _ := strings.Cut(a.body, `id="`+id+`"`)
	part, _, _ := strings.Cut(rest, "</section>")
	return part
}

// Who may see some contracts sees nothing of the others: no name, number, sum, or document.
func TestSomeContractsAlone(t *testing.T) {
	r := newRig(t, nil)
	r.browser("en").listed("/") // of who sees all
	r.sim.ForbidType("invoices", true)
	if err := r.sim.RemoveContract("OCB0003055"); err != nil {
		t.Fatal(err)
	}
	r.after(time.Hour)
	r.browser("en").listed("/")
	r.as("jean", "OCB0001871")
	b := r.browser("en")
	for _, at := range []string{"/", "/?month=2026", query("name", "OCB0001234"), "/archive?month=2026", "/?only=missing", "/?contract=OCB0001234"} {
		text := b.get(at).body
		for _, other := range []string{"OCB0001234 ", "OCB0002410", "OCB0003055", "Production", "Recette", "Sauvegarde"} {
			if strings.Contains(text, other) {
				t.Errorf("%s tells of %s", at, other)
			}
		}
	}
	a := b.listed("/")
	a.wants(t, "Contracts 1 Cloud Avenue Val de Rueil those that you may see")
	of := b.get("/document/OCB0001234/Bill_OCB0001234_202610.xlsx")
	none := b.get("/document/OCB0001235/Bill_OCB0001234_202610.xlsx") // which nobody has
	if of.StatusCode != http.StatusNotFound || strings.ReplaceAll(of.text(), "OCB0001234", "OCB0001235") != none.text() {
		t.Errorf("%s:\n%s\n%s", of.Status, of.text(), none.text())
	}
	if d := b.get("/document/OCB0001871/Bill_OCB0001871_202610.xlsx"); d.StatusCode != http.StatusOK {
		t.Error(d.Status)
	}
	w := httptest.NewRecorder()
	r.page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("nobody gets %d", w.Code)
	}
}

// Nor how many others there are, where the list of contracts is doubted; nor what the API
// was last asked for, where it is away.
func TestDoubtsTellNothingOfOthers(t *testing.T) {
	r := newRig(t, nil, func(s *settings.Settings) { s.API.Timeout = time.Second })
	r.as("jean", "OCB0001871")
	b := r.browser("en")
	b.listed("/")
	for _, id := range []string{"OCB0001234", "OCB0001871", "OCB0002410", "OCB0003055"} {
		if err := r.sim.RemoveContract(id); err != nil {
			t.Fatal(err)
		}
	}
	r.after(time.Hour)
	if err := r.account.Catalog.RefreshContracts(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"/", "/archive?month=2026"} {
		a := b.get(at)
		a.wants(t, "the API's answer is not believed")
		if strings.Contains(a.text(), "4 contracts") {
			t.Errorf("%s tells how many there are: %s", at, a.text())
		}
	}
	r.sim.GoAway(apisim.Outages()[0], apisim.Match{}, time.Hour)
	r.after(time.Hour)
	_, _ = r.account.Catalog.Listing(t.Context(), "OCB0001234")
	a := b.get("/")
	if strings.Contains(a.text(), "OCB0001234") || strings.Contains(a.text(), "OCB0002410") {
		t.Errorf("it tells of others: %s", a.text())
	}
	r.sim.ComeBack()
}

// What is old, refused, gone, or away is said on top, in the words of status.
func TestBanners(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	if a := b.listed("/"); strings.Contains(a.body, `class="banner`) {
		t.Error("a banner, and nothing is wrong")
	} else {
		a.wants(t, "Missing 0 every document that is due is there New")
	}
	r.sim.ForbidType("invoices", true)
	r.sim.ForbidContract("OCB0002410", true)
	if err := r.sim.RemoveContract("OCB0003055"); err != nil {
		t.Fatal(err)
	}
	b.refresh()
	a := b.listed("/")
	a.wants(t, "Not all is as it should be", "Left out invoices of OCB0001234: refused by the API", "Stale the listing of OCB0002410 is not shown",
		"Gone contract OCB0003055 (Cloud Avenue Sauvegarde) is not listed any more since", "All right? ⚠ Not quite", "not shown: ",
		"Missing ⚠ 0 as far as can be seen: something is refused, or may not be listed New")
	b2 := r.browser("fr")
	b2.listed("/").wants(t, "Tout n’est pas comme il faut", "Laissé de côté invoices of OCB0001234: refused by the API", "Disparu contract OCB0003055")
	r.sim.GoAway(apisim.Outages()[0], apisim.Match{}, time.Hour)
	r.after(30 * time.Minute)
	wait(t, func() bool { a = b.get("/"); return strings.Contains(a.text(), "OUT OF REACH") })
	a.wants(t, "What is shown may be old, or not all", "All right? ⚠ No", "API OUT OF REACH")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text(), "OCB0001871") {
		t.Error("what is known is not shown")
	}
	r.sim.ComeBack()
}

// What the API says itself that it left out is said, and an archive says so, too.
func TestSuspectListing(t *testing.T) {
	r := newRig(t, apisim.Synthetic(1, 1500, 10, ".pdf"))
	r.sim.Quirks.LimitTold, r.sim.Quirks.LimitCap = "206", 100
	b := r.browser("en")
	b.listed("/").wants(t, "Not all is as it should be", "Suspect the listing of OCB5000000:", "may be incomplete:", "All right? ⚠ Not quite", "as far as can be seen: something is refused, or may not be listed")
	b.get("/archive?contract=OCB5000000").wants(t, "Not all is in it OCB5000000: the listing may be incomplete:")
}

// Offline, what was saved is shown, and said to be that.
func TestOffline(t *testing.T) {
	r := newRig(t, nil, func(s *settings.Settings) { s.API.Offline = true })
	a := r.browser("en").get("/")
	a.wants(t, "Offline: the API is never asked", "All right? ⚠ Offline", "The contracts are not known:")
	if c := r.sim.Calls(); c.Token+c.Contracts > 0 {
		t.Errorf("%+v", c)
	}
}

// Where the API tells no amounts, somebody can have documents fetched to read them: those of
// the type and year that are shown, once, of contracts that they see, and by no GET.
func TestAmountsAreRead(t *testing.T) {
	r := newRig(t, nil)
	r.sim.Quirks.Amounts = false
	r.as("jean", "OCB0001234")
	b := r.browser("en")
	b.listed("/").wants(t, "10 documents in no sum, for no amount is known", "Read them: 10 documents are fetched, a call each")
	b.get("/read?type=bills&year=2026")
	if n := r.sim.Calls().File; n != 0 {
		t.Errorf("%d documents are fetched by a GET", n)
	}
	for range 2 {
		q, err := http.NewRequest(http.MethodPost, b.web.URL+"/read", strings.NewReader("type=bills&year=2026&back=year%3D2026"))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := b.do(q); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/?year=2026" {
			t.Errorf("%s %s", a.Status, a.Header.Get("Location"))
		}
		a := b.listed("/")
		a.wants(t, "Cost in 2026 34,476.80 EUR read from the documents")
		if strings.Contains(a.text(), "Read them") || strings.Contains(a.text(), "in no sum") {
			t.Error(a.text())
		}
	}
	if calls := r.sim.Calls(); calls.File != 10 {
		t.Errorf("%d documents are fetched: %v", calls.File, calls.Files)
	}
	r.as("claire")
	r.browser("fr").listed("/").wants(t, "Les lire : 30 documents sont téléchargés, un appel chacun")
}

// refresh asks for everything, and waits until it is there.
func (b *browser) refresh() {
	b.Helper()
	q, err := http.NewRequest(http.MethodPost, b.web.URL+"/refresh", strings.NewReader("back=year%3D2026%26x%3D%2F%2Fevil"))
	if err != nil {
		b.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.after(time.Minute)
	if a := b.do(q); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/?") {
		b.Fatalf("%s %s", a.Status, a.Header.Get("Location"))
	}
	b.listed("/")
}

// An account of nothing, of one contract, of two hundred, of ten years.
func TestSizesOfAccounts(t *testing.T) {
	r := newRig(t, &apisim.Account{})
	a := r.browser("en").listed("/")
	a.wants(t, "This account has no contracts, or the API key may see none.", "the list of contracts: the API lists no contracts for this account")
	r = newRig(t, apisim.Synthetic(1, 480, 100, ".pdf"))
	a = r.browser("en").listed("/")
	a.wants(t, "Contracts 1 Synthetic 1 480 documents", "2016 2017 2018", "November 2016 to October 2026")
	r = newRig(t, apisim.Synthetic(60, 8, 100, ".pdf"))
	b := r.browser("en")
	a = b.listed("/")
	a.wants(t, "Contracts 60", "… and 56 more", "Contracts 1 to 25 of 60", "480 documents")
	b.get("/?page=2").wants(t, "Contracts 51 to 60 of 60")
	if n := strings.Count(b.get("/?all=1").body, "<tbody id="); n != 60 {
		t.Errorf("%d contracts", n)
	}
}

// Amounts of two currencies stand in rows of their own, a credit goes below the line, and
// documents without a month or an amount are there, too.
func TestOddAmounts(t *testing.T) {
	doc := func(id, period, amount, currency string) apisim.Document {
		return apisim.Document{ID: id, Type: "bills", Filename: "b" + id + ".pdf", Period: period, Amount: amount, Currency: currency}
	}
	r := newRig(t, &apisim.Account{Contracts: []apisim.Contract{{ID: "C1", Name: "One", Documents: []apisim.Document{
		doc("1", "202601", "100.10", "EUR"), doc("2", "202602", "-50.05", "EUR"), doc("3", "202601", "7.001", "USD"), doc("4", "202602", "", ""), doc("5", "", "3", "EUR"),
	}}}})
	r.sim.Quirks.Dates = false
	b := r.browser("en")
	a := b.listed("/?year=2026")
	a.wants(t, "Cost in 2026 50.05 EUR 7.001 USD", "EUR told by the API 100.10 −50.05 – – – – – – – – – – 50.05", "USD told by the API 7.001 – – – – – – – – – – – 7.001",
		"1 document in no sum, for no amount is known", "1 document without a month, in the sum of no year")
	if n := strings.Count(a.body, "<svg viewBox"); n != 2 || strings.Count(a.body, `class="bar negative"`) != 1 {
		t.Errorf("%d charts", n)
	}
	if strings.Contains(a.text(), "57.051") || strings.Contains(a.text(), "107.101") {
		t.Error("currencies are added together")
	}
}

// Many browsers at once on an account that nobody has looked at cost no more than one.
func TestManyBrowsers(t *testing.T) {
	r := newRig(t, nil)
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			res, err := http.Get(r.web.URL + []string{"/", "/?month=2026", "/archive?month=2025"}[i%3])
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
		})
	}
	all.Wait()
	r.browser("en").listed("/")
	if c := r.sim.Calls(); c.Contracts != 1 || c.Documents != 4*7 {
		t.Errorf("%+v", c)
	}
}

// What the settings hide is said; to who may see some contracts only, nothing of it.
func TestHiddenContracts(t *testing.T) {
	r := newRig(t, nil, func(s *settings.Settings) { s.Listings.Contracts = []string{"OCB0001871", "OCB0002410"} })
	b := r.browser("en")
	b.listed("/").wants(t, "Contracts 2", "only OCB0001871, OCB0002410 are shown", "2 contracts are hidden")
	r.as("jean", "OCB0001871")
	if a := r.browser("en").listed("/"); strings.Contains(a.text(), "hidden") || strings.Contains(a.text(), "OCB0002410") {
		t.Error(a.text())
	}
}

// Searches as people type them.
func TestSearch(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	for _, c := range []struct {
		at   string
		want string
	}{
		{query("month", "2026-Q1"), "Documents found: 48"},
		{query("month", "last-month"), "Documents found: 16"},
		{query("month", "10/2026", "type", "invoices"), "Documents found: 4"},
		{query("name", "Invoice_*", "month", "2026-10"), "Documents found: 4"},
		{query("name", "sauvegarde", "month", "2026-10"), "Documents found: 4"},
		{query("name", "ocb0001234_202610"), "Documents found: 4"},
		{query("contract", "OCB0003055", "month", "2026"), "Documents found: 42"},
		{query("amount", "4 000,00", "type", "bills", "month", "2026-10"), "Documents found: 2"},
		{query("amount", "1000000"), "are not known; they are left in"},
		{query("month", "soon"), "This search cannot be understood “soon” is no month, quarter, year or day"},
		{query("amount", "much"), "“much” is no amount"},
		{query("name", "a[b"), "“a[b” is no pattern"},
		{query("name", "no such thing"), "No document is like that."},
	} {
		a := b.get(c.at)
		if !strings.Contains(strings.ReplaceAll(a.text(), "is not known; they", "are not known; they"), c.want) {
			t.Errorf("%s: no %q in %s", c.at, c.want, a.section2("results"))
		}
	}
}

// What came since the browser was here before is marked, also after a restart; a reload
// takes no mark away, and another browser knows nothing of it.
func TestWhatIsNew(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	r.after(24 * time.Hour)
	if a := b.listed("/"); !strings.Contains(a.text(), "New 0 since your visit of 20 Nov 2026, 09:30 UTC") {
		t.Errorf("nothing came: %s", a.section(t, `<section class="facts"`))
	}
	if err := r.sim.AddDocument("OCB0001871", apisim.Document{ID: "late", Type: "invoices", Filename: "Late.pdf", Period: "202610", CreatedAt: "2026-11-01T00:00:00Z", Content: apisim.Bytes([]byte("%PDF-1"))}); err != nil {
		t.Fatal(err)
	}
	b.refresh()
	for range 2 {
		a := b.listed("/")
		a.wants(t, "New ★ 1 since your visit of 20 Nov 2026, 09:30 UTC Show them")
		b.get("/?new=1").wants(t, "Documents found: 1", "Late.pdf ★")
	}
	b.get("/archive?new=1").wants(t, "This archive will hold 1 document.")
	shown := regexp.MustCompile(`/\?new=\d+`).FindString(b.get("/").body)
	r.after(24 * time.Hour)
	b.listed("/").wants(t, "New 0 since your visit of 21 Nov 2026")
	b.get(shown).wants(t, "Documents found: 1 New since 20 Nov 2026, 09:30 UTC", "Late.pdf") // what was shown yesterday
	b.get("/archive"+strings.TrimPrefix(shown, "/")).wants(t, "This archive will hold 1 document.")
	r.browser("en").listed("/").wants(t, "first visit from this browser")
}

// The language is that of the browser, or that which was chosen, from then on.
func TestLanguages(t *testing.T) {
	r := newRig(t, nil)
	for accept, want := range map[string]string{"": "en", "fr": "fr", "fr-FR,fr;q=0.9,en;q=0.8": "fr", "en,fr": "en", "de": "en", "fr;q=0,en;q=0.1": "en", "*;q=x,,;": "en"} {
		if a := r.browser(accept).get("/drive"); a.Header.Get("Content-Language") != want {
			t.Errorf("%q: %s", accept, a.Header.Get("Content-Language"))
		}
	}
	b := r.browser("en")
	b.get("/?lang=fr&year=2025")
	b.get("/drive").wants(t, "Les documents comme lecteur", "https://bills.example:8443/dav/", "FileSizeLimitInBytes", "50 Mo")
	b.get("/drive?lang=en").wants(t, "The documents as a drive", "BasicAuthLevel", "⌘K", "davs://")
}

// Every page forbids the browser all that it does not need; what is static never changes.
func TestHeaders(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser("en")
	a := b.listed("/")
	csp := a.Header.Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`nonce-([\w-]+)'`).FindStringSubmatch(csp)
	if nonce == nil || strings.Contains(csp, "unsafe") || strings.Contains(csp, "self'; s") {
		t.Fatal(csp)
	}
	for _, want := range []string{"default-src 'none'", "img-src data:", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("no %s in %s", want, csp)
		}
	}
	if strings.Contains(a.body, " style=") || strings.Contains(a.body, " onclick=") || strings.Count(a.body, "<script") != 1 || strings.Contains(a.body, "⟦") || strings.Contains(a.body, "%!") {
		t.Error("styles or scripts in the page, or words that there are none of")
	}
	if again := b.get("/").Header.Get("Content-Security-Policy"); again == csp {
		t.Error("one nonce for two pages")
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="(/static/[^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		s := b.get(m[1])
		if s.StatusCode != http.StatusOK || !strings.Contains(s.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s", m[1], s.Status)
		}
	}
	for at, want := range map[string]int{"/nowhere": 404, "/static/x.css": 404, "/document/": 404, "/document/OCB0001234": 404, "/archive.zip?month=soon": 400} {
		if a := b.get(at); a.StatusCode != want || a.Header.Get("Content-Type") != "text/html; charset=utf-8" || strings.Contains(a.body, "⟦") {
			t.Errorf("%s: %s", at, a.Status)
		}
	}
	q, _ := http.NewRequest(http.MethodPost, r.web.URL+"/", nil)
	if a := b.do(q); a.StatusCode != http.StatusMethodNotAllowed {
		t.Error(a.Status)
	}
	q, _ = http.NewRequest(http.MethodGet, r.web.URL+"/refresh", nil)
	if a := b.do(q); a.StatusCode != http.StatusNotFound {
		t.Errorf("a GET refreshes: %s", a.Status)
	}
}
