package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// The same of the types of a contract: of a type that had documents, and has none, what
// was is shown as old, or it is told as gone for five weeks.
func TestGoneTypesModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "model")
		if err != nil {
			rt.Fatal(err)
		}
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"change", "change", "ask", "ask", "mount", "mount", "wait", "day", "week", "forbidden", "locked", "away", "typeforbidden", "untyped", "kill", "back", "ahead", "notfound"}), 1, 30).Draw(rt, "steps")
		sets := rapid.SliceOfN(rapid.IntRange(0, 7), len(steps), len(steps)).Draw(rt, "sets")
		failed := ""
		synctest.Test(t, func(t *testing.T) {
			r := newGoneRig(t, dir)
			var skew time.Duration
			r.cfg.Now = func() time.Time { return time.Now().Add(skew) }
			time.Sleep(400 * 24 * time.Hour)
			types := []string{billing.TypeBills, billing.TypeInvoices, "credits"}
			on := 7
			apply := func() {
				r.api.set(func() {
					r.api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool {
						i := slices.Index(types, d.Type)
						return i >= 0 && on&(1<<i) == 0
					})
				})
			}
			apply()
			mount := open(t, r.cfg, r.api)
			defer func() { mount.Close() }()
			known, lacked := map[string]bool{}, map[string]time.Time{}
			untyped := true
			look := func(c *Catalog) {
				if err := cmp.Or(c.RefreshContracts(t.Context()), c.Refresh(t.Context(), "C1")); err != nil {
					failed = err.Error()
					return
				}
				synctest.Wait()
				l, err := c.Listing(t.Context(), "C1")
				if err != nil {
					failed = err.Error()
					return
				}
				now := r.cfg.Now()
				for i, typ := range types {
					if on&(1<<i) != 0 {
						if typ != "credits" || untyped {
							known[typ] = true
							delete(lacked, typ)
						}
						continue
					}
					if _, ok := lacked[typ]; known[typ] && !ok {
						lacked[typ] = now
					}
				}
				for i, typ := range types {
					shown := count(l, typ) > 0
					gone := slices.ContainsFunc(l.Gone, func(g GoneDocuments) bool { return g.Type == typ })
					since, lacks := lacked[typ]
					age := now.Sub(since)
					switch {
					case typ == "credits" && !untyped: // nobody can know
					case gone && on&(1<<i) != 0:
						failed = typ + " is listed and gone"
					case lacks && shown && l.Suspect == "":
						failed = typ + " is shown and nothing said"
					case lacks && !shown && !gone && !slices.Contains(l.Refused, typ) && age < goneTold-14*time.Hour:
						failed = fmt.Sprintf("%s is gone since %v and not told", typ, age)
					case lacks && gone && age > 2*goneTold:
						failed = fmt.Sprintf("%s is gone since %v and told", typ, age)
					case !lacks && known[typ] && !shown && !slices.Contains(l.Refused, typ):
						failed = typ + " is not shown"
					}
				}
			}
			with := func(fail func(call) error, f func()) {
				r.api.set(func() { r.api.fail = fail })
				f()
				synctest.Wait()
				r.api.set(func() { r.api.fail = nil })
			}
			refuse := func(err error) func(call) error {
				return func(k call) error {
					if k.op == "documents" || errors.Is(err, apiclient.ErrUnauthorized) {
						return err
					}
					return nil
				}
			}
			var log []string
			for i, s := range steps {
				set := sets[i]
				log = append(log, fmt.Sprintf("%s %d", s, set))
				time.Sleep(2 * fresh.LookEvery)
				either := func(f func(c *Catalog)) {
					if set%2 == 0 {
						f(mount)
						return
					}
					c := open(t, r.cfg, r.api)
					f(c)
					c.Close()
				}
				fails := func(c *Catalog) {
					if err := c.Refresh(t.Context(), "C1"); err == nil {
						failed = "refreshed"
					}
				}
				switch s {
				case "change":
					on = set
					apply()
				case "ask":
					c := open(t, r.cfg, r.api)
					look(c)
					c.Close()
				case "mount":
					look(mount)
				case "wait":
					time.Sleep(time.Duration(set) * 13 * time.Minute)
				case "day":
					time.Sleep(24 * time.Hour)
				case "week":
					time.Sleep(time.Duration(set) * 24 * time.Hour)
				case "forbidden":
					with(refuse(apiclient.ErrForbidden), func() { either(fails) })
					time.Sleep(11 * time.Minute)
				case "notfound":
					with(refuse(apiclient.ErrNotFound), func() { either(fails) })
					time.Sleep(11 * time.Minute)
				case "locked":
					with(refuse(apiclient.ErrUnauthorized), func() { either(fails) })
					time.Sleep(11 * time.Minute)
				case "away":
					with(refuse(apiclient.ErrUnreachable), func() { either(fails) })
				case "typeforbidden":
					typ := types[set%2]
					with(func(k call) error {
						if k.op == "documents" && k.typ == typ {
							return apiclient.ErrForbidden
						}
						return nil
					}, func() { either(func(c *Catalog) { _ = c.Refresh(t.Context(), "C1") }) })
				case "untyped":
					untyped = false
					with(func(k call) error {
						if k.op == "documents" && k.typ == "" {
							return apiclient.ErrForbidden
						}
						return nil
					}, func() { either(look) })
					untyped = true
				case "kill":
					mount.Close()
					mount = open(t, r.cfg, r.api)
				case "back":
					skew -= time.Duration(set) * time.Hour
				case "ahead":
					skew += time.Duration(set) * time.Hour
				}
				if failed != "" {
					failed += "\n" + strings.Join(log, "\n")
					return
				}
			}
		})
		if failed != "" {
			rt.Fatal(failed)
		}
	})
}
