package content

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// tinyPool has buffers of a few bytes, so that there are many chunks.
func tinyPool(size int) *sync.Pool {
	return &sync.Pool{New: func() any { b := make([]byte, size); return &b }}
}

// receive puts p into the space for what follows at.
func (r *recent) receive(p []byte, at int64, most int) {
	for len(p) > 0 {
		n := copy(r.space(at, most), p)
		r.keep(n)
		p, at = p[n:], at+int64(n)
	}
}

func (b Bytes) join() []byte { return bytes.Join(b.Parts, nil) }

// TestRecent: whatever comes and whoever reads, a view is of the bytes of the document, and
// stays so until it is done with.
func TestRecent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := tinyPool(8)
		r := recent{pool: pool}
		most := rapid.IntRange(1, 4).Draw(t, "most")
		doc := make([]byte, 400)
		for i := range doc {
			doc[i] = byte(i%250 + 1)
		}
		type seen struct {
			Bytes
			off int
		}
		var views []seen
		have := 0
		check := func() {
			for _, v := range views {
				if got := v.join(); !bytes.Equal(got, doc[v.off:v.off+len(got)]) {
					t.Fatalf("at %d: %v", v.off, got)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"receive": func(t *rapid.T) {
				n := min(rapid.IntRange(0, 20).Draw(t, "bytes"), len(doc)-have)
				r.receive(doc[have:have+n], int64(have), most)
				have += n
			},
			"take up again": func(t *rapid.T) { // from before what is there, as without Range
				have = rapid.IntRange(0, have).Draw(t, "at")
			},
			"view": func(t *rapid.T) {
				off := rapid.IntRange(0, have).Draw(t, "off")
				n := rapid.IntRange(0, len(doc)-off).Draw(t, "n")
				if b, ok := r.view(n, int64(off)); ok {
					if b.Len() != n {
						t.Fatalf("%d bytes, want %d", b.Len(), n)
					}
					views = append(views, seen{b, off})
				}
			},
			"done": func(t *rapid.T) {
				if len(views) > 0 {
					i := rapid.IntRange(0, len(views)-1).Draw(t, "view")
					views[i].Done()
					views = append(views[:i], views[i+1:]...)
				}
			},
			"another document": func(*rapid.T) { // takes what the pool has, and writes to it
				b := pool.Get().(*[]byte)
				clear(*b)
				pool.Put(b)
			},
			"forget": func(*rapid.T) { r.forget() },
			"":       func(*rapid.T) { check() },
		})
	})
}

// What is not all there is not there; the last chunks are.
func TestRecentHoldsTheLast(t *testing.T) {
	r := recent{pool: tinyPool(8)}
	doc := bytes.Repeat([]byte("0123456789"), 10)
	r.receive(doc, 0, 3)
	for _, c := range []struct {
		off, n int
		there  bool
	}{{0, 8, false}, {76, 24, false}, {80, 20, true}, {80, 21, false}, {87, 2, true}, {99, 1, true}, {100, 0, true}, {100, 1, false}} {
		b, ok := r.view(c.n, int64(c.off))
		if ok != c.there || ok && !bytes.Equal(b.join(), doc[c.off:c.off+c.n]) {
			t.Errorf("%d bytes at %d: %q, %v", c.n, c.off, b.join(), ok)
		}
		b.Done()
	}
	r.forget()
	if _, ok := r.view(1, 99); ok {
		t.Error("something is left")
	}
}

// A document that is read while it comes is right for all its readers, however they read,
// also where it breaks off and is taken up again, from there or from its beginning.
func TestReadersOfWhatComes(t *testing.T) {
	data := random(1, 4<<20+12345)
	for name, d := range map[string]*fakeDoc{
		"at once":   {body: data, etag: `"1"`},
		"in parts":  {body: data, etag: `"1"`, cuts: []int{1 << 20, 1<<20 + 100_001, 3 << 20}},
		"from new":  {body: data, cuts: []int{1<<20 + 77, 2 << 20}, noRange: true},
		"unlimited": {body: data, noSize: true, etag: `"1"`, cuts: []int{1 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), newFake(map[string]*fakeDoc{"d": d}), func(c *Config) { c.StreamAbove, c.PrefetchLimit = 1, 1 })
			var wg sync.WaitGroup
			for reader := range 6 {
				wg.Go(func() {
					f, err := s.Open(t.Context(), ref("d"))
					if err != nil {
						t.Error(err)
						return
					}
					defer f.Close()
					p := make([]byte, 128<<10+reader%3*777)
					for off := 0; off < len(data); {
						b, err := f.Read(t.Context(), p, int64(off))
						n := b.Len()
						if n == 0 || !bytes.Equal(b.join(), data[off:off+n]) {
							t.Errorf("reader %d: %d bytes at %d, or others: %v", reader, n, off, err)
							n = len(data)
						}
						off += n
						b.Done()
					}
				})
			}
			wg.Wait()
		})
	}
}

// A document that could not be asked about again is served as it was: not with the beginning
// of what else came, before it broke off for good.
func TestWhatCameInVainIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := random(50, 3000), random(51, 3000)
		api := newFake(map[string]*fakeDoc{"a": {body: before}})
		var s *Store
		served := onWarning(func() { wantPart(t, s, volatileRef("a"), before, 0, 1000) })
		s = openStore(t, t.TempDir(), api, func(c *Config) { c.Logger = slog.New(served) })
		wantBytes(t, s, volatileRef("a"), before)
		time.Sleep(2 * time.Hour)
		api.set("a", &fakeDoc{body: after, cuts: slices.Repeat([]int{2000}, 100)})
		wantBytes(t, s, volatileRef("a"), before)
		if got := api.count("a"); got < 2 {
			t.Errorf("%d calls", got)
		}
	})
}

// onWarning is a handler that does something in the middle of what is warned of.
type onWarning func()

func (h onWarning) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (h onWarning) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h onWarning) WithGroup(string) slog.Handler                { return h }
func (h onWarning) Handle(context.Context, slog.Record) error {
	h()
	return nil
}

// wantPart reads n bytes at off, with a file of its own.
func wantPart(t *testing.T, s *Store, r Ref, want []byte, off, n int) {
	t.Helper()
	f, err := s.Open(t.Context(), r)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	got := make([]byte, n)
	if _, err := f.ReadAt(t.Context(), got, int64(off)); err != nil || !bytes.Equal(got, want[off:off+n]) {
		t.Errorf("at %d: other bytes, or %v", off, err)
	}
}
