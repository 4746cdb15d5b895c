package pooltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/pool"
)

// RunObjects runs all tests on a kind of [pool.Objects]. Each call of open opens the same
// store, as another member would, and nothing is in it before the first. What it opens is
// closed at the end of the test.
func RunObjects(t *testing.T, open func(t *testing.T) pool.Objects) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open func(t *testing.T) pool.Objects)
	}{
		{"WhatWasPutIsThere", objectsWhatWasPutIsThere},
		{"NothingThere", objectsNothingThere},
		{"Replace", objectsReplace},
		{"Remove", objectsRemove},
		{"NamesAtTheLimits", objectsNamesAtTheLimits},
		{"NamesThatCannotBe", objectsNamesThatCannotBe},
		{"ListByPrefix", objectsListByPrefix},
		{"ListMany", objectsListMany},
		{"ListEndsWhenAsked", objectsListEndsWhenAsked},
		{"TwoWritersLeaveEither", objectsTwoWritersLeaveEither},
		{"ReadWhileReplaced", objectsReadWhileReplaced},
		{"ABodyThatFailsPutsNothing", objectsABodyThatFailsPutsNothing},
		{"TheContextEnds", objectsTheContextEnds},
		{"AnotherMemberSeesAll", objectsAnotherMemberSeesAll},
		{"Close", objectsClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, func(t *testing.T) pool.Objects {
				o := open(t)
				t.Cleanup(func() {
					if err := o.Close(); err != nil {
						t.Errorf("closed: %v", err)
					}
				})
				return o
			})
		})
	}
}

// objectOf gives n bytes that are always the same for a seed, and at no two places.
func objectOf(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return b
}

func putObject(t *testing.T, o pool.Objects, name string, p []byte) {
	t.Helper()
	if err := o.Put(t.Context(), name, bytes.NewReader(p), int64(len(p))); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

func readObject(ctx context.Context, o pool.Objects, name string) ([]byte, error) {
	object, err := o.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	p, err := io.ReadAll(object.Body)
	if err == nil && int64(len(p)) != object.Size {
		err = fmt.Errorf("%d bytes, and its size is %d", len(p), object.Size)
	}
	return p, errors.Join(err, object.Body.Close())
}

func wantObject(t *testing.T, o pool.Objects, name string, want []byte) {
	t.Helper()
	got, err := readObject(t.Context(), o, name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, or others, want %d (%v)", name, len(got), len(want), err)
	}
}

func wantNoObject(t *testing.T, o pool.Objects, name string) {
	t.Helper()
	if _, err := readObject(t.Context(), o, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: read (%v)", name, err)
	} else if errors.Is(err, pool.ErrAway) || errors.Is(err, pool.ErrRefused) {
		t.Errorf("%s: what is not there is not a failure: %v", name, err)
	}
}

func listObjects(t *testing.T, o pool.Objects, prefix string) []string {
	t.Helper()
	names := []string{}
	for info, err := range o.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %s: %v", prefix, err)
		}
		names = append(names, info.Name)
	}
	return names
}

func objectsWhatWasPutIsThere(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	for _, n := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 9 << 20} {
		name := fmt.Sprintf("sizes/%d", n)
		putObject(t, o, name, objectOf(1, n))
		wantObject(t, o, name, objectOf(1, n))
		for info, err := range o.List(t.Context(), name) {
			if err != nil || info.Name == name && info.Size != int64(n) {
				t.Errorf("listed as %v (%v)", info, err)
			}
			if age := time.Since(info.Modified); age.Abs() > time.Hour {
				t.Errorf("%s is %v old", info.Name, age)
			}
		}
	}
}

func objectsNothingThere(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	wantNoObject(t, o, "nothing/there")
	if got := listObjects(t, o, "nothing/"); len(got) > 0 {
		t.Errorf("listed %v", got)
	}
	putObject(t, o, "nothing/there/but/this", nil)
	wantNoObject(t, o, "nothing/there")
	wantNoObject(t, o, "nothing/there/but/this/one")
}

func objectsReplace(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	for i, n := range []int{1000, 10, 0, 100_000, 1} {
		putObject(t, o, "replace/it", objectOf(byte(i), n))
		wantObject(t, o, "replace/it", objectOf(byte(i), n))
	}
	// What was opened before stays what it was, or fails.
	before := objectOf(7, 3<<20)
	putObject(t, o, "replace/open", before)
	object, err := o.Get(t.Context(), "replace/open")
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	putObject(t, o, "replace/open", objectOf(8, 3<<20))
	if got, err := io.ReadAll(object.Body); err == nil && !bytes.Equal(got, before) {
		t.Error("an object changed while it was open")
	}
}

