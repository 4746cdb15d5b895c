package page

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
)

// A real browser looks at the page, clicks, and a checker of accessibility has nothing to
// say. It needs chromium; axe-core where CCSFS_AXE names its axe.min.js. With
// CCSFS_SCREENSHOTS, a directory, pictures are left there.

// chromium starts a browser, whose complaints are the test's.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if at, err := exec.LookPath(name); err == nil {
			path = at
			break
		}
	}
	if path == "" {
		t.Skip("no chromium here")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // that it ends is what matters
	ctx, cancel = context.WithTimeout(ctx, 4*cmdtest.Patience)
	t.Cleanup(cancel)
	err := chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == "error" && !strings.Contains(e.Entry.Text, "responded with a status of") {
				t.Errorf("the browser complains: %s %s", e.Entry.Text, e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			t.Errorf("a script fails: %s", e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func valueOf[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// look makes the browser one of a width, language and scheme of colours.
func look(t *testing.T, ctx context.Context, width int64, lang, scheme string) {
	t.Helper()
	do(t, ctx, chromedp.EmulateViewport(width, 860))
	_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}})
	if err == nil {
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shoot leaves a picture, of the first screen and of all.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("CCSFS_SCREENSHOTS")
	if dir == "" {
		return
	}
	first, all := valueOf(t, ctx, chromedp.CaptureScreenshot()), valueOf(t, ctx, chromedp.FullScreenshot(100))
	for suffix, b := range map[string][]byte{"": first, "-all": all} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix+".png"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// accessible runs axe-core on the page as it is.
func accessible(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	path := os.Getenv("CCSFS_AXE")
	if path == "" {
		return
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	valueOf(t, ctx, chromedp.Evaluate[int](string(axe)+"; 0"))
	found := valueOf(t, ctx, chromedp.Evaluate[string](
		`axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 160) + " " + n.failureSummary).join(" | "))))`,
		chromedp.EvalAwaitPromise))
	var all []string
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		t.Errorf("%s: %s", name, one)
	}
}

// overflows fails where a page is wider than its window, or two texts of a table run together.
func overflows(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if wide := valueOf(t, ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`)); wide > 0 {
		t.Errorf("%s: %d px wider than the window", name, wide)
	}
	if cells := valueOf(t, ctx, chromedp.Evaluate[string](`Array.from(document.querySelectorAll("td, th, .fact")).filter(e => e.scrollWidth > e.clientWidth + 1)
		.slice(0, 5).map(e => e.textContent.trim() + ": " + e.scrollWidth + " px in " + e.clientWidth).join("; ")`)); cells != "" {
		t.Errorf("%s: what does not fit into its cell: %s", name, cells)
	}
}

// latest fails where the latest month is not in view, in a table that is wider than its
// window, or its row has no name beside it, or a month is cut by that.
func latest(t *testing.T, ctx context.Context, name, month string) {
	t.Helper()
	if what := valueOf(t, ctx, chromedp.Evaluate[string](`Array.from(document.querySelectorAll(".scroll")).map(box => {
		const of = box.getBoundingClientRect(), cell = box.querySelector("tbody tr:not(.bars)").cells;
		const head = Array.from(box.querySelectorAll("thead th")).find(e => e.textContent.startsWith("`+month+`")).getBoundingClientRect();
		const side = Array.from(cell).filter(e => e.tagName === "TH").pop().getBoundingClientRect();
		const whole = Array.from(cell).every(e => e.tagName === "TH" || e.getBoundingClientRect().right <= side.right + 1 || e.getBoundingClientRect().left >= side.right - 1);
		return whole && head.right <= of.right + 1 && head.left >= side.right - 1 && side.left >= of.left - 1 ? "" : [of.left, side.left, side.right, head.left, head.right, of.right].join(" ");
	}).join("")`)); what != "" {
		t.Errorf("%s: %s is not in view: %s", name, month, what)
	}
}

func TestInABrowser(t *testing.T) {
	account := apisim.DefaultAccount()
	account.Contracts[1].Documents = without(account.Contracts[1].Documents, "Invoice_OCB0001871_202607.pdf")
	r := newRig(t, account)
	r.browser("en").listed("/")
	ctx := chromium(t)
	for _, width := range []int64{1280, 390} {
		for _, lang := range []string{"en", "fr"} {
			for _, scheme := range []string{"light", "dark"} {
				name := fmt.Sprintf("overview-%d-%s-%s", width, lang, scheme)
				look(t, ctx, width, lang, scheme)
				do(t, ctx, chromedp.Navigate(r.web.URL+"/"))
				accessible(t, ctx, name)
				overflows(t, ctx, name)
				shoot(t, ctx, name)
			}
		}
	}
	for _, width := range []int64{1000, 768, 390} {
		name := fmt.Sprintf("overview-%d", width)
		look(t, ctx, width, "en", "light")
		do(t, ctx, chromedp.Navigate(r.web.URL+"/"))
		overflows(t, ctx, name)
		latest(t, ctx, name, "Oct")
		if under := valueOf(t, ctx, chromedp.Evaluate[string](`(() => {
			const a = document.querySelector(".matrix td.have a"), side = a.closest("tr").querySelector("th[scope=row]");
			a.focus();
			return a.getBoundingClientRect().left >= side.getBoundingClientRect().right - 1 ? "" : a.getBoundingClientRect().left + " is left of " + side.getBoundingClientRect().right;
		})()`)); under != "" {
			t.Errorf("%s: what has the focus is behind the columns that stay: %s", name, under)
		}
		shoot(t, ctx, name)
	}
	for name, at := range map[string]string{
		"search": "/?name=invoice&month=2026-Q3", "drive": "/drive", "archive": "/archive?month=2026", "error": "/nowhere", "wrong": "/?month=soon", "lacking": "/?only=missing",
	} {
		for _, scheme := range []string{"light", "dark"} {
			look(t, ctx, 1280, "en", scheme)
			do(t, ctx, chromedp.Navigate(r.web.URL+at))
			accessible(t, ctx, name+scheme)
			overflows(t, ctx, name)
			if scheme == "light" {
				shoot(t, ctx, name)
				look(t, ctx, 390, "fr", scheme)
				do(t, ctx, chromedp.Navigate(r.web.URL+at))
				accessible(t, ctx, name+" narrow")
				overflows(t, ctx, name+" narrow")
				shoot(t, ctx, name+"-390")
			}
		}
	}
}

// Accounts that are empty, large, troubled or hostile look right, too, and so does paper.
func TestOddAccountsInABrowser(t *testing.T) {
	ctx := chromium(t)
	show := func(name, at string, r *rig) {
		t.Helper()
		for _, width := range []int64{1280, 390} {
			look(t, ctx, width, "en", "light")
			do(t, ctx, chromedp.Navigate(r.web.URL+at))
			accessible(t, ctx, name)
			overflows(t, ctx, name)
			shoot(t, ctx, fmt.Sprintf("%s-%d", name, width))
		}
	}
	r := newRig(t, &apisim.Account{})
	r.browser("en").listed("/")
	show("empty", "/", r)
	r = newRig(t, many(200, 120))
	r.browser("en").listed("/")
	show("large", "/", r)
	rich := apisim.DefaultAccount()
	for i := range rich.Contracts {
		for j := range rich.Contracts[i].Documents {
			rich.Contracts[i].Documents[j].Amount = "12345678.90"
		}
	}
	r = newRig(t, rich)
	r.browser("en").listed("/")
	show("rich", "/", r)
	r = newRig(t, hostile())
	r.browser("en").listed("/")
	show("hostile", "/?month=2026", r)
	r = newRig(t, nil)
	b := r.browser("en")
	b.listed("/")
	r.sim.ForbidType("invoices", true)
	r.sim.ForbidContract("OCB0002410", true)
	if err := r.sim.RemoveContract("OCB0003055"); err != nil {
		t.Fatal(err)
	}
	b.refresh()
	b.listed("/")
	show("troubled", "/", r)
	if hidden := valueOf(t, ctx, chromedp.Evaluate[string](`Array.from(document.querySelectorAll(".matrix .text bdi")).filter(e => {
		const of = e.closest(".scroll").getBoundingClientRect(), at = e.getBoundingClientRect(), side = Array.from(e.closest("tr").cells).filter(e => e.tagName === "TH").pop().getBoundingClientRect();
		return at.left < side.right - 1 || at.right > of.right + 1;
	}).map(e => e.textContent).join("; ")`)); hidden != "" {
		t.Errorf("what is said of a row is not in view: %s", hidden)
	}
	show("archive-left", "/archive?month=2026-09", r)
	if dir := os.Getenv("CCSFS_SCREENSHOTS"); dir != "" {
		do(t, ctx, chromedp.Navigate(r.web.URL+"/"))
		pdf := valueOf(t, ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
		if err := os.WriteFile(filepath.Join(dir, "paper.pdf"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What somebody does: search, open a document, choose some, have them as a ZIP, also without
// scripts; move by arrow keys, change the language, come again.
func TestClicks(t *testing.T) {
	r := newRig(t, nil)
	r.browser("en").listed("/")
	ctx := chromium(t)
	look(t, ctx, 1280, "en", "light")
	css := func(s string) chromedp.CSS { return chromedp.CSS(s) }
	for _, scripts := range []bool{false, true} {
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}); err != nil {
			t.Fatal(err)
		}
		do(t, ctx, chromedp.Navigate(r.web.URL+"/"), chromedp.SendKeys(css(`input[name=name]`), "Invoice_"), chromedp.SendKeys(css(`input[name=month]`), "2026-Q1\r"),
			chromedp.WaitVisible(css(`#results table`)))
		if text := valueOf(t, ctx, chromedp.Text(css(`#results-title`))); text != "Documents found: 12" {
			t.Errorf("the search finds %q", text)
		}
		do(t, ctx, chromedp.Click(css(`#results tbody tr:nth-child(1) input`)), chromedp.Click(css(`#results tbody tr:nth-child(3) input`)), chromedp.Click(css(`#results button`)),
			chromedp.WaitVisible(css(`form[action="/archive.zip"]`)))
		if text := valueOf(t, ctx, chromedp.Text(css(`main`))); !strings.Contains(text, "Download 2 documents") {
			t.Errorf("the archive says %q", text)
		}
	}
	do(t, ctx, chromedp.Navigate(r.web.URL+"/"), chromedp.SendKeys(css(`.matrix tbody tr td[data-m="3"] a`), kb.ArrowRight+kb.ArrowDown))
	if focus := valueOf(t, ctx, chromedp.Evaluate[string](`document.activeElement.getAttribute("aria-label")`)); focus != "1 document, Invoices, April 2026, OCB0001234" {
		t.Errorf("the arrow keys lead to %q", focus)
	}
	do(t, ctx, chromedp.Click(css(`.langs a[hreflang=fr]`)), chromedp.WaitVisible(css(`html[lang=fr] .facts`)), chromedp.Navigate(r.web.URL+"/drive"))
	if text := valueOf(t, ctx, chromedp.Text(css(`h1`))); text != "Les documents comme lecteur de votre ordinateur" {
		t.Errorf("the language is forgotten: %q", text)
	}
	do(t, ctx, chromedp.Navigate(r.web.URL+"/document/OCB0001234/Invoice_OCB0001234_202610.pdf"))
	if is := valueOf(t, ctx, chromedp.Evaluate[string](`document.contentType`)); is != "application/pdf" {
		t.Errorf("the invoice opens as %s", is)
	}
	shoot(t, ctx, "pdf")
	do(t, ctx, chromedp.Navigate(r.web.URL+"/?year=2025"), chromedp.Click(css(`form[action="/refresh"] button`)), chromedp.WaitVisible(css(`.facts`)))
	if at := valueOf(t, ctx, chromedp.Location()); at != r.web.URL+"/?year=2025" {
		t.Errorf("a refresh leads to %s", at)
	}
}

func without(docs []apisim.Document, name string) (rest []apisim.Document) {
	for _, d := range docs {
		if d.Filename != name {
			rest = append(rest, d)
		}
	}
	return rest
}
