//go:build linux

package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// TestTokens: whatever becomes of tokens under way, every byte arrives, and
// hardly more are asked for than were needed.
func TestTokens(t *testing.T) {
	begin(t)
	account := small()
	for name, spoil := range map[string]func(*apisim.Server){
		"revoked": (*apisim.Server).RevokeTokens, "expired": (*apisim.Server).ExpireTokens,
	} {
		surviveOnEach(t, "tokens "+name+" under way", func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account})
			a := r.agent()
			for i, f := range expected(t, r.sim, nil) {
				if i == 3 || i == 9 {
					spoil(r.sim)
				}
				a.gets(r.path(f.path), f.data)
			}
			if n := r.sim.Calls().Token; n != 3 {
				t.Errorf("%d token calls, want 3", n)
			}
		})
	}
	surviveOnEach(t, "tokens live for a moment, and say an hour", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, quirks: apisim.Quirks{TokenLifetime: 200 * time.Millisecond, TokenAnnounced: time.Hour}})
		r.allRight(nil)
	})
	surviveOnEach(t, "tokens that say a moment", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, quirks: apisim.Quirks{TokenLifetime: time.Hour, TokenAnnounced: time.Second}})
		r.allRight(nil)
		if n := r.sim.Calls().Token; n > 12 {
			t.Errorf("%d token calls", n)
		}
	})
	surviveOnEach(t, "the token endpoint is down", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, client: quickly(time.Second)})
		files, a := expected(t, r.sim, nil), r.agent()
		a.gets(r.path(files[0].path), files[0].data)
		r.sim.RevokeTokens()
		stop := r.sim.Faults.Add(apisim.Match{Op: apisim.OpToken}, 0, apisim.Fault{Status: 503, Code: 5})
		a.fails(r.path(files[1].path), "EIO", "EHOSTUNREACH")
		a.gets(r.path(files[0].path), files[0].data)
		stop()
		eventually(t, "it is back", func() bool { return a.readAll(r.path(files[1].path)).Errno == "" })
		r.allRight(nil)
	})
	for name, body := range map[string]string{
		"no JSON": apisim.HTMLPage, "no token": `{"token_type":"Bearer"}`, "an empty token": `{"access_token":"","expires_in":3600}`,
		"null": `null`, "another type": `{"access_token":"x","token_type":"mac","expires_in":3600}`, "a list": `[1]`,
		"a token with a line break": "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
		"negative life":             `{"access_token":"x","token_type":"Bearer","expires_in":-5}`,
		"endless life":              `{"access_token":"x","token_type":"Bearer","expires_in":1e300}`,
	} {
		each := surviveOnEach
		if name != "no JSON" && name != "a list" { // what a token is, is judged for all faces
			each = onMounts
		}
		each(t, "the token endpoint answers with "+name, func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account})
			stop := r.sim.Faults.Add(apisim.Match{Op: apisim.OpToken}, 0, apisim.Fault{Body: body, ContentType: "application/json"})
			a := r.agent()
			a.failsToList(r.dir, "EIO", "EACCES")
			a.failsToList(r.dir, "EIO", "EACCES")
			most := 3
			if name == "no JSON" { // a page may be there for a moment: it has four tries, once
				most = 4
			}
			if n := r.sim.Calls().Token; n > most {
				t.Errorf("%d token calls", n)
			}
			stop()
			if strings.HasSuffix(name, "life") { // a token, but one that the API refuses: the next process remembers that
				r.clock.advance(time.Hour)
			}
			r.remount()
			r.allRight(nil)
		})
	}
}

