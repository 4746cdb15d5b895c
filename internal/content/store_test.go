package content

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore/memory"
)

func TestOneCallADocument(t *testing.T) {
	body := random(1, 5000)
	for name, noSize := range map[string]bool{"with length": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			api := newFake(map[string]*fakeDoc{"a": {body: body, noSize: noSize}})
			dir := t.TempDir()
			s := openStore(t, dir, api, nil)
			if _, ok := s.Peek(ref("a")); ok {
				t.Fatal("size known before anybody asked")
			}
			wantCalls(t, api, "a", 0)
			info, err := s.Stat(t.Context(), ref("a"))
			if err != nil || info.Size != 5000 {
				t.Fatalf("Stat: %+v, %v", info, err)
			}
			wantBytes(t, s, ref("a"), body)
			if info, ok := s.Peek(ref("a")); !ok || info.Size != 5000 || info.SHA256 == "" {
				t.Fatalf("Peek: %+v, %v", info, ok)
			}
			s2 := openStore(t, dir, api, nil)
			if info, ok := s2.Peek(ref("a")); !ok || info.Size != 5000 {
				t.Fatalf("Peek by a second process: %+v, %v", info, ok)
			}
			wantBytes(t, s2, ref("a"), body)
			wantCalls(t, api, "a", 1)
		})
	}
}

func TestStatOfLargeDocumentThenOpen(t *testing.T) {
	body := random(2, 100_000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = 2000 })
	if info, err := s.Stat(t.Context(), ref("a")); err != nil || info.Size != 100_000 {
		t.Fatalf("Stat: %+v, %v", info, err)
	}
	wantBytes(t, s, ref("a"), body) // comes while the download waits for it
	wantCalls(t, api, "a", 1)
}

