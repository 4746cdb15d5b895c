//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/content"
)

// modelDoc is what a document should look like.
type modelDoc struct {
	id, name, updated string
	data              []byte
	version           int
}

// model is the mount as it should be: one contract with documents of distinct
// names, some larger than what is kept at the first stat.
type model struct {
	rig   *rig
	agent *agent
	docs  map[string]*modelDoc // by id
	ino   map[string]uint64    // by id, once seen
	next  int
}

const modelContract = "OCB0000001"

// TestMountAgreesWithASimpleModel does things at random: to the account, to the
// mount, and to the time; what programs see is what the model says.
func TestMountAgreesWithASimpleModel(t *testing.T) {
	begin(t)
	rapid.Check(t, func(rt *rapid.T) {
		quirks := apisim.Quirks{
			Dates: true, Shuffle: true, Range: rapid.Bool().Draw(rt, "range"), Chunked: rapid.Bool().Draw(rt, "chunked"),
			ETag: rapid.Bool().Draw(rt, "etag"), DocumentType: rapid.Bool().Draw(rt, "type"),
		}
		account := &apisim.Account{Contracts: []apisim.Contract{{ID: modelContract, Documents: []apisim.Document{}}}}
		r := newRig(t, options{account: account, quirks: quirks, content: func(c *content.Config) {
			c.PrefetchLimit, c.CacheSize = 64<<10, 1<<20 // so that blobs are evicted, and large ones come while they are read
		}})
		defer r.close()
		m := &model{rig: r, agent: newAgent(t), docs: make(map[string]*modelDoc), ino: make(map[string]uint64)}
		defer m.agent.close()
		for range rapid.IntRange(0, 5).Draw(rt, "documents") {
			m.add(rt)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"stat":    m.stat,
			"read":    m.read,
			"whole":   m.whole,
			"absent":  m.absent,
			"add":     m.add,
			"remove":  m.remove,
			"replace": m.replace,
			"remount": m.remount,
			"time":    m.time,
		})
	})
}

func (m *model) path(d *modelDoc) string { return m.rig.path(modelContract, d.name) }

// modelType is the type of a document: there may be documents of several.
func modelType(id string) string {
	types := []string{"bills", "invoices", "reports", "comsumptionRatedReports"}
	return types[len(id)%len(types)]
}

// pick draws a document, or skips the operation if there is none.
func (m *model) pick(t *rapid.T) *modelDoc {
	ids := m.ids()
	if len(ids) == 0 {
		t.Skip("no document")
	}
	return m.docs[rapid.SampledFrom(ids).Draw(t, "document")]
}

