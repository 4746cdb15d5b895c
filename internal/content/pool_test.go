package content

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool/pooltest/spoiled"
)

// engines are those of a pool that the tests spoil.
type engines struct{ *spoiled.Engines }

func newEngines(t *testing.T) engines { return engines{spoiled.New(t)} }

// has waits until the bucket has so many documents.
func (e engines) has(t *testing.T, n int) {
	t.Helper()
	eventually(t, func() bool { return len(e.Names(t, "d/")) == n })
}

// However many machines with a cache of their own read the same documents at once, each is
// asked for once.
func TestOneCallADocumentForAllMachines(t *testing.T) {
	for _, encrypts := range []bool{false, true} {
		t.Run(fmt.Sprintf("encrypted=%v", encrypts), func(t *testing.T) {
			docs := map[string]*fakeDoc{}
			var refs []Ref
			for i := range 30 {
				id := fmt.Sprintf("d%02d", i)
				docs[id] = &fakeDoc{body: random(uint64(100+i), 2000+i*7919%90000)}
				refs = append(refs, ref(id))
			}
			api, e := newFake(docs), newEngines(t)
			e.Encrypts = encrypts
			var wg sync.WaitGroup
			for m := range 4 {
				p := e.Join(t)
				s := openStore(t, t.TempDir(), api, func(c *Config) {
					if c.Pool = p; m == 3 {
						c.CacheSize = 0
					}
				})
				wg.Go(func() {
					for _, r := range refs {
						if m%2 == 1 {
							if info, err := s.Stat(t.Context(), r); err != nil || info.Size != int64(len(docs[r.DocumentID].body)) {
								t.Errorf("%d, %s: %+v %v", m, r.DocumentID, info, err)
							}
						}
						got, err := readAll(t.Context(), s, r, 3000)
						if err != nil || !bytes.Equal(got, docs[r.DocumentID].body) {
							t.Errorf("%d, %s: %d bytes, %v", m, r.DocumentID, len(got), err)
						}
					}
				})
			}
			wg.Wait()
			for id := range docs {
				wantCalls(t, api, id, 1)
			}
			eventually(t, func() bool { return e.Bucket.Opened() == 0 })
		})
	}
}

// A machine that never saw an account knows the sizes of what others had, by one object, and
// its bytes without a call.
func TestANewMachineAsksForNothing(t *testing.T) {
	api, e := newFake(map[string]*fakeDoc{}), newEngines(t)
	for i := range 20 {
		api.docs[fmt.Sprint(i)] = &fakeDoc{body: random(uint64(i), 1000+i)}
	}
	first := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	for id, d := range api.docs {
		wantBytes(t, first, ref(id), d.body)
	}
	e.has(t, 20)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	before := e.Gets.Load()
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	for id, d := range api.docs {
		info, err := s.Stat(t.Context(), ref(id))
		if err != nil || info.Size != int64(len(d.body)) || info.SHA256 == "" {
			t.Errorf("%s: %+v, %v", id, info, err)
		}
	}
	if n := e.Gets.Load() - before; n > 2 { // whether it has the key, and the index
		t.Errorf("%d objects were read for sizes", n)
	}
	for id, d := range api.docs {
		wantBytes(t, s, ref(id), d.body)
		wantCalls(t, api, id, 1)
	}
}

// What was in a cache before there was a pool is given to it, and asked for by nobody.
func TestACacheOfBeforeIsShared(t *testing.T) {
	api, e, dir := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}, "b": {body: random(2, 5000)}}), newEngines(t), t.TempDir()
	before := openStore(t, dir, api, nil)
	wantBytes(t, before, ref("a"), api.docs["a"].body)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir, api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, s, ref("b"), api.docs["b"].body)
	if _, err := s.Stat(t.Context(), ref("c")); !errors.Is(err, apiclient.ErrNotFound) { // has it look at the contract
		t.Error(err)
	}
	e.has(t, 2)
	other := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, other, ref("a"), api.docs["a"].body)
	wantCalls(t, api, "a", 1)
}