func TestStatOfLargeDocumentsOnly(t *testing.T) {
	docs := map[string]*fakeDoc{}
	ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for i, id := range ids {
		docs[id] = &fakeDoc{body: random(uint64(i), 100_000)}
	}
	api := newFake(docs)
	dir := t.TempDir()
	s := openStore(t, dir, api, func(c *Config) { c.PrefetchLimit = 2000; c.Connections = 4 })
	for _, id := range ids {
		if _, err := s.Stat(t.Context(), ref(id)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	api.mu.Lock()
	open := api.open
	api.mu.Unlock()
	if open != 0 {
		t.Errorf("%d bodies left open", open)
	}
	s = openStore(t, dir, api, func(c *Config) { c.Offline = true })
	for _, id := range ids {
		wantCalls(t, api, id, 1)
	}
	known := 0
	for _, id := range ids {
		if info, ok := s.Peek(ref(id)); ok && info.Size == 100_000 {
			known++
		}
	}
	if known < len(ids)-1 { // the last one may still have waited for its reader
		t.Errorf("%d of %d sizes remembered", known, len(ids))
	}
}

func TestHundredReadersOneCall(t *testing.T) {
	body := random(3, 50_000)
	api := newFake(map[string]*fakeDoc{"a": {body: body, stop: make(chan struct{}), stopAt: 20_000}})
	s := openStore(t, t.TempDir(), api, nil)
	impatient, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	left := make(chan error, 1)
	wg.Go(func() { _, err := readAll(impatient, s, ref("a"), 30_000); left <- err })
	results := make(chan bool, 100)
	for range 100 {
		wg.Go(func() {
			got, err := readAll(t.Context(), s, ref("a"), 777)
			results <- err == nil && bytes.Equal(got, body)
		})
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the reader who left got %v", err)
	}
	close(api.docs["a"].stop)
	wg.Wait()
	close(results)
	for ok := range results {
		if !ok {
			t.Fatal("a reader did not get the document")
		}
	}
	wantCalls(t, api, "a", 1)
}

func TestReadersGetBytesBeforeTheEnd(t *testing.T) {
	body := random(4, 50_000)
	api := newFake(map[string]*fakeDoc{"a": {body: body, stop: make(chan struct{}), stopAt: 20_000}})
	s := openStore(t, t.TempDir(), api, nil)
	f, err := s.Open(t.Context(), ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 10_000)
	if n, err := f.ReadAt(t.Context(), p, 5000); n != len(p) || err != nil || !bytes.Equal(p, body[5000:15_000]) {
		t.Fatalf("read %d, %v", n, err)
	}
	close(api.docs["a"].stop)
}

func TestBrokenBodies(t *testing.T) {
	body, other := random(5, 50_000), random(6, 50_000)
	for _, tt := range []struct {
		name  string
		doc   fakeDoc
		calls int
	}{
		{"resumed by range", fakeDoc{etag: `"x"`, cuts: []int{10_000, 30_000}}, 3},
		{"no validator", fakeDoc{cuts: []int{10_000, 30_000}}, 3},
		{"no range", fakeDoc{noRange: true, cuts: []int{10_000, 30_000, 5000}}, 4},
		{"no range, no size", fakeDoc{noRange: true, noSize: true, cuts: []int{10_000}}, 2},
		{"cut before a byte", fakeDoc{cuts: []int{0, 0, 0}}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.doc.body = body
			api := newFake(map[string]*fakeDoc{"a": &tt.doc})
			s := openStore(t, t.TempDir(), api, nil)
			wantBytes(t, s, ref("a"), body)
			wantCalls(t, api, "a", tt.calls)
		})
	}
	t.Run("cut for ever", func(t *testing.T) {
		t.Parallel()
		api := newFake(map[string]*fakeDoc{"a": {body: body, cuts: []int{9, 9, 9, 9, 9, 9, 9, 9}}})
		s := openStore(t, t.TempDir(), api, nil)
		if _, err := readAll(t.Context(), s, ref("a"), 1000); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Fatalf("got %v", err)
		}
		wantCalls(t, api, "a", 5) // the first, which made progress, and four that did not
	})
	t.Run("another document in its place", func(t *testing.T) {
		t.Parallel()
		api := newFake(map[string]*fakeDoc{"a": {body: body, noRange: true, cuts: []int{10_000}}})
		s := openStore(t, t.TempDir(), api, nil)
		f, err := s.Open(t.Context(), ref("a"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.ReadAt(t.Context(), make([]byte, 5000), 0); err != nil {
			t.Fatal(err)
		}
		api.set("a", &fakeDoc{body: other})
		if _, err := f.ReadAt(t.Context(), make([]byte, 50_000), 0); !errors.Is(err, ErrChanged) {
			t.Fatalf("got %v, want ErrChanged", err)
		}
		wantBytes(t, s, ref("a"), other)
	})
	// A server that does not heed If-Range continues the old version with the
	// rest of the new one: that was put together, and kept.
	t.Run("the rest of another version", func(t *testing.T) {
		t.Parallel()
		api := newFake(map[string]*fakeDoc{"a": {body: body, etag: `"x"`, cuts: []int{10_000}}})
		s := openStore(t, t.TempDir(), api, nil)
		f, err := s.Open(t.Context(), ref("a"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.ReadAt(t.Context(), make([]byte, 5000), 0); err != nil {
			t.Fatal(err)
		}
		was := f.Info()
		api.set("a", &fakeDoc{body: other, etag: `"y"`, deaf: true})
		if _, err := f.ReadAt(t.Context(), make([]byte, 50_000), 0); !errors.Is(err, ErrChanged) {
			t.Fatalf("got %v, want ErrChanged", err)
		}
		if info, ok := s.Peek(ref("a")); ok {
			t.Errorf("still known after two contents were met: %+v", info)
		}
		wantBytes(t, s, ref("a"), other)
		// Of the same size: without a new generation the kernel put its pages of
		// the old content together with the rest of the new one.
		if info, ok := s.Peek(ref("a")); !ok || info.Generation == was.Generation {
			t.Errorf("generation %d, as before", info.Generation)
		}
	})
}

func TestLargeDownloadStopsWithItsReadersAndResumes(t *testing.T) {
	body := random(7, 100_000)
	api := newFake(map[string]*fakeDoc{"a": {body: body, etag: `"x"`, stop: make(chan struct{}), stopAt: 40_000}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit = 2000 })
	f, err := s.Open(t.Context(), ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(t.Context(), make([]byte, 100), 39_900); err != nil {
		t.Fatal(err)
	}
	f.Close()
	close(api.docs["a"].stop)
	d := s.active[ref("a").key()]
	for { // it waits for a reader, then stops
		d.mu.Lock()
		state := d.state
		d.mu.Unlock()
		if state == idle {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	wantBytes(t, s, ref("a"), body)
	wantCalls(t, api, "a", 2)
	if r := api.reqs[1]; r.Offset < 39_900 || r.IfRange != `"x"` {
		t.Errorf("second request %+v does not resume", r)
	}
}

func TestFailuresAreRememberedForAWhile(t *testing.T) {
	for _, tt := range []struct {
		err  error
		hold time.Duration
	}{
		{apiclient.ErrForbidden, 30 * time.Second},
		{apiclient.ErrNotFound, 30 * time.Second},
		{apiclient.ErrServer, time.Second},
		{apiclient.ErrUnreachable, time.Second},
		{apiclient.ErrProtocol, 5 * time.Second},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			c := newClock()
			api := newFake(map[string]*fakeDoc{"a": {err: tt.err}})
			s := openStore(t, t.TempDir(), api, func(cfg *Config) { cfg.Now = c.now })
			for range 10 {
				if _, err := s.Stat(t.Context(), ref("a")); !errors.Is(err, tt.err) {
					t.Fatalf("got %v", err)
				}
			}
			wantCalls(t, api, "a", 1)
			c.add(tt.hold)
			api.set("a", &fakeDoc{body: random(8, 3000)})
			wantBytes(t, s, ref("a"), random(8, 3000))
			wantCalls(t, api, "a", 2)
		})
	}
}

func TestOffline(t *testing.T) {
	body := random(9, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}, "b": {body: body}})
	dir := t.TempDir()
	wantBytes(t, openStore(t, dir, api, nil), ref("a"), body)
	s := openStore(t, dir, api, func(c *Config) { c.Offline = true })
	wantBytes(t, s, ref("a"), body)
	old := ref("a")
	old.Volatile = true
	wantBytes(t, s, old, body)
	if _, err := s.Stat(t.Context(), ref("b")); !errors.Is(err, ErrOffline) || !errors.Is(err, apiclient.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	wantCalls(t, api, "b", 0)
}

func TestEvictionKeepsSizes(t *testing.T) {
	docs := map[string]*fakeDoc{}
	ids := []string{"a", "b", "c", "d", "e"}
	for i, id := range ids {
		docs[id] = &fakeDoc{body: random(uint64(i), 1000)}
	}
	api := newFake(docs)
	dir := t.TempDir()
	s := openStore(t, dir, api, func(c *Config) { c.CacheSize = 3500 })
	for _, id := range ids {
		wantBytes(t, s, ref(id), docs[id].body)
	}
	blobs, err := filepath.Glob(filepath.Join(dir, "content", "blobs", "*", "*"))
	if err != nil || len(blobs) != 3 {
		t.Fatalf("%d blobs kept, %v; want 3", len(blobs), err)
	}
	for _, id := range ids {
		if info, ok := s.Peek(ref(id)); !ok || info.Size != 1000 || info.SHA256 == "" {
			t.Errorf("%s: %+v, %v", id, info, ok)
		}
	}
	wantBytes(t, s, ref("e"), docs["e"].body)
	wantCalls(t, api, "e", 1)
	wantBytes(t, s, ref("a"), docs["a"].body)
	wantCalls(t, api, "a", 2)
	if info, _ := s.Peek(ref("a")); info.Generation != 1 {
		t.Errorf("the same content fetched again is generation %d", info.Generation)
	}
}

// The kernel does not tell of every file that it closed just before an unmount:
// what such a file held stayed open, and on the disk, until the collector came by.
func TestCloseLetsGoOfOpenFiles(t *testing.T) {
	body := random(8, 100_000)
	for name, c := range map[string]struct {
		cache int64
		doc   *fakeDoc
		drop  bool // it was found damaged while open: only the handle has it
	}{
		"in the cache":   {cache: 1 << 20, doc: &fakeDoc{body: body}},
		"in the spool":   {doc: &fakeDoc{body: body}},
		"half-way":       {doc: &fakeDoc{body: body, stop: make(chan struct{}), stopAt: 40_000}},
		"out of the way": {cache: 1 << 20, doc: &fakeDoc{body: body}, drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir, newFake(map[string]*fakeDoc{"a": c.doc}), func(cfg *Config) { cfg.CacheSize = c.cache })
			f, err := s.Open(t.Context(), ref("a"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.ReadAt(t.Context(), make([]byte, 100), 0); err != nil {
				t.Fatal(err)
			}
			if c.drop {
				s.forget(f.d)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if open := openBelow(t, dir); len(open) > 0 {
				t.Errorf("still open: %q", open)
			}
			if _, err := f.ReadAt(t.Context(), make([]byte, 100), 0); !errors.Is(err, ErrClosed) {
				t.Errorf("a read afterwards: %v, want ErrClosed", err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if _, err := s.Open(t.Context(), ref("a")); !errors.Is(err, ErrClosed) {
				t.Errorf("an open afterwards: %v, want ErrClosed", err)
			}
			if open := openBelow(t, dir); len(open) > 0 {
				t.Errorf("open afterwards: %q", open)
			}
		})
	}
}

// openBelow returns what this process has open below a directory.
func openBelow(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, dir+"/") {
			open = append(open, target)
		}
	}
	return open
}

// Begin tells before anything is read whether the document can be had.
func TestBegin(t *testing.T) {
	small, large := random(21, 3000), random(22, 100_000)
	stop := make(chan struct{})
	api := newFake(map[string]*fakeDoc{
		"small": {body: small}, "unsized": {body: small, noSize: true}, "refused": {err: apiclient.ErrForbidden},
		"large": {body: large, stop: stop, stopAt: 50_000}, "evicted": {body: small},
		"medium": {body: random(24, 30_000)},
	})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.PrefetchLimit, c.StreamAbove = 20_000, 50_000 })
	begin := func(id string) (*File, error) {
		f, err := s.Open(t.Context(), ref(id))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f, f.Begin(t.Context())
	}
	for _, id := range []string{"small", "unsized", "medium"} {
		f, err := begin(id)
		if err != nil {
			t.Fatal(err)
		}
		f.d.mu.Lock()
		if f.d.n != f.d.size {
			t.Errorf("%s is not here", id)
		}
		f.d.mu.Unlock()
		wantCalls(t, api, id, 1)
	}
	if f, err := begin("large"); err != nil { // although it has stopped in the middle
		t.Error(err)
	} else if _, err := f.ReadAt(t.Context(), make([]byte, 10), 0); err != nil {
		t.Error(err)
	}
	close(stop)
	if _, err := begin("refused"); !errors.Is(err, apiclient.ErrForbidden) {
		t.Errorf("%v", err)
	}
	if _, err := s.Fetch(t.Context(), ref("evicted")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(blobOf(s, "evicted")); err != nil {
		t.Fatal(err)
	}
	api.set("evicted", &fakeDoc{err: apiclient.ErrServer})
	if _, err := begin("evicted"); !errors.Is(err, apiclient.ErrServer) {
		t.Errorf("of what is known, but not here any more: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	api.set("later", &fakeDoc{body: large, headerAt: make(chan struct{})})
	f, err := s.Open(t.Context(), ref("later"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Begin(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not want to wait: %v", err)
	}
	api.mu.Lock()
	close(api.docs["later"].headerAt)
	api.mu.Unlock()
}

// Where nothing is kept, what the kernel may have all of is not asked for again.
func TestBeginWithoutACache(t *testing.T) {
	body := random(23, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.CacheSize = 0 })
	wantBytes(t, s, ref("a"), body)
	f, err := s.Open(t.Context(), ref("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Begin(t.Context()); err != nil {
		t.Error(err)
	}
	wantCalls(t, api, "a", 1)
}

// Documents are kept in any store of blobs, and found in it again.
func TestDocumentsAreKeptInMemory(t *testing.T) {
	small, large := random(61, 5000), random(62, 300_000)
	api := newFake(map[string]*fakeDoc{"small": {body: small}, "large": {body: large}})
	dir, blobs := t.TempDir(), memory.New(1<<20)
	inMemory := func(cfg *Config) { cfg.Blobs, cfg.PrefetchLimit, cfg.StreamAbove = blobs, 100_000, 100_000 }
	for range 2 {
		s := openStore(t, dir, api, inMemory)
		for range 2 {
			wantBytes(t, s, ref("small"), small)
			wantBytes(t, s, ref("large"), large)
		}
		eventually(t, func() bool { return s.Stats().Running == 0 }) // the last one is put into its place
		if st := s.Stats(); st.Blobs != 2 || st.BlobBytes != 305_000 {
			t.Errorf("%+v", st)
		}
		if got := verified(t, s); got["small"] != "ok" || got["large"] != "ok" {
			t.Errorf("%v", got)
		}
	}
	wantCalls(t, api, "small", 1)
	wantCalls(t, api, "large", 1)
	if err := blobs.Remove(ref("small").blob(), nil); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, openStore(t, dir, api, inMemory), ref("small"), small)
	wantCalls(t, api, "small", 2)
}