// TestCredentialsWithdrawn: said once, never hammered, nothing shown, whatever
// insists.
func TestCredentialsWithdrawn(t *testing.T) {
	begin(t)
	account := small()
	for name, seenBefore := range map[string]bool{"credentials withdrawn": true, "credentials wrong from the start": false} {
		surviveOnEach(t, name, func(t *testing.T, on face) {
			log := &logBook{}
			r := newRig(t, options{face: on, account: account, logger: log.logger()})
			files, a := expected(t, r.sim, nil), r.agent()
			if seenBefore {
				r.allRight(nil)
			}
			r.sim.WithdrawCredentials()
			r.sim.ResetCalls()
			r.clock.advance(time.Hour)
			insist := func() {
				var waiting []<-chan answer
				for _, f := range files {
					waiting = append(waiting, a.ask(question{Op: "read", Path: r.path(f.path), Len: -1}), a.ask(question{Op: "list", Path: r.dir}),
						a.ask(question{Op: "list", Path: r.path(f.contract)}))
				}
				for _, c := range waiting {
					<-c
				}
			}
			insist()
			for range 40 { // seconds pass for catalog and cache, an hour in all
				r.clock.advance(90 * time.Second)
				insist()
			}
			for _, f := range files {
				a.fails(r.path(f.path), "EACCES")
			}
			a.failsToList(r.path(files[0].contract), "EACCES")
			c := r.sim.Calls()
			// The client's own minute has hardly begun.
			if c.Token > 2 || c.Contracts+c.Documents+c.Contract+c.File > 30 {
				t.Errorf("hammered: %+v", c)
			}
			if n := strings.Count(log.text(), `level=ERROR msg="no access token"`); n != 1 {
				t.Errorf("said %d times", n)
			}
			r.sim.SetCredentials(apisim.ClientID, apisim.ClientSecret, apisim.APIKey)
			r.remount()
			r.clock.advance(time.Hour)
			r.allRight(nil)
		})
	}
	surviveOnEach(t, "the API key is refused", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		r.sim.SetCredentials(apisim.ClientID, apisim.ClientSecret, "another")
		a := r.agent()
		for range 20 {
			r.clock.advance(90 * time.Second)
			a.failsToList(r.dir, "EACCES")
			a.fails(r.path("OCB0000001/bills-1.pdf"), "EACCES")
		}
		if c := r.sim.Calls(); c.Token > 3 || c.Contracts > 45 {
			t.Errorf("hammered: %+v", c)
		}
	})
}

// TestContractForbidden: after a 403 nothing of a contract is served: not by
// the cache on disk, not by the page cache of the kernel, not after a remount,
// not offline. The others stay. When it is allowed again all is back.
func TestContractForbidden(t *testing.T) {
	begin(t)
	account := small()
	for name, refuse := range map[string]func(*apisim.Server, bool){
		"by the API":    func(s *apisim.Server, yes bool) { s.ForbidContract("OCB0000001", yes) },
		"by its detail": func(s *apisim.Server, yes bool) { s.ForbidContract("OCB0000001", yes) },
	} {
		surviveOnEach(t, "a contract forbidden "+name, func(t *testing.T, on face) {
			offline := false
			r := newRig(t, options{face: on, account: account,
				catalog: func(c *catalog.Config) { c.Offline = offline },
				content: func(c *content.Config) { c.Offline = offline }})
			a := r.agent()
			r.allRight(nil)
			files := expected(t, r.sim, nil)
			mine, other := files[:len(files)/2], files[len(files)/2:]
			a.gets(r.path(mine[0].path), mine[0].data) // in the page cache, too
			refuse(r.sim, true)
			if name == "by its detail" {
				r.clock.advance(15 * time.Minute)
				eventually(t, "it has been noticed", func() bool { return a.readAll(r.path(mine[0].path)).Errno == "EACCES" })
			} else if err := r.catalog.Refresh(t.Context(), "OCB0000001"); err == nil {
				t.Error("refreshed what is forbidden")
			}
			gone := func() {
				t.Helper()
				for _, f := range mine {
					a.fails(r.path(f.path), "EACCES")
				}
				a.failsToList(r.path(mine[0].contract), "EACCES")
				for _, name := range []string{".documents.json", ".contract.json"} {
					a.fails(r.path(mine[0].contract, name), "EACCES")
				}
				for _, f := range other {
					a.gets(r.path(f.path), f.data)
				}
			}
			gone()
			r.remount()
			gone()
			offline = true
			r.remount()
			a.fails(r.path(mine[0].path), "EHOSTUNREACH", "EACCES")
			a.failsToList(r.path(mine[0].contract), "EHOSTUNREACH", "EACCES")
			a.gets(r.path(other[0].path), other[0].data)
			offline = false
			r.remount()
			refuse(r.sim, false)
			r.clock.advance(time.Hour)
			r.allRight(nil)
		})
	}
	surviveOnEach(t, "a document forbidden", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account})
		files, a := expected(t, r.sim, nil), r.agent()
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: files[0].id}, 0, apisim.Fault{Status: 403, Code: 50})
		for range 20 {
			a.fails(r.path(files[0].path), "EACCES")
			a.gets(r.path(files[1].path), files[1].data)
		}
		if n := r.sim.Calls().Files[files[0].id]; n != 1 {
			t.Errorf("asked for %d times", n)
		}
	})
}