// What lies in the bucket and is not what a member put there is fetched again, and replaced.
func TestAForgedDocumentIsFetchedAgain(t *testing.T) {
	for name, forge := range map[string]func(b []byte) []byte{
		"another byte": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"cut":          func(b []byte) []byte { return b[:len(b)-1] },
		"longer":       func(b []byte) []byte { return append(b, 0) },
		"empty":        func([]byte) []byte { return nil },
		"an error page": func([]byte) []byte {
			return []byte("<html>503</html>")
		},
		"header": func(b []byte) []byte { return bytes.Replace(b, []byte(`"size":5000`), []byte(`"size":4999`), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			api, e := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}}), newEngines(t)
			first := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
			wantBytes(t, first, ref("a"), api.docs["a"].body)
			e.has(t, 1)
			at := poolName(ref("a").blob())
			e.Put(t, at, forge(e.Bytes(t, at)))
			s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
			wantBytes(t, s, ref("a"), api.docs["a"].body)
			wantCalls(t, api, "a", 2)
			third := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
			eventually(t, func() bool { return s.Stats().Given == 1 })
			wantBytes(t, third, ref("a"), api.docs["a"].body)
			wantCalls(t, api, "a", 2)
		})
	}
}

// The API fails for one machine: the others, who waited for it, hear why, and do not ask.
func TestAFailureIsSharedByAll(t *testing.T) {
	d := &fakeDoc{err: fmt.Errorf("%w: 404", apiclient.ErrNotFound), headerAt: make(chan struct{})}
	api, e := newFake(map[string]*fakeDoc{"a": d}), newEngines(t)
	var stores []*Store
	for range 5 {
		p := e.Join(t)
		stores = append(stores, openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = p }))
	}
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			if _, err := readAll(t.Context(), s, ref("a"), 100); !errors.Is(err, apiclient.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	eventually(t, func() bool { return api.count("a") == 1 })
	close(d.headerAt)
	wg.Wait()
	wantCalls(t, api, "a", 1)
	late := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	if _, err := readAll(t.Context(), late, ref("a"), 100); !errors.Is(err, apiclient.ErrNotFound) || !strings.Contains(err.Error(), "not asked again") {
		t.Error(err)
	}
	wantCalls(t, api, "a", 1)
}

// The store is away: what is here is served, what is new is asked for, once, and given later;
// what others have is not asked for again, unless the member may go on alone.
func TestTheStoreIsAway(t *testing.T) {
	api, e := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}, "b": {body: random(2, 5000)}, "c": {body: random(3, 5000)}}), newEngines(t)
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, s, ref("a"), api.docs["a"].body)
	e.has(t, 1)
	if err := s.Close(); err != nil { // and writes the index
		t.Fatal(err)
	}
	s = openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	other := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	if info, err := other.Stat(t.Context(), ref("a")); err != nil || info.Size != 5000 {
		t.Fatalf("%+v, %v", info, err)
	}
	wantBytes(t, s, ref("c"), api.docs["c"].body)
	eventually(t, func() bool {
		b, err := e.Coordinator.Get(t.Context(), poolHad(ref("c").blob()))
		return err == nil && b != nil
	})
	e.Away.Store(true)
	wantBytes(t, s, ref("b"), api.docs["b"].body)
	for _, id := range []string{"a", "b", "c"} { // by the index, and by the notes of who has them, and of what was just given
		if _, err := readAll(t.Context(), other, ref(id), 100); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("%s: %v", id, err)
		}
		wantCalls(t, api, id, 1)
	}
	e.Alone = true
	free := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, free, ref("b"), api.docs["b"].body)
	wantCalls(t, api, "b", 2)
	e.Away.Store(false)
	e.has(t, 3)
	eventually(t, func() bool {
		got, err := readAll(t.Context(), other, ref("b"), 5000)
		return err == nil && bytes.Equal(got, api.docs["b"].body)
	})
	wantCalls(t, api, "b", 2)
}

