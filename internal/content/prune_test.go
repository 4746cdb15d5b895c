package content

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
	"ccsfs/internal/pool"
)

const prunedContract = "OCB0001234" // of ref

// filled has a member give documents to the pool, and closes it: the index is written then.
// The member's cache is in dir.
func filled(t *testing.T, e engines, dir string, ids ...string) *fakeAPI {
	t.Helper()
	api := newFake(map[string]*fakeDoc{})
	for i, id := range ids {
		api.docs[id] = &fakeDoc{body: random(uint64(i), 3000+i)}
	}
	s := openStore(t, dir, api, func(c *Config) { c.Pool = e.Join(t) })
	for _, id := range ids {
		wantBytes(t, s, ref(id), api.docs[id].body)
	}
	e.has(t, len(ids))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return api
}

// soon is a prune by a listing of a later time: all that is there is older.
func soon(listed ...string) Prune {
	now := time.Now()
	return Prune{ContractID: prunedContract, Listed: listed, Before: now.Add(time.Hour), Now: now.Add(2 * time.Hour)}
}

// said is what the pool's index says: the ids that are kept, and those that are gone.
func said(t *testing.T, e engines) (kept, gone []string) {
	t.Helper()
	records, err := loadPoolIndex(t.Context(), e.Join(t), prunedContract)
	if err != nil {
		t.Fatal(err)
	}
	ids := func(all []*index.Record) (out []string) {
		for _, r := range all {
			out = append(out, r.ID)
		}
		return out
	}
	return ids(records.kept), ids(records.gone)
}

func wantSaid(t *testing.T, e engines, wantKept, wantGone []string) {
	t.Helper()
	if kept, gone := said(t, e); !slices.Equal(kept, wantKept) || !slices.Equal(gone, wantGone) {
		t.Errorf("the index has %v and lost %v, want %v and %v", kept, gone, wantKept, wantGone)
	}
}

func wantObjects(t *testing.T, e engines, ids ...string) {
	t.Helper()
	var want []string
	for _, id := range ids {
		want = append(want, poolName(ref(id).blob()))
	}
	slices.Sort(want)
	if got := e.Names(t, "d/"); !slices.Equal(got, want) {
		t.Errorf("the store has %v, want %v", got, want)
	}
}

// compare has a member give what is in its cache and not in the pool, and closes it.
func compare(t *testing.T, s *Store) {
	t.Helper()
	records, err := loadPoolIndex(t.Context(), s.cfg.Pool, prunedContract)
	if err != nil {
		t.Fatal(err)
	}
	s.reconcile(s.poolIndexes.of(prunedContract), records)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPruneTakesOutWhatIsNotListed(t *testing.T) {
	e, dir := newEngines(t), t.TempDir()
	api := filled(t, e, dir, "a", "b", "c")
	before := e.Save(t)
	p := e.Join(t)

	dry := soon("a")
	dry.Dry = true
	would, err := PrunePool(t.Context(), p, dry)
	if err != nil || would.Documents != 2 {
		t.Fatalf("%+v, %v", would, err)
	}
	for name, b := range e.Save(t) {
		if string(before[name]) != string(b) {
			t.Errorf("%s is another one after a dry run", name)
		}
	}
	wantObjects(t, e, "a", "b", "c")

	did, err := PrunePool(t.Context(), p, soon("a"))
	if err != nil || did != would {
		t.Fatalf("%+v, %v, want %+v", did, err, would)
	}
	wantObjects(t, e, "a")
	wantSaid(t, e, []string{"a"}, []string{"b", "c"})

	puts := e.Puts.Load()
	if did, err := PrunePool(t.Context(), p, soon("a")); err != nil || did != (Pruned{}) || e.Puts.Load() != puts {
		t.Errorf("once more: %+v, %v, %d puts", did, err, e.Puts.Load()-puts)
	}

	// Who has it in the cache serves it, and does not give it again.
	member := openStore(t, dir, api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, member, ref("b"), api.docs["b"].body)
	compare(t, member)
	wantObjects(t, e, "a")
	wantSaid(t, e, []string{"a"}, []string{"b", "c"})

	// Nobody learns a size of it, nor that it is there.
	other := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	if other.lookInPool(t.Context(), prunedContract); other.record(ref("b")) != nil || other.record(ref("a")) == nil {
		t.Errorf("another machine knows %+v, %+v", other.record(ref("b")), other.record(ref("a")))
	}
}

// A document that is listed again is asked for once, and is back.
func TestAPrunedDocumentComesBack(t *testing.T) {
	e := newEngines(t)
	api := filled(t, e, t.TempDir(), "a", "b")
	what := soon("a")
	what.Now = time.Now()
	if did, err := PrunePool(t.Context(), e.Join(t), what); err != nil || did.Documents != 1 {
		t.Fatalf("%+v, %v", did, err)
	}
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, s, ref("b"), api.docs["b"].body)
	wantCalls(t, api, "b", 2)
	e.has(t, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, e, []string{"a", "b"}, nil)
	third := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, third, ref("b"), api.docs["b"].body)
	wantCalls(t, api, "b", 2)
}

