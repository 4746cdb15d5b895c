package disk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/internal/content/blobstore"
)

// paths are where blobs lie, and what somebody else might put beside them.
func paths() *rapid.Generator[string] {
	name := rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 40), func(i int) string { return blobstore.Name(fmt.Sprint(i)) }),
		rapid.Map(rapid.IntRange(0, 9), func(i int) string { return fmt.Sprintf("00000000%024d", i) }), // of one hash
		rapid.SampledFrom([]string{"mine", strings.Repeat("0", 32), strings.Repeat("A", 32), "a.pdf", "\xff", strings.Repeat("0", 31)}),
	)
	return rapid.Custom(func(t *rapid.T) string {
		dir := rapid.SampledFrom([]string{"/c/blobs", "/c/blobs/x", "/c/blobs/" + blobstore.Name("x"), "/c/blobs/" + strings.Repeat("0", 32), "blobs"}).Draw(t, "dir")
		return filepath.Join(dir, name.Draw(t, "name"))
	})
}

// An order has all paths as they are, and each in its place, whatever is put, removed and
// sorted.
func TestOrderIsAList(t *testing.T) {
	type item struct {
		path string
		b    blob
	}
	rapid.Check(t, func(t *rapid.T) {
		o := newOrder()
		var want []item // the oldest first
		take := func(path string) {
			want = slices.DeleteFunc(want, func(i item) bool { return i.path == path })
		}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				path := paths().Draw(t, "path")
				was := slices.IndexFunc(want, func(i item) bool { return i.path == path })
				b, ok := o.remove(keyOf(path))
				if ok != (was >= 0) || ok && b.size != want[was].b.size {
					t.Fatalf("%s: %v, %v", path, b, ok)
				}
				take(path)
			case 1:
				k, b, ok := o.oldest()
				if ok != (len(want) > 0) || ok && (k.path() != want[0].path || b.size != want[0].b.size || !b.used.Equal(want[0].b.used)) {
					t.Fatalf("the oldest is %v, %v, %v", k, b, ok)
				}
				if ok {
					o.remove(k)
					want = want[1:]
				}
			case 2:
				o.sort()
				slices.SortStableFunc(want, func(a, b item) int { return a.b.used.Compare(b.b.used) })
				for i := range want[:max(len(want)-1, 0)] { // those of one time in any order
					if want[i].b.used.Equal(want[i+1].b.used) {
						want = want[:0]
						o.all(func(k blobKey, e *entry) { want = append(want, item{k.path(), e.blob()}) })
						break
					}
				}
			default:
				i := item{paths().Draw(t, "path"), blob{rapid.Int64Range(0, 9).Draw(t, "size"), time.Unix(0, rapid.Int64().Draw(t, "used"))}}
				o.put(keyOf(i.path), i.b)
				take(i.path)
				want = append(want, i)
			}
			n := 0
			o.all(func(k blobKey, e *entry) {
				if n < len(want) && (k.path() != want[n].path || e.blob() != want[n].b) {
					t.Fatalf("%s, %v at %d, not %v", k.path(), e.blob(), n, want[n])
				}
				if b, ok := o.get(k); !ok || b != e.blob() {
					t.Fatalf("%s is not found", k.path())
				}
				n++
			})
			if n != len(want) || o.count != n {
				t.Fatalf("%d of %d, counted %d", n, len(want), o.count)
			}
		}
	})
}

// A file may be of any time. The order of those that no number tells stays as well as it can.
func TestTimesOutOfBounds(t *testing.T) {
	for _, tt := range []struct {
		at   time.Time
		want int64
	}{
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
		{time.Time{}, math.MinInt64},
		{time.Unix(5, 6), 5_000_000_006},
	} {
		if got := nanoseconds(tt.at); got != tt.want {
			t.Errorf("%v: %d", tt.at, got)
		}
	}
}

// What is not ours counts, and goes as the rest does: the bound is one of bytes.
func TestWhatIsNotOursIsBoundedToo(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-48 * time.Hour)
	var odd []string
	for _, name := range []string{"mine", "x/" + strings.Repeat("0", 32), "x/y/z.pdf", blobstore.Name("c") + "/mine"} {
		path := filepath.Join(dir, "blobs", name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o700))
		check(t, os.WriteFile(path, make([]byte, 10<<10), 0o600))
		check(t, os.Chtimes(path, old, old))
		odd = append(odd, path)
	}
	s := openSurveyed(t, dir, 64<<10)
	if n, b := s.Usage(); n != len(odd) || b != 40<<10 {
		t.Errorf("%d blobs of %d bytes", n, b)
	}
	for i := range 6 {
		put(t, s, fmt.Sprint(i), bytes.Repeat([]byte{1}, 10<<10))
	}
	if got := onDisk(t, s); got > 64<<10 {
		t.Errorf("%d bytes", got)
	}
	for i := range 6 {
		if _, err := os.Stat(s.Path(key(fmt.Sprint(i)))); err != nil {
			t.Errorf("it was thrown out before older ones: %v", err)
		}
	}
}

// What is put and touched while a survey is under way, which may have passed its place, is
// counted; what is removed meanwhile and was not met is not.
func TestWhatIsPutDuringASurvey(t *testing.T) {
	dir := t.TempDir()
	c := newBound(dir, 1<<30, slog.New(slog.DiscardHandler))
	path := func(id string) string { return filepath.Join(c.dir, "c", blobstore.Name(id)) }
	c.add(t.Context(), path("before"), 1) // no file: it was removed by somebody else
	for i := range 2000 {
		check(t, os.MkdirAll(filepath.Join(c.dir, fmt.Sprint(i)), 0o700))
	}
	ctx := &stepping{Context: t.Context()}
	ctx.step = func(n int) {
		switch n {
		case 100:
			c.add(t.Context(), path("added"), 10)
			c.touch(path("touched"), 100)
			c.touch(path("removed"), 1000)
		case 200:
			c.remove(path("removed"))
		}
	}
	c.survey(ctx, "")
	if n, b := c.usage(); n != 2 || b != 110 {
		t.Errorf("%d blobs of %d bytes", n, b)
	}
}

// How much memory a blob takes, of a million about 60 MB: in bytes, while it is surveyed as
// much again.
func TestMemoryOfABound(t *testing.T) {
	const blobs, most = 50_000, 72
	c := newBound(t.TempDir(), 1<<40, slog.New(slog.DiscardHandler))
	before := heap()
	for i := range blobs {
		c.touch(filepath.Join(c.dir, blobstore.Name(fmt.Sprint(i/1000)), blobstore.Name(fmt.Sprint(i))), 2048)
	}
	got := (heap() - before) / blobs
	t.Logf("%d bytes a blob", got)
	if n, _ := c.usage(); got > most || n != blobs {
		t.Errorf("%d bytes a blob, not %d", got, most)
	}
}

// heap is the number of bytes that are in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func BenchmarkTouch(b *testing.B) {
	c := newBound(b.TempDir(), 1<<40, slog.New(slog.DiscardHandler))
	paths := make([]string, 50_000)
	for i := range paths {
		paths[i] = filepath.Join(c.dir, blobstore.Name(fmt.Sprint(i/1000)), blobstore.Name(fmt.Sprint(i)))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.touch(paths[i%len(paths)], 2048)
	}
}

// stepping is a context that is asked whether it has ended, and counts.
type stepping struct {
	context.Context
	n    int
	step func(n int)
}

func (c *stepping) Err() error {
	c.n++
	c.step(c.n)
	return c.Context.Err()
}