// What was asked for while the store was away is not asked for again once that is back, before
// who has it could put it there; one that has gone with it is not waited for without end.
func TestWhatIsOwedToTheStore(t *testing.T) {
	for _, stays := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			api, e := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}, "b": {body: random(2, 5000)}}), newEngines(t)
			s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
			other := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
			wantBytes(t, s, ref("a"), api.docs["a"].body)
			time.Sleep(time.Second)
			e.Away.Store(true)
			wantBytes(t, s, ref("b"), api.docs["b"].body)
			if _, err := readAll(t.Context(), other, ref("b"), 100); !errors.Is(err, apiclient.ErrUnreachable) {
				t.Fatal(err)
			}
			if !stays {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			e.Away.Store(false)
			for began := time.Now(); ; time.Sleep(50 * time.Millisecond) { // until that is noticed
				if got, err := readAll(t.Context(), other, ref("b"), 5000); err == nil && bytes.Equal(got, api.docs["b"].body) {
					break
				}
				if time.Since(began) > time.Minute {
					t.Fatal("it is not to be had")
				}
			}
			want := 1
			if !stays {
				want = 2
			}
			wantCalls(t, api, "b", want)
		})
	}
}

// The coordinator is away: nobody asks for what nobody has, unless the member may go on alone.
func TestTheCoordinatorIsAway(t *testing.T) {
	api, e := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}, "b": {body: random(2, 5000)}}), newEngines(t)
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, s, ref("a"), api.docs["a"].body)
	e.has(t, 1)
	e.Lost.Store(true)
	other := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, other, ref("a"), api.docs["a"].body) // it needs no lease
	if _, err := readAll(t.Context(), other, ref("b"), 100); !errors.Is(err, apiclient.ErrUnreachable) || !strings.Contains(err.Error(), "shared-on-loss") {
		t.Error(err)
	}
	wantCalls(t, api, "b", 0)
	e.Alone = true
	free := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool = e.Join(t) })
	wantBytes(t, free, ref("b"), api.docs["b"].body)
}

// A document of the running month is asked about again by one machine for all of them.
func TestVolatileContentIsRevalidatedOnceForAll(t *testing.T) {
	now, e := newClock(), newEngines(t)
	d := &fakeDoc{body: random(1, 5000), etag: `"1"`}
	api := newFake(map[string]*fakeDoc{"a": d})
	r := ref("a")
	r.Volatile = true
	open := func() *Store {
		p := e.Join(t)
		return openStore(t, t.TempDir(), api, func(c *Config) { c.Pool, c.Now = p, now.now })
	}
	a, b := open(), open()
	wantBytes(t, a, r, d.body)
	eventually(t, func() bool { return a.Stats().Given == 1 })
	wantBytes(t, b, r, d.body)
	wantCalls(t, api, "a", 1)
	now.add(2 * time.Hour)
	wantBytes(t, a, r, d.body)
	wantCalls(t, api, "a", 2)
	eventually(t, func() bool { return a.Stats().Given == 2 })
	wantBytes(t, b, r, d.body)
	wantCalls(t, api, "a", 2)
	now.add(2 * time.Hour)
	other := random(9, 6000)
	api.set("a", &fakeDoc{body: other, etag: `"2"`})
	wantBytes(t, b, r, other)
	eventually(t, func() bool { return b.Stats().Given == 1 })
	wantBytes(t, a, r, other)
	wantCalls(t, api, "a", 3)
}

// What another member could not have is asked for again by who is to ask afresh, as on one
// machine; and a short trouble, which is told to those who waited, keeps nobody else from asking.
func TestWhatAFailureOfOthersIsWorth(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		afresh bool
		calls  int // all together
	}{
		"not there":                    {apiclient.ErrNotFound, false, 1},
		"not there, asked afresh":      {apiclient.ErrNotFound, true, 2},
		"trouble of a moment":          {apiclient.ErrServer, false, 2},
		"trouble, asked afresh":        {apiclient.ErrServer, true, 2},
		"what is no document":          {apiclient.ErrInvalid, false, 1},
		"what is no document, afresh":  {apiclient.ErrInvalid, true, 2},
		"an answer that is none":       {apiclient.ErrProtocol, false, 2},
		"an answer that is none, anew": {apiclient.ErrProtocol, true, 2},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			d := &fakeDoc{err: fmt.Errorf("%w: so it is", tt.err)}
			api, e := newFake(map[string]*fakeDoc{"a": d}), newEngines(t)
			for i := range 2 {
				p := e.Member()
				defer p.Close()
				s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool, c.Afresh = p, i == 1 && tt.afresh })
				defer s.Close()
				if _, err := readAll(t.Context(), s, ref("a"), 100); !errors.Is(err, tt.err) {
					t.Error(err)
				}
				time.Sleep(6 * time.Second)
			}
			if n := api.count("a"); n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
		}))
	}
}