// What is younger than the listing stays, by the date of the object and by its record; so
// does what the index does not have.
func TestPruneLeavesWhatIsYoung(t *testing.T) {
	e := newEngines(t)
	filled(t, e, t.TempDir(), "a", "b")
	what := soon("a")
	what.Before = time.Now().Add(-time.Minute)
	if did, err := PrunePool(t.Context(), e.Join(t), what); err != nil || did != (Pruned{}) {
		t.Errorf("%+v, %v", did, err)
	}
	wantObjects(t, e, "a", "b")
	wantSaid(t, e, []string{"a", "b"}, nil)

	// The record is younger than the listing, the object is not.
	l, _, err := e.Join(t).Acquire(t.Context(), poolIndexName(prunedContract), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := e.Join(t)
	records, err := loadPoolIndex(t.Context(), p, prunedContract)
	if err != nil {
		t.Fatal(err)
	}
	confirmed := *records.kept[1]
	confirmed.Checked = time.Now().Add(90 * time.Minute)
	if err := storePoolIndex(t.Context(), p, prunedContract, joined(records.all(), map[string]*index.Record{"b": &confirmed})); err != nil {
		t.Fatal(err)
	}
	l.Release()
	for _, dry := range []bool{true, false} {
		what := soon("a")
		what.Dry = dry
		if did, err := PrunePool(t.Context(), p, what); err != nil || did != (Pruned{}) {
			t.Errorf("dry %v: %+v, %v", dry, did, err)
		}
	}
	wantObjects(t, e, "a", "b")
	wantSaid(t, e, []string{"a", "b"}, nil)
}

// Objects that no index has go, too, and are not given again either.
func TestPruneTakesOutWhatNoIndexHas(t *testing.T) {
	e, dir := newEngines(t), t.TempDir()
	api := filled(t, e, dir, "a", "b")
	if err := e.Bucket.Remove(t.Context(), "v1/a0/"+poolIndexName(prunedContract)); err != nil {
		t.Fatal(err)
	}
	e.Put(t, "d/"+blobstore.Name(prunedContract)+"/"+blobstore.Name("odd"), []byte("nothing of a member"))
	e.Put(t, "d/"+blobstore.Name("C2")+"/"+blobstore.Name("b"), []byte("of another contract"))
	if did, err := PrunePool(t.Context(), e.Join(t), soon("a")); err != nil || did.Documents != 2 {
		t.Errorf("%+v, %v", did, err)
	}
	if names := e.Names(t, "d/"); len(names) != 2 {
		t.Errorf("left is %v", names)
	}
	wantSaid(t, e, nil, []string{"b"})
	s := openStore(t, dir, api, func(c *Config) { c.Pool = e.Join(t) })
	compare(t, s)
	wantSaid(t, e, []string{"a"}, []string{"b"})
}

// That a document is gone is forgotten after a while, and when it is listed again.
func TestTombstonesGo(t *testing.T) {
	e := newEngines(t)
	filled(t, e, t.TempDir(), "a", "b", "c")
	p, what := e.Join(t), soon("a")
	if _, err := PrunePool(t.Context(), p, what); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after  time.Duration
		listed []string
		gone   []string
	}{
		{399 * 24 * time.Hour, []string{"a"}, []string{"b", "c"}},
		{399 * 24 * time.Hour, []string{"a", "c"}, []string{"b"}},
		{401 * 24 * time.Hour, []string{"a"}, nil},
	} {
		later := what
		later.Now, later.Before, later.Listed = what.Now.Add(step.after), what.Now.Add(step.after-time.Hour), step.listed
		if did, err := PrunePool(t.Context(), p, later); err != nil || did != (Pruned{}) {
			t.Errorf("%v: %+v, %v", step, did, err)
		}
		wantSaid(t, e, []string{"a"}, step.gone)
	}
}