func objectsRemove(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	putObject(t, o, "remove/a", []byte("a"))
	putObject(t, o, "remove/ab", []byte("ab"))
	for range 2 { // the second time nothing is there
		if err := o.Remove(t.Context(), "remove/a"); err != nil {
			t.Errorf("removed: %v", err)
		}
		wantNoObject(t, o, "remove/a")
	}
	if err := o.Remove(t.Context(), "remove/never/was"); err != nil {
		t.Errorf("removed what never was: %v", err)
	}
	wantObject(t, o, "remove/ab", []byte("ab"))
	putObject(t, o, "remove/a", []byte("again"))
	wantObject(t, o, "remove/a", []byte("again"))
}

func objectsNamesAtTheLimits(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	names := []string{
		"x", "0", "names/-", "names/_", "names/.hidden", "names/a..b", "names/CAPITAL",
		"names/" + strings.Repeat("n", pool.NameMost-len("names/")),
		"deep/" + strings.Repeat("d/", (pool.NameMost-len("deep/")-2)/2) + "e",
		"names/abcdefghijklmnopqrstuvwxyz-0123456789_.z",
	}
	for i, name := range names {
		putObject(t, o, name, objectOf(byte(i), 10))
	}
	for i, name := range names {
		wantObject(t, o, name, objectOf(byte(i), 10))
		if got := listObjects(t, o, name); !slices.Contains(got, name) {
			t.Errorf("%s is not listed", name)
		}
	}
	for _, name := range names {
		if err := o.Remove(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func objectsNamesThatCannotBe(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	for _, name := range []string{"", "a b", "ä", "a\x00", "a\\b", "a:b", "a\nb", "a~", "a%2e", strings.Repeat("n", pool.NameMost+1)} {
		_, got := o.Get(t.Context(), name)
		for what, err := range map[string]error{
			"get": got, "put": o.Put(t.Context(), name, bytes.NewReader(nil), 0), "remove": o.Remove(t.Context(), name),
		} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
	}
}

func objectsListByPrefix(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	names := []string{
		"list/a-b", "list/a.b", "list/a/b", "list/a/b-c", "list/a/b0", "list/a0", "list/aa/c/d", "list/aa/c/e",
		"list/b", "list-/x", "list0", "lis/t",
	}
	for _, name := range names {
		putObject(t, o, name, []byte(name))
	}
	slices.Sort(names)
	for _, prefix := range []string{"list/", "list/a", "list/a/", "list/a/b", "list/aa/c/", "list/b", "list", "lis", "list/none", "list/b/"} {
		want := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, prefix) })
		if got := listObjects(t, o, prefix); !slices.Equal(got, want) {
			t.Errorf("%s…: listed %v, want %v", prefix, got, want)
		}
	}
	if got := listObjects(t, o, ""); !slices.IsSorted(got) || !slices.Contains(got, "lis/t") || !slices.Contains(got, "list0") {
		t.Errorf("all: %v", got)
	}
}

// many is more than two pages of a list of S3, which has 1,000 at most.
const many = 2500