// TestThingsChange: documents and contracts that come, go and change are seen
// as they are after a refresh, by whoever looks at the mount all the while.
func TestThingsChange(t *testing.T) {
	begin(t)
	const contract = "OCB0000001"
	change := func(t *testing.T, on face, quirks apisim.Quirks, do func(t *testing.T, r *rig)) {
		r := newRig(t, options{face: on, account: small(), quirks: quirks})
		r.allRight(nil)
		do(t, r)
		r.clock.advance(2 * time.Hour)
		r.refresh()
		eventually(t, "the mount shows what there is", func() bool {
			return r.wrong(expected(t, r.sim, nil)) == ""
		})
		r.remount()
		r.allRight(nil)
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	surviveOnEach(t, "a document vanishes", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{}, func(t *testing.T, r *rig) { must(t, r.sim.RemoveDocument(contract, "121")) })
	})
	surviveOnEach(t, "a document vanishes behind its listing", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: small()})
		files, a := expected(t, r.sim, nil), r.agent()
		a.names(r.path(contract), len(files)/2)
		must(t, r.sim.RemoveDocument(contract, files[5].id))
		a.fails(r.path(files[5].path), "EIO") // it is listed as yet
		if on == asDrive {
			r.sizes(contract, files[5])
		} else {
			r.sh(`ls -l "$MNT"/* || true`)
		}
		r.refresh()
		r.allRight(nil)
	})
	surviveOnEach(t, "a document appears", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{}, func(t *testing.T, r *rig) {
			must(t, r.sim.AddDocument(contract, apisim.Document{ID: "999", Type: "bills", Filename: "new.xlsx", Period: "202610",
				Content: apisim.Pseudo(999, 5000, "new.xlsx")}))
		})
	})
	surviveOnEach(t, "a document changes with a new updatedAt", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{Dates: true}, func(t *testing.T, r *rig) {
			must(t, r.sim.Bump(contract, "121", "2026-11-20T10:00:00Z"))
		})
	})
	surviveOnEach(t, "a document goes back to an earlier version", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{Dates: true}, func(t *testing.T, r *rig) {
			must(t, r.sim.Bump(contract, "121", "2026-11-20T10:00:00Z"))
			r.clock.advance(2 * time.Hour)
			r.refresh()
			r.allRight(nil)
			must(t, r.sim.Bump(contract, "121", "2026-11-10T10:00:00Z"))
		})
	})
	for what, quirks := range map[string]apisim.Quirks{"": {}, ", with dates": {Dates: true}} {
		surviveOnEach(t, "an id is used for another document"+what, func(t *testing.T, on face) {
			change(t, on, quirks, func(t *testing.T, r *rig) {
				d := r.sim.Snapshot().Contracts[0].Documents[4]
				d.Period, d.CreatedAt, d.Content = "201907", "2019-08-01T10:00:00Z", apisim.Pseudo(998, 5000, d.Filename)
				must(t, r.sim.ReplaceDocument(contract, d))
			})
		})
	}
	surviveOnEach(t, "documents of the month change without one", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: small()})
		r.allRight(nil)
		must(t, r.sim.BumpPartials(""))
		r.clock.advance(2 * time.Hour)
		r.remount() // the attributes that the kernel holds are good for as long
		r.allRight(nil)
	})
	surviveOnEach(t, "a document gets another name", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{}, func(t *testing.T, r *rig) {
			d := r.sim.Snapshot().Contracts[0].Documents[4]
			d.Filename = "renamed" + filepath.Ext(d.Filename)
			must(t, r.sim.ReplaceDocument(contract, d))
		})
	})
	surviveOnEach(t, "a contract vanishes", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{}, func(t *testing.T, r *rig) { must(t, r.sim.RemoveContract(contract)) })
	})
	surviveOnEach(t, "a contract appears", func(t *testing.T, on face) {
		change(t, on, apisim.Quirks{}, func(t *testing.T, r *rig) {
			c := small().Contracts[0]
			c.ID = "OCB0000003"
			for i := range c.Documents {
				c.Documents[i].ID += "3"
			}
			r.sim.AddContract(c)
		})
	})
}

// same reports whether a copy holds exactly the documents.
func same(t *testing.T, dir string, files []file) bool {
	t.Helper()
	return difference(t, dir, files) == ""
}

// difference says what is not the same.
func difference(t *testing.T, dir string, files []file) string {
	t.Helper()
	quiet := &silent{TB: t}
	sameTree(quiet, dir, files)
	return quiet.said
}

// silent is a test that only notes that something was wrong.
type silent struct {
	testing.TB
	failed bool
	said   string // the first of it
}

func (s *silent) Errorf(format string, args ...any) { s.Error(fmt.Sprintf(format, args...)) }

func (s *silent) Error(args ...any) {
	if !s.failed {
		s.failed, s.said = true, fmt.Sprint(args...)
	}
}