// A coordinator that forgets everything costs a call of what is being asked for, and no reader
// anything: neither one who has had a part of it, nor one who waits for another machine.
func TestALostLeaseIsNoLostDocument(t *testing.T) {
	for name, d := range map[string]*fakeDoc{
		"before the answer":  {headerAt: make(chan struct{})},
		"in the middle":      {stop: make(chan struct{}), stopAt: 40_000},
		"that has no ranges": {stop: make(chan struct{}), stopAt: 40_000, noRange: true},
	} {
		for losses, want := range map[int]int{1: 2, 2: 2} {
			t.Run(fmt.Sprintf("%s, %d", name, losses), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := *d
					d.body, d.etag = random(1, 90_000), `"1"`
					if d.stop != nil {
						d.stop = make(chan struct{})
					} else {
						d.headerAt = make(chan struct{})
					}
					api, e := newFake(map[string]*fakeDoc{"a": &d}), newEngines(t)
					p := e.Member()
					defer p.Close()
					s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool, c.PrefetchLimit, c.StreamAbove = p, 1000, 1000 })
					defer s.Close()
					go func() {
						for range losses {
							time.Sleep(8 * time.Second)
							e.Coordinator.Forget()
						}
						time.Sleep(9 * time.Second)
						api.set("a", &fakeDoc{body: d.body, etag: d.etag, noRange: d.noRange})
						if d.stop != nil {
							close(d.stop)
						} else {
							close(d.headerAt)
						}
					}()
					got, err := readAll(t.Context(), s, ref("a"), 1000)
					if losses == 1 && (err != nil || !bytes.Equal(got, d.body)) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					if losses == 2 && !errors.Is(err, apiclient.ErrUnreachable) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					wantCalls(t, api, "a", want)
					time.Sleep(time.Minute)
					wantBytes(t, s, ref("a"), d.body) // and nothing is remembered of it
				})
			})
		}
	}
}

func putsOfDocuments(op, name string) bool { return op == "put" && strings.HasPrefix(name, "d/") }

// A store that is silent while something is put there holds up nobody for long, neither who
// reads, with a cache or without, nor who leaves.
func TestNobodyIsHeldUpByASilentStore(t *testing.T) {
	for name, size := range map[string]int64{"with a cache": 10 << 20, "without": 0} {
		t.Run(name, inBubble(func(t *testing.T) {
			api, e := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}}), newEngines(t)
			p := e.Member()
			s := openStore(t, t.TempDir(), api, func(c *Config) { c.Pool, c.CacheSize = p, size })
			e.SilentFor(putsOfDocuments)
			began := time.Now()
			wantBytes(t, s, ref("a"), api.docs["a"].body)
			if took := time.Since(began); took > givingMost {
				t.Errorf("a reader waited %v", took)
			}
			began = time.Now()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > givingMost+time.Second {
				t.Errorf("who left waited %v", took)
			}
			e.SilentFor(nil)
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}))
	}
}

// So it is for who leaves while a cache of before is given.
func TestWhoLeavesIsNotHeldUpByWhatIsMissing(t *testing.T) {
	inBubble(func(t *testing.T) {
		api, e, dir := newFake(map[string]*fakeDoc{"a": {body: random(1, 5000)}}), newEngines(t), t.TempDir()
		before := openStore(t, dir, api, nil)
		wantBytes(t, before, ref("a"), api.docs["a"].body)
		if err := before.Close(); err != nil {
			t.Fatal(err)
		}
		p := e.Member()
		s := openStore(t, dir, api, func(c *Config) { c.Pool = p })
		e.SilentFor(putsOfDocuments)
		if _, err := s.Stat(t.Context(), ref("b")); !errors.Is(err, apiclient.ErrNotFound) { // has it look at the contract
			t.Error(err)
		}
		time.Sleep(time.Second)
		if e.Unanswered.Load() == 0 {
			t.Fatal("nothing is given")
		}
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > givingMost+time.Second {
			t.Errorf("who left waited %v", took)
		}
		e.SilentFor(nil)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})(t)
}