func objectsListMany(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	var want []string
	for i := range many {
		want = append(want, fmt.Sprintf("many/%02d/%04d", i/100, i))
	}
	next := make(chan string)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for name := range next {
				if err := o.Put(t.Context(), name, strings.NewReader(name), int64(len(name))); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for _, name := range want {
		next <- name
	}
	close(next)
	wg.Wait()
	if got := listObjects(t, o, "many/"); !slices.Equal(got, want) {
		t.Errorf("%d are listed, want %d, or by name", len(got), many)
	}
	if got := listObjects(t, o, "many/07/"); !slices.Equal(got, want[700:800]) {
		t.Errorf("%d are listed, want 100, or by name", len(got))
	}
}

func objectsListEndsWhenAsked(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	for i := range 5 {
		putObject(t, o, fmt.Sprintf("ends/%d", i), nil)
	}
	seen := 0
	for _, err := range o.List(t.Context(), "ends/") {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 2 {
			break
		}
	}
	if got := listObjects(t, o, "ends/"); seen != 2 || len(got) != 5 {
		t.Errorf("%d seen, then %v", seen, got)
	}
}

func objectsTwoWritersLeaveEither(t *testing.T, open func(t *testing.T) pool.Objects) {
	a, b := open(t), open(t)
	pa, pb := objectOf(1, 700_000), objectOf(2, 900_000)
	for range 10 {
		var wg sync.WaitGroup
		for _, w := range []struct {
			o pool.Objects
			p []byte
		}{{a, pa}, {b, pb}} {
			wg.Go(func() {
				if err := w.o.Put(t.Context(), "either", bytes.NewReader(w.p), int64(len(w.p))); err != nil {
					t.Errorf("put: %v", err)
				}
			})
		}
		wg.Wait()
		got, err := readObject(t.Context(), a, "either")
		if err != nil || !bytes.Equal(got, pa) && !bytes.Equal(got, pb) {
			t.Fatalf("%d bytes, of neither (%v)", len(got), err)
		}
		wantObject(t, b, "either", got)
	}
}

func objectsReadWhileReplaced(t *testing.T, open func(t *testing.T) pool.Objects) {
	a, b := open(t), open(t)
	versions := [][]byte{objectOf(1, 300_000), objectOf(2, 500_000), objectOf(3, 10)}
	putObject(t, a, "moving", versions[0])
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				got, err := readObject(t.Context(), b, "moving")
				if err != nil || !slices.ContainsFunc(versions, func(v []byte) bool { return bytes.Equal(v, got) }) {
					t.Errorf("%d bytes, of none that was put (%v)", len(got), err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 40 {
		putObject(t, a, "moving", versions[i%len(versions)])
	}
	close(done)
	wg.Wait()
}

// readerAt is a body of a function.
type readerAt func(p []byte, off int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }

func objectsABodyThatFailsPutsNothing(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	whole := objectOf(5, 5<<20)
	broken := errors.New("the disk of this machine is broken")
	failing := readerAt(func(p []byte, off int64) (int, error) {
		if off+int64(len(p)) > 3<<20 {
			return 0, broken
		}
		return bytes.NewReader(whole).ReadAt(p, off)
	})
	for _, before := range [][]byte{nil, []byte("before")} {
		if before != nil {
			putObject(t, o, "fails", before)
		}
		for _, test := range []struct {
			body io.ReaderAt
			want error
		}{{failing, broken}, {bytes.NewReader(whole[:4<<20]), io.ErrUnexpectedEOF}} {
			err := o.Put(t.Context(), "fails", test.body, int64(len(whole)))
			if !errors.Is(err, test.want) || errors.Is(err, pool.ErrAway) || errors.Is(err, pool.ErrRefused) {
				t.Errorf("put: %v, want %v, which is not of the store", err, test.want)
			}
			if before == nil {
				wantNoObject(t, o, "fails")
			} else {
				wantObject(t, o, "fails", before)
			}
		}
	}
	if got := listObjects(t, o, "fails"); !slices.Equal(got, []string{"fails"}) {
		t.Errorf("listed %v", got)
	}
}

func objectsTheContextEnds(t *testing.T, open func(t *testing.T) pool.Objects) {
	o := open(t)
	putObject(t, o, "context", []byte("before"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) || errors.Is(err, pool.ErrAway) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := o.Get(ended, "context")
	check("get", err)
	check("put", o.Put(ended, "context", bytes.NewReader(nil), 0))
	check("remove", o.Remove(ended, "context"))
	for _, err := range o.List(ended, "context") {
		check("list", err)
	}

	whole := objectOf(5, 9<<20)
	during, cancel := context.WithCancel(t.Context())
	defer cancel()
	check("put, in its middle", o.Put(during, "context", readerAt(func(p []byte, off int64) (int, error) {
		if off > 4<<20 {
			cancel()
		}
		return bytes.NewReader(whole).ReadAt(p, off)
	}), int64(len(whole))))
	wantObject(t, o, "context", []byte("before"))
}

func objectsAnotherMemberSeesAll(t *testing.T, open func(t *testing.T) pool.Objects) {
	a, b := open(t), open(t)
	putObject(t, a, "seen/1", []byte("1"))
	wantObject(t, b, "seen/1", []byte("1"))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	c := open(t)
	wantObject(t, c, "seen/1", []byte("1"))
	putObject(t, c, "seen/2", []byte("2"))
	if got := listObjects(t, b, "seen/"); !slices.Equal(got, []string{"seen/1", "seen/2"}) {
		t.Errorf("listed %v", got)
	}
	if err := c.Remove(t.Context(), "seen/1"); err != nil {
		t.Error(err)
	}
	wantNoObject(t, b, "seen/1")
}

func objectsClose(t *testing.T, open func(t *testing.T) pool.Objects) {
	a, b := open(t), open(t)
	putObject(t, a, "close", []byte("open"))
	for range 2 {
		if err := a.Close(); err != nil {
			t.Errorf("closed: %v", err)
		}
	}
	// A store that members of one process share may go on.
	if _, err := readObject(t.Context(), a, "close"); err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after it was closed: %v", err)
	}
	wantObject(t, b, "close", []byte("open"))
}
