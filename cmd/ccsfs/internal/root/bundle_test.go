package root

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// unpacked are the files of a bundle.
func unpacked(t *testing.T, r *toolRig, bundle string) map[string]string {
	t.Helper()
	data := []byte(r.file(bundle))
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	return files
}

// doctored runs doctor with these arguments, whatever FUSE is like here, and returns what
// it printed.
func doctored(t *testing.T, r *toolRig, code int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	env := r.env
	env.Stdout, env.Stderr = &out, &out
	got := run(t.Context(), env, append([]string{"doctor"}, args...))
	if got != code && (code != exitcode.Done || got != exitcode.Mount) {
		t.Fatalf("%v: exit code %d, want %d\n%s", args, got, code, &out)
	}
	return out.String()
}

// private is what must be in no bundle: everything that the account holds.
func private(a *apisim.Account) []string {
	var all []string
	for _, c := range a.Contracts {
		all = append(all, c.ID, c.Name, c.CustomerID, c.CustomerName, c.Email, c.LastName+"\n", c.PlatformID)
		for i, d := range c.Documents {
			if i < 5 || i >= len(c.Documents)-5 { // the end of a log has no room for all
				all = append(all, d.ID, d.Filename, d.Amount)
			}
		}
	}
	kept := all[:0]
	for _, s := range all {
		if s = strings.TrimSpace(s); len(s) > 3 {
			kept = append(kept, s)
		}
	}
	return kept
}

// tokens notes the tokens that a simulated API gives out.
type tokens struct {
	http.Handler

	mu   sync.Mutex
	seen []string
}

func (k *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		k.mu.Lock()
		k.seen = append(k.seen, token)
		k.mu.Unlock()
	}
	k.Handler.ServeHTTP(w, r)
}