// While a member fetches a document nobody takes it out; what it puts there stays.
func TestPruneWhileADocumentIsFetched(t *testing.T) {
	e := newEngines(t)
	api := filled(t, e, t.TempDir(), "a", "b")
	b := ref("b")
	b.UpdatedAt = "2026-11-20T10:00:00Z" // a later version
	header := make(chan struct{})
	api.set("b", &fakeDoc{body: random(9, 5000), headerAt: header})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	var wg sync.WaitGroup
	wg.Go(func() { wantBytes(t, s, b, random(9, 5000)) })
	eventually(t, func() bool { return api.count("b") == 2 })
	what := soon("a")
	what.Now = time.Now()
	if did, err := PrunePool(t.Context(), e.Join(t), what); err != nil || did != (Pruned{}) {
		t.Errorf("%+v, %v", did, err)
	}
	wantObjects(t, e, "a", "b")
	close(header)
	wg.Wait()
	eventually(t, func() bool { return s.Stats().Given == 1 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, e, []string{"a", "b"}, nil)
}

// What is put there again after it was looked at stays.
func TestPruneLooksAgain(t *testing.T) {
	e := newEngines(t)
	filled(t, e, t.TempDir(), "a", "b")
	what := soon("a")
	what.Before = time.Now()
	name, body := poolName(ref("b").blob()), e.Bytes(t, poolName(ref("b").blob()))
	var once sync.Once
	e.Before(func(op, at string) {
		if op == "put" && at == poolIndexName(prunedContract) {
			once.Do(func() { e.Put(t, name, body) })
		}
	})
	if did, err := PrunePool(t.Context(), e.Join(t), what); err != nil || did != (Pruned{}) {
		t.Errorf("%+v, %v", did, err)
	}
	wantObjects(t, e, "a", "b")
}

func TestTwoPrunesAtOnce(t *testing.T) {
	e := newEngines(t)
	var ids, odd []string
	for i := range 40 {
		ids = append(ids, fmt.Sprintf("d%02d", i))
		if i%2 == 1 {
			odd = append(odd, ids[i])
		}
	}
	filled(t, e, t.TempDir(), ids...)
	var wg sync.WaitGroup
	var did [2]Pruned
	for i := range did {
		p := e.Join(t)
		wg.Go(func() {
			var err error
			if did[i], err = PrunePool(t.Context(), p, soon(odd...)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// Each passes over what the other has in hand.
	if n := did[0].Documents + did[1].Documents; n != 20 {
		t.Errorf("%+v, %d documents", did, n)
	}
	wantObjects(t, e, odd...)
	if kept, gone := said(t, e); !slices.Equal(kept, odd) || len(gone) != 20 {
		t.Errorf("%v, %v", kept, gone)
	}
}

// The store goes away on the way: what is left can be read, and the next prune goes on.
func TestPruneBreaksOff(t *testing.T) {
	for _, at := range []string{"get", "put", "remove"} {
		synctest.Test(t, func(t *testing.T) {
			e := newEngines(t)
			api := filled(t, e, t.TempDir(), "a", "b", "c")
			e.Before(func(op, _ string) {
				if op == at {
					e.Away.Store(true)
				}
			})
			p := e.Join(t)
			if did, err := PrunePool(t.Context(), p, soon("a")); !errors.Is(err, pool.ErrAway) || did != (Pruned{}) {
				t.Errorf("%s: %+v, %v", at, did, err)
			}
			e.Before(nil)
			e.Away.Store(false)
			wantObjects(t, e, "a", "b", "c")
			s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
			for _, id := range []string{"a", "b", "c"} {
				wantBytes(t, s, ref(id), api.docs[id].body)
				wantCalls(t, api, id, 1)
			}
			if did, err := PrunePool(t.Context(), e.Join(t), soon("a")); err != nil || did.Documents != 2 {
				t.Errorf("%+v, %v", did, err)
			}
			wantObjects(t, e, "a")
		})
	}
}

// Without the coordinator members would not know of it: nothing is taken out.
func TestPruneNeedsTheCoordinator(t *testing.T) {
	for _, alone := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e := newEngines(t)
			filled(t, e, t.TempDir(), "a", "b")
			e.Alone = alone
			p := e.Join(t)
			e.Lost.Store(true)
			if did, err := PrunePool(t.Context(), p, soon("a")); !errors.Is(err, pool.ErrAway) || did != (Pruned{}) {
				t.Errorf("alone %v: %+v, %v", alone, did, err)
			}
			e.Lost.Store(false)
			wantObjects(t, e, "a", "b")
			wantSaid(t, e, []string{"a", "b"}, nil)
		})
	}
}
