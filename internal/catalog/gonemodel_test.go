package catalog

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog/fresh"
)

// Whatever the list of contracts does, and whoever asks for it: a contract that was
// listed, and is not, is shown as old, or told as gone for five weeks, by every list that
// somebody gets; one that is listed is not told.
func TestGoneModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "model")
		if err != nil {
			rt.Fatal(err)
		}
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"change", "change", "ask", "ask", "mount", "mount", "wait", "day", "week", "forbidden", "locked", "away", "part", "none", "filter", "kill", "back", "ahead"}), 1, 30).Draw(rt, "steps")
		sets := rapid.SliceOfN(rapid.IntRange(1, 7), len(steps), len(steps)).Draw(rt, "sets")
		failed := ""
		synctest.Test(t, func(t *testing.T) {
			m := &goneModel{goneRig: newGoneRig(t, dir), rt: rt, lacked: map[string]time.Time{}, known: map[string]bool{}}
			m.cfg.Now = func() time.Time { return time.Now().Add(m.skew) }
			time.Sleep(400 * 24 * time.Hour)
			m.on = m.ids(7)
			m.mount = open(t, m.cfg, m.api)
			defer func() { m.mount.Close() }()
			for i, s := range steps {
				m.log = append(m.log, fmt.Sprintf("%s %d", s, sets[i]))
				time.Sleep(2 * fresh.LookEvery)
				m.step(s, sets[i])
				if m.failed != "" {
					failed = m.failed + "\n" + strings.Join(m.log, "\n")
					return
				}
			}
		})
		if failed != "" {
			rt.Fatal(failed)
		}
	})
}

type goneModel struct {
	*goneRig
	rt     *rapid.T
	mount  *Catalog
	skew   time.Duration
	on     []string
	known  map[string]bool      // was in a list that somebody got
	lacked map[string]time.Time // since when, as far as anybody could know
	log    []string
	failed string
}

func (m *goneModel) ids(set int) (ids []string) {
	for i, id := range []string{"C1", "C2", "C3"} {
		if set&(1<<i) != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (m *goneModel) with(fail func(call) error, tells bool, f func()) {
	m.api.set(func() { m.api.fail, m.api.tells = fail, tells })
	f()
	m.api.set(func() { m.api.fail, m.api.tells = nil, false })
}

func (m *goneModel) step(s string, set int) {
	one := func(f func(c *Catalog)) {
		c := open(m.t, m.cfg, m.api)
		f(c)
		c.Close()
	}
	either := func(f func(c *Catalog)) {
		if set%2 == 0 {
			f(m.mount)
			synctest.Wait()
			return
		}
		one(f)
	}
	switch s {
	case "change":
		m.on = m.ids(set)
		m.lists(m.on...)
	case "ask":
		one(m.look)
	case "mount":
		m.look(m.mount)
	case "wait":
		time.Sleep(time.Duration(set) * time.Minute)
	case "day":
		time.Sleep(24 * time.Hour)
	case "week":
		time.Sleep(time.Duration(set) * 24 * time.Hour)
	case "forbidden":
		m.with(func(call) error { return apiclient.ErrForbidden }, false, func() { either(m.fails) })
	case "locked":
		m.with(func(call) error { return apiclient.ErrUnauthorized }, false, func() { either(m.fails) })
	case "away":
		m.with(func(call) error { return apiclient.ErrUnreachable }, false, func() { either(m.fails) })
	case "part":
		m.with(nil, true, func() { either(m.look) })
	case "none":
		m.lists()
		either(m.look)
		m.lists(m.on...)
	case "filter":
		old := m.cfg.Contracts
		m.cfg.Contracts = []string{"C1"}
		one(func(c *Catalog) { _ = c.Refresh(m.t.Context(), ""); m.took() })
		m.cfg.Contracts = old
	case "kill":
		m.mount.Close()
		m.mount = open(m.t, m.cfg, m.api)
	case "back":
		m.skew -= time.Duration(set) * time.Hour
	case "ahead":
		m.skew += time.Duration(set) * time.Hour
	}
}

func (m *goneModel) fails(c *Catalog) {
	if err := c.Refresh(m.t.Context(), ""); err == nil {
		m.failed = "refreshed"
	}
}

// took notes what a whole list said.
func (m *goneModel) took() {
	if m.api.tells && len(m.api.contracts) > 1 {
		return
	}
	now := m.cfg.Now()
	listed := []string{}
	for _, c := range m.api.contracts {
		listed = append(listed, c.ID)
	}
	for id := range m.known {
		if slices.Contains(listed, id) {
			delete(m.lacked, id)
		} else if _, ok := m.lacked[id]; !ok {
			m.lacked[id] = now
		}
	}
	for _, id := range listed {
		m.known[id] = true
	}
}

func (m *goneModel) look(c *Catalog) {
	if err := c.Refresh(m.t.Context(), ""); err != nil {
		m.failed = "refresh: " + err.Error()
		return
	}
	m.took()
	list, err := c.Contracts(m.t.Context())
	if err != nil {
		m.failed = err.Error()
		return
	}
	shown, gone := map[string]bool{}, map[string]bool{}
	for _, e := range list.Entries {
		shown[e.ID] = true
	}
	for _, g := range list.Gone {
		gone[g.ID] = true
		if shown[g.ID] {
			m.failed = g.ID + " is shown and gone"
		}
	}
	said := map[string]bool{}
	for _, s := range c.Shortfalls() {
		if s.Kind == Gone {
			said[s.ContractID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.known)) {
		since, lacks := m.lacked[id]
		age := m.cfg.Now().Sub(since)
		switch {
		case !lacks && gone[id]:
			m.failed = id + " is listed, and told as gone"
		case lacks && !gone[id] && !shown[id] && age < goneTold-14*time.Hour:
			m.failed = fmt.Sprintf("%s is gone since %v, and not told", id, age)
		case lacks && gone[id] && age > goneTold+14*time.Hour:
			m.failed = fmt.Sprintf("%s is gone since %v, and told", id, age)
		case lacks && shown[id] && list.Suspect == "":
			m.failed = id + " is shown, and nothing said"
		case gone[id] && !said[id]:
			m.failed = id + " is no shortfall"
		}
	}
}
