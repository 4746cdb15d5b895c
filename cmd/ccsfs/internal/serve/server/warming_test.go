package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
)

// eventually waits for something that takes milliseconds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(cmdtest.Patience); !f(); {
		if time.Now().After(end) {
			t.Fatal("in vain: " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// years is an account of contracts that have an invoice for each of the 40 months up to now.
func years(contracts int) (a *apisim.Account, young map[string]bool) {
	a, young = &apisim.Account{}, map[string]bool{}
	now := time.Now()
	for i := range contracts {
		c := apisim.Contract{ID: string(rune('A' + i)), Name: "Contract"}
		for m := range 40 {
			of := time.Date(now.Year(), now.Month()-time.Month(m), 1, 0, 0, 0, 0, time.UTC)
			id := c.ID + of.Format("200601")
			young[id] = of.Year() >= now.Year()-1
			c.Documents = append(c.Documents, apisim.Document{
				ID: id, Type: "invoices", Period: of.Format("200601"), Filename: id + ".pdf", Content: apisim.Bytes([]byte("%PDF-1.4\n" + id + "\n%%EOF\n")),
			})
		}
		a.Contracts = append(a.Contracts, c)
	}
	return a, young
}

// propfind lists a directory of the drive, with the sizes.
func (r *rig) propfind(path, user string) string {
	r.Helper()
	status, body := get(r.T, nil, r.place.address+"dav/"+path, func(req *http.Request) {
		req.Method = "PROPFIND"
		req.Header.Set("Depth", "1")
		req.SetBasicAuth(user, "a good password")
	})
	if status != http.StatusMultiStatus {
		r.Fatalf("%s: %d %s", path, status, body)
	}
	return body
}

func password(t *testing.T) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(at, []byte("a good password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// asked are the documents that were asked for, each once, or the test fails.
func (r *rig) asked() map[string]int {
	r.Helper()
	files := r.sim.Calls().Files
	for id, n := range files {
		if n != 1 {
			r.Fatalf("%s was asked for %d times", id, n)
		}
	}
	return files
}

// Whoever looks at a contract whose documents lie in directories of their own finds them
// known, and none is asked for twice, also by who does not wait for that; those of this year
// and the last alone.
func TestDocumentsAreWarmedBehind(t *testing.T) {
	account, young := years(2)
	r := serve(t, map[string]string{"password-file": password(t), "layout": "period", "rate-limit": "0"}, func(s *apisim.Server) { s.Account = account })
	want := 0
	for id, is := range young {
		if is && id[0] == 'A' {
			want++
		}
	}
	r.propfind("A/", "ccsfs")
	newest := account.Contracts[0].Documents[0]
	r.propfind("A/"+newest.Period[:4]+"/"+newest.Period[4:]+"/", "ccsfs") // while they come
	eventually(t, "all are asked for", func() bool { return len(r.asked()) == want })
	eventually(t, "nothing is under way", func() bool { return r.Account.Content.Stats().Running == 0 })
	before := r.sim.Calls().Documents
	r.propfind("A/", "ccsfs")
	for _, d := range account.Contracts[0].Documents {
		if young[d.ID] && !strings.Contains(r.propfind("A/"+d.Period[:4]+"/"+d.Period[4:]+"/", "ccsfs"), "getcontentlength") {
			t.Errorf("no size of %s", d.ID)
		}
	}
	for id := range r.asked() {
		if !young[id] || id[0] != 'A' {
			t.Errorf("%s was asked for", id)
		}
	}
	if n := len(r.asked()); n != want || r.sim.Calls().Documents != before {
		t.Errorf("%d documents of %d, %d lists of %d", n, want, r.sim.Calls().Documents, before)
	}
}

// Whoever looks at the list of contracts has those warmed that are known, and of them those
// that they may see; nothing is listed for it.
func TestKnownContractsAreWarmedBehind(t *testing.T) {
	account, young := years(3)
	users := filepath.Join(t.TempDir(), "users")
	hash, err := bcrypt.GenerateFromPassword([]byte("a good password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(users, []byte("bob:"+string(hash)+":B,C\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := serve(t, map[string]string{"password-file": password(t), "users-file": users, "layout": "period", "rate-limit": "0"}, func(s *apisim.Server) { s.Account = account })
	for _, id := range []string{"A", "B"} {
		if _, err := r.Account.Catalog.Listing(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	lists := r.sim.Calls().Documents
	r.propfind("", "bob")
	count := func(contract byte) (n int) {
		for id, is := range young {
			if is && id[0] == contract {
				n++
			}
		}
		return n
	}
	eventually(t, "B is warmed", func() bool { return len(r.asked()) == count('B') })
	for id := range r.asked() {
		if id[0] != 'B' {
			t.Errorf("bob had %s fetched", id)
		}
	}
	r.propfind("", "ccsfs")
	eventually(t, "A is warmed", func() bool { return len(r.asked()) == count('A')+count('B') })
	if r.sim.Calls().Documents != lists {
		t.Error("something was listed for it")
	}
}

// A look at the list of contracts, which some clients take again and again, has no listing of
// theirs renewed that is due.
func TestALookAtTheListRenewsNoListing(t *testing.T) {
	account, _ := years(2)
	r := serve(t, map[string]string{"password-file": password(t), "layout": "period", "rate-limit": "0", "listing-ttl": "1s"}, func(s *apisim.Server) { s.Account = account })
	for _, id := range []string{"A", "B"} {
		if _, err := r.Account.Catalog.Listing(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	lists := r.sim.Calls().Documents
	eventually(t, "they are due", func() bool { return time.Since(r.Account.Catalog.Peek("B").FetchedAt) > time.Second })
	r.propfind("", "ccsfs")
	eventually(t, "what is known is warmed", func() bool { return len(r.asked()) > 0 && r.Account.Content.Stats().Running == 0 })
	if n := r.sim.Calls().Documents - lists; n != 0 {
		t.Errorf("%d calls for listings", n)
	}
}

// Where nothing is kept of what was met, nothing is fetched that nobody asked for; and where
// the API fails, it is not asked for all of it.
func TestNothingIsWarmedInVain(t *testing.T) {
	account, _ := years(1)
	for name, flags := range map[string]map[string]string{"no prefetching": {"prefetch-limit": "0"}, "no cache": {"cache-size": "0"}, "it fails": {}} {
		flags["password-file"], flags["layout"], flags["rate-limit"] = password(t), "period", "0"
		r := serve(t, flags, func(s *apisim.Server) { s.Account = account })
		if name == "it fails" {
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Status: 404, Code: 60})
		}
		r.propfind("A/", "ccsfs")
		switch name {
		case "it fails":
			eventually(t, "some are tried", func() bool { return r.sim.Calls().File >= 3 })
			eventually(t, "it is given up", func() bool { return r.Account.Content.Stats().Running == 0 })
			if n := len(r.sim.Calls().Files); n > 3+r.settings.API.Connections {
				t.Errorf("%d documents were asked for", n)
			}
		default:
			r.propfind("A/", "ccsfs")
			if d := r.Account.Folder.NewWarming(1, nil); d != nil || r.sim.Calls().File > 0 {
				t.Errorf("%s: %d calls", name, r.sim.Calls().File)
			}
		}
	}
}