// Nothing of what the account holds is in a bundle, nor a secret or a token, wherever it
// occurs: in names that the API gives, in its errors, in the log.
func TestBundleTellsNothingOfTheAccount(t *testing.T) {
	account := apisim.DefaultAccount()
	account.Contracts[0].Documents = append(account.Contracts[0].Documents,
		apisim.Document{ID: "9f8e7d6c", Type: "reports", Period: "202610", Filename: "Facture Maison Lumière octobre", Amount: "98765.43", Currency: "EUR"},
		apisim.Document{ID: "id with spaces \"and\" quotes", Type: "reports", Period: "202609", Filename: "a\nline; \x1b[31mred " + strings.Repeat("long", 50) + ".pdf", Amount: "7654321"})
	for _, quirks := range []apisim.Quirks{
		{Dates: true, Amounts: true, DocumentType: true},
		{Amounts: true, AmountText: true, Wrap: "data", ErrorShape: "nested", RefusedTypes: []string{"bills"}, ETag: true, LastModified: true},
	} {
		r := newToolRig(t, account)
		r.sim.Quirks = quirks
		k := &tokens{Handler: r.sim}
		web := httptest.NewServer(k)
		t.Cleanup(web.Close)
		t.Cleanup(web.CloseClientConnections)
		r.env.Vars["CCSFS_API_URL"], r.env.Vars["CCSFS_OAUTH_URL"] = web.URL+apisim.APIPath, web.URL+apisim.OAuthPath
		r.env.Vars["CCSFS_CONTRACT"] = "OCB0001234"
		r.env.Vars["HTTPS_PROXY"] = "http://proxyuser:proxypassword@proxy.example:3128"
		// The API echoes in an error what it was asked, and more.
		echo, err := json.Marshal(strings.Join(append(private(account)[:30], apisim.APIKey, apisim.ClientSecret, "9f8e7d6c"), " "))
		if err != nil {
			t.Fatal(err)
		}
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Type: "comsumptionRatedReports"}, 0,
			apisim.Fault{Status: 400, Body: `{"code":28,"message":"bad","description":` + string(echo) + `}`})
		log := filepath.Join(r.env.Dirs.State, "ccsfs", "ccsfs.log")
		if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		secrets := append([]string{apisim.APIKey, apisim.ClientSecret, apisim.ClientID, "SIMULATED-0123456789abcdef0123456789abcdef01234567", "proxypassword"}, private(account)...)
		for _, s := range secrets {
			fmt.Fprintf(&b, "time=2026-11-20T08:00:00.000Z level=WARN msg=\"cannot read\" path=%q error=%q op=file status=500 duration_seconds=0.25\n", "/home/u/bills/"+s, "open "+s+": server error")
			fmt.Fprintf(&b, "time=2026-11-20T08:00:00.000Z level=INFO msg=%q document=%q contract=%q request_id=%q\n", "about "+s, s, s, s)
			line, _ := json.Marshal(map[string]any{"level": "ERROR", "msg": "lost " + s, "error": "Authorization: Bearer " + s, "amount": s, "name": s})
			fmt.Fprintf(&b, "%s\npanic: runtime error about %s\n\t/home/u/%s/x.go:12\n%s\n", line, s, s, s)
			fmt.Fprintf(&b, "fusermount3: %s: https://api.example/documents/%s/file?signature=%s\n", s, s, s)
		}
		if err := os.WriteFile(log, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		doctored(t, r, exitcode.Failed, "--bundle=b.zip", "--log-level=debug")
		k.mu.Lock()
		unwanted := append(append(cmdtest.Secrets(), secrets...), k.seen...)
		k.mu.Unlock()
		if len(k.seen) == 0 {
			t.Error("no token was seen")
		}
		for name, content := range unpacked(t, r, "b.zip") {
			for _, s := range unwanted {
				if strings.Contains(content, s) {
					i := strings.Index(content, s)
					t.Errorf("%s holds %q: …%s…", name, s, content[max(i-60, 0):min(i+len(s)+60, len(content))])
				}
			}
		}
		files := unpacked(t, r, "b.zip")
		for name, want := range map[string]string{
			"log.txt": `level="WARN" msg="cannot read" path="…" error=`, "doctor.json": `"name": "listing"`, "settings.json": `"value": "***"`,
			"versions.json": `"kernel": "`, "observations.json": `"ccsfs-observations"`, "mounts.json": "[]", "README.txt": "simulate --like",
		} {
			if !strings.Contains(files[name], want) {
				t.Errorf("%s lacks %q:\n%s", name, want, files[name])
			}
		}
		for _, want := range []string{`duration_seconds="0.25"`, `status="500"`, "panic: runtime error"} {
			if !strings.Contains(files["log.txt"], want) {
				t.Errorf("the log lacks %q", want)
			}
		}
		if _, err := os.Stat(filepath.Join(r.env.Dirs.Work, "b.zip")); err != nil {
			t.Error(err)
		}
		// With names, secrets stay out all the same.
		doctored(t, r, exitcode.Failed, "--bundle=b.zip", "--with-names", "--force")
		all := ""
		for _, content := range unpacked(t, r, "b.zip") {
			all += content
		}
		for _, s := range append(append(cmdtest.Secrets(), secrets[:5]...), k.seen...) {
			if strings.Contains(all, s) {
				t.Errorf("with names, it holds a secret: %.8s…", s)
			}
		}
		for _, want := range []string{"OCB0001234", "Facture Maison Lumière octobre", "RatedConsumption_OCB0003055_202610.csv", "98765.43"} {
			if !strings.Contains(all, want) {
				t.Errorf("names were wanted, and %q is not in it", want)
			}
		}
	}
}

// What is known of names from before counts, too, where the API cannot be asked.
func TestBundleKnowsWhatWasSaved(t *testing.T) {
	account := onePartial()
	account.Contracts[0].ID = "C-of-ours"
	account.Contracts[0].Documents[0].Filename = "Our secret plan"
	r := newToolRig(t, account)
	r.run(exitcode.Done, "ls", "C-of-ours")
	log := filepath.Join(r.env.Dirs.State, "ccsfs", "ccsfs.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, []byte("lost: Our secret plan of C-of-ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.sim.WithdrawCredentials()
	doctored(t, r, exitcode.Settings, "--bundle=b.zip")
	if got := unpacked(t, r, "b.zip")["log.txt"]; got != "lost: [name] of [name]\n" {
		t.Errorf("%q", got)
	}
}
