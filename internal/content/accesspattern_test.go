package content

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// walkStore has 200 small documents, and an access pattern over them whose inode order is
// shuffled.
func walkStore(t *testing.T, change func(*Config)) (*fakeAPI, *Store, []Ref, *AccessPattern, []int) {
	docs := map[string]*fakeDoc{}
	refs := make([]Ref, 200)
	inos := make([]uint64, len(refs))
	byIno := rand.New(rand.NewPCG(1, 2)).Perm(len(refs))
	for i := range refs {
		id := fmt.Sprintf("d%03d", i)
		refs[i] = ref(id)
		docs[id] = &fakeDoc{body: random(uint64(i), 6000)}
	}
	for rank, i := range byIno {
		inos[i] = uint64(rank + 10)
	}
	api := newFake(docs)
	s := openStore(t, t.TempDir(), api, change)
	return api, s, refs, s.NewAccessPattern(len(refs), func(i int) Ref { return refs[i] }, inos), byIno
}

func TestWalkersAreServedAheadWithOneCallADocument(t *testing.T) {
	for _, order := range []string{"name", "inode"} {
		t.Run(order, func(t *testing.T) {
			api, s, refs, w, byIno := walkStore(t, nil)
			for n := range refs {
				i := n
				if order == "inode" {
					i = byIno[n]
				}
				w.Touch(i, false)
				if _, err := s.Stat(t.Context(), refs[i]); err != nil {
					t.Fatal(err)
				}
			}
			for i := range refs {
				w.Touch(i, true)
				wantBytes(t, s, refs[i], random(uint64(i), 6000))
			}
			// How many depends on who runs first: a walker who is quicker than his
			// documents overtakes them. Without a sequence seen there would be none.
			if ahead := s.Stats().Ahead; ahead < int64(s.largestWindow()) {
				t.Errorf("only %d of %d fetched ahead", ahead, len(refs))
			}
			for _, r := range refs {
				wantCalls(t, api, r.DocumentID, 1)
			}
		})
	}
}

func TestRandomReadersGetNothingAhead(t *testing.T) {
	_, s, refs, w, _ := walkStore(t, nil)
	for _, i := range []int{100, 3, 180, 50, 120, 9, 77} {
		w.Touch(i, true)
		if _, err := readAll(t.Context(), s, refs[i], 500); err != nil {
			t.Fatal(err)
		}
	}
	if ahead := s.Stats().Ahead; ahead != 0 {
		t.Errorf("%d fetched ahead", ahead)
	}
}

func TestWindowCollapses(t *testing.T) {
	_, _, _, w, _ := walkStore(t, nil)
	c := &w.sequences[0]
	for i := range 10 {
		w.Touch(i, false)
	}
	if c.window != w.size {
		t.Errorf("window %d after ten neighbours, want %d", c.window, w.size)
	}
	w.Touch(150, false)
	if c.window != 0 {
		t.Errorf("window %d after a jump", c.window)
	}
}

func TestNothingAheadWithoutACacheOrNetwork(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no cache":   func(c *Config) { c.CacheSize = 0 },
		"tiny cache": func(c *Config) { c.CacheSize = c.PrefetchLimit },
		"offline":    func(c *Config) { c.Offline = true },
	} {
		t.Run(name, func(t *testing.T) {
			_, s, refs, w, _ := walkStore(t, change)
			for i := range refs {
				w.Touch(i, true)
			}
			if ahead := s.Stats().Ahead; ahead != 0 {
				t.Errorf("%d fetched ahead", ahead)
			}
		})
	}
}

func TestLargeDocumentsAheadAreNotDownloaded(t *testing.T) {
	api, s, refs, w, _ := walkStore(t, func(c *Config) { c.PrefetchLimit = 100 })
	for i := range refs {
		w.Touch(i, false)
		if _, err := s.Stat(t.Context(), refs[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range refs {
		wantCalls(t, api, r.DocumentID, 1)
	}
	if n := s.Stats().Downloads; n != 0 {
		t.Errorf("%d downloads", n)
	}
}

// Documents that are too large to be fetched whole ahead of their readers are asked for
// once, too, by whoever reads one after the other, however slowly: their sizes alone
// must not cost a call each.
func TestLargeDocumentsAreAskedForOnce(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stats bool          // as cp and tar do
		pause time.Duration // for each document
		slots int           // connections
	}{
		{"cat", false, 0, 16}, {"cp", true, 0, 16}, {"slow", true, time.Second, 16}, {"slower", true, 4 * time.Second, 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, s, refs, w, _ := walkStore(t, func(c *Config) { c.PrefetchLimit, c.Connections = 1000, tt.slots })
				refs = refs[:30]
				for i, r := range refs {
					if tt.stats {
						w.Touch(i, false)
						if _, err := s.Stat(t.Context(), r); err != nil {
							t.Fatal(err)
						}
					}
					w.Touch(i, true)
					wantBytes(t, s, r, random(uint64(i), 6000))
					time.Sleep(tt.pause)
					synctest.Wait()
				}
				for _, r := range refs {
					wantCalls(t, api, r.DocumentID, 1)
				}
			})
		})
	}
}

// What is fetched ahead takes no connection for long where there are few.
func TestParkingLeavesConnections(t *testing.T) {
	for connections, ahead := range map[int]int{1: 0, 3: 0, 4: 1, 16: 4} {
		s := openStore(t, t.TempDir(), newFake(nil), func(c *Config) { c.Connections = connections })
		n := 0
		for range 10 {
			if lot, _ := s.lingering.stay(false); lot != nil {
				n++
			}
		}
		if n != ahead {
			t.Errorf("%d connections: %d wait ahead, want %d", connections, n, ahead)
		}
		if lot, _ := s.lingering.stay(true); lot == nil {
			t.Errorf("%d connections: no place for what was asked for", connections)
		}
	}
}

// Several readers at once, who each ask for the size just before they open, send one
// another's downloads away no sooner than the connections run short.
func TestReadersAtOnceAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, s, refs, _, _ := walkStore(t, func(c *Config) { c.PrefetchLimit, c.Connections = 1000, 16 })
		for _, r := range refs[:8] {
			if _, err := s.Stat(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for i, r := range refs[:8] {
			wantBytes(t, s, r, random(uint64(i), 6000))
			wantCalls(t, api, r.DocumentID, 1)
		}
	})
}