func (m *model) ids() []string {
	var ids []string
	for id := range m.docs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// check compares the directory.
func (m *model) check(t *rapid.T) {
	want := []string{".contract.json", ".documents.json"}
	for _, d := range m.docs {
		want = append(want, d.name)
	}
	slices.Sort(want)
	x := m.agent.list(m.rig.path(modelContract))
	if slices.Sort(x.Names); x.Errno != "" || !slices.Equal(x.Names, want) {
		t.Fatalf("directory %q, %s, want %q", x.Names, x.Errno, want)
	}
}

func (m *model) stat(t *rapid.T) {
	d := m.pick(t)
	x := m.agent.stat(m.path(d))
	if x.Errno != "" || x.Size != int64(len(d.data)) {
		t.Fatalf("stat %s: %d bytes, %s, want %d", d.name, x.Size, x.Errno, len(d.data))
	}
	if at, err := time.Parse(time.RFC3339, d.updated); err != nil || x.MTime != at.Unix() {
		t.Fatalf("stat %s: mtime %v, want %s", d.name, time.Unix(x.MTime, 0).UTC(), d.updated)
	}
	if before, seen := m.ino[d.id]; seen && before != x.Ino {
		t.Fatalf("stat %s: inode number %d, was %d", d.name, x.Ino, before)
	}
	m.ino[d.id] = x.Ino
}

func (m *model) read(t *rapid.T) {
	d := m.pick(t)
	off := rapid.IntRange(0, len(d.data)+10).Draw(t, "offset")
	n := rapid.IntRange(0, len(d.data)+10).Draw(t, "length")
	want := d.data[min(off, len(d.data)):min(off+n, len(d.data))]
	if x := m.agent.read(m.path(d), int64(off), n); x.Errno != "" || !bytes.Equal(x.Data, want) {
		t.Fatalf("read %s: %d bytes from %d: got %d, %s, want %d, or others", d.name, n, off, len(x.Data), x.Errno, len(want))
	}
}

func (m *model) whole(t *rapid.T) {
	d := m.pick(t)
	if x := m.agent.readAll(m.path(d)); x.Errno != "" || !bytes.Equal(x.Data, d.data) {
		t.Fatalf("read %s: got %d bytes, %s, want %d of version %d, or others", d.name, len(x.Data), x.Errno, len(d.data), d.version)
	}
}

func (m *model) absent(t *rapid.T) {
	name := rapid.SampledFrom([]string{"nothing.pdf", "doc-1", ".hidden", "doc-0.bin.2"}).Draw(t, "name")
	// A listing that is old, and being refreshed, cannot say that something
	// is absent.
	m.settles(t, func() bool {
		x := m.agent.stat(m.rig.path(modelContract, name))
		if x.Errno != "ENOENT" && x.Errno != "ETIMEDOUT" {
			t.Fatalf("stat %s: %q, want ENOENT", name, x.Errno)
		}
		return x.Errno == "ENOENT"
	})
}

// draw gives a document new content, of which each byte tells the version.
func (m *model) draw(t *rapid.T, d *modelDoc) apisim.Document {
	size := rapid.OneOf(rapid.IntRange(1, 5000), rapid.IntRange(60<<10, 300<<10)).Draw(t, "size")
	d.version++
	unit := fmt.Sprintf("%s version %d\n", d.id, d.version)
	d.data = []byte(strings.Repeat(unit, size/len(unit)+1)[:size])
	d.updated = time.Date(2026, 1, 1, 0, 0, m.next*1000+d.version, 0, time.UTC).Format(time.RFC3339)
	return apisim.Document{
		ID: d.id, Type: modelType(d.id), Filename: d.name, Period: "202601",
		CreatedAt: "2026-01-01T00:00:00Z", UpdatedAt: d.updated, Content: apisim.Bytes(d.data),
	}
}

func (m *model) add(t *rapid.T) {
	d := &modelDoc{id: strings.Repeat("i", m.next%4) + fmt.Sprint(m.next), name: fmt.Sprintf("doc-%d.bin", m.next)}
	m.next++
	doc := m.draw(t, d)
	if err := m.rig.sim.AddDocument(modelContract, doc); err != nil {
		t.Fatal(err)
	}
	m.docs[d.id] = d
	m.refresh(t)
}

func (m *model) remove(t *rapid.T) {
	d := m.pick(t)
	if err := m.rig.sim.RemoveDocument(modelContract, d.id); err != nil {
		t.Fatal(err)
	}
	delete(m.docs, d.id)
	m.refresh(t)
	if !slices.ContainsFunc(m.ids(), func(id string) bool { return modelType(id) == modelType(d.id) }) {
		// A type that is empty all at once is believed after an hour only.
		m.rig.clock.advance(time.Hour + time.Minute)
		m.refresh(t)
	}
	m.settles(t, func() bool { return m.agent.stat(m.path(d)).Errno == "ENOENT" })
}

func (m *model) replace(t *rapid.T) {
	d := m.pick(t)
	if err := m.rig.sim.ReplaceDocument(modelContract, m.draw(t, d)); err != nil {
		t.Fatal(err)
	}
	m.refresh(t)
	// Who opens it sees the new one at once; stat, as soon as the kernel has heard.
	if x := m.agent.readAll(m.path(d)); x.Errno != "" || !bytes.Equal(x.Data, d.data) {
		t.Fatalf("read %s after its replacement: %d bytes, %s, want %d, or others", d.name, len(x.Data), x.Errno, len(d.data))
	}
	m.settles(t, func() bool { return m.agent.stat(m.path(d)).Size == int64(len(d.data)) })
}

func (m *model) remount(t *rapid.T) { m.rig.remount() }

// time passes; listings get old, and are refreshed behind or before.
func (m *model) time(t *rapid.T) {
	m.rig.clock.advance(time.Duration(rapid.IntRange(1, 120).Draw(t, "minutes")) * time.Minute)
}

func (m *model) refresh(t *rapid.T) {
	if err := m.rig.catalog.Refresh(m.rig.t.Context(), ""); err != nil {
		t.Fatalf("refresh: %v", err)
	}
	if err := m.rig.catalog.Refresh(m.rig.t.Context(), modelContract); err != nil {
		t.Fatalf("refresh: %v", err)
	}
}

// settles waits until the kernel has been told of a change, which happens behind
// the refresh.
func (m *model) settles(t *rapid.T, f func() bool) {
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("this is never seen")
		}
	}
}
