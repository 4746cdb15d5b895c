package pooltest

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/pool"
)

func keepingTests() map[string]func(*testing.T, Engine) {
	return map[string]func(*testing.T, Engine){
		"Values":                    values,
		"ValuesRunOut":              valuesRunOut,
		"ValuesAreCopies":           valuesAreCopies,
		"NewsInTheirOrder":          newsInTheirOrder,
		"NewsOfManyAtOnce":          newsOfManyAtOnce,
		"NewsThatAreGone":           newsThatAreGone,
		"PlacesThatAreNone":         placesThatAreNone,
		"NewsAreForgotten":          newsAreForgotten,
		"Members":                   members,
		"MembersRunOut":             membersRunOut,
		"ManyMembers":               manyMembers,
		"ContextsThatHaveEnded":     contextsThatHaveEnded,
		"WhatIsForgottenIsNotThere": whatIsForgottenIsNotThere,
	}
}

func wantValue(t *testing.T, e Engine, key string, want []byte) {
	t.Helper()
	got, err := e.Get(t.Context(), key)
	check(t, err)
	if (got == nil) != (want == nil) || !bytes.Equal(got, want) {
		t.Errorf("%q is %.40q, want %.40q", key, got, want)
	}
}

func values(t *testing.T, e Engine) {
	wantValue(t, e, "k", nil)
	check(t, e.Set(t.Context(), "k", nil, time.Minute))
	for _, value := range [][]byte{[]byte("one"), {}, []byte("\x00\xff\r\n"), bytes.Repeat([]byte("long"), 50_000)} {
		check(t, e.Set(t.Context(), "k", value, time.Minute))
		wantValue(t, e, "k", value)
	}
	check(t, e.Set(t.Context(), "k", nil, time.Minute))
	wantValue(t, e, "k", nil)
	for i, key := range names() {
		check(t, e.Set(t.Context(), key, []byte(numbered("value", i)), time.Minute))
	}
	for i, key := range names() {
		wantValue(t, e, key, []byte(numbered("value", i)))
	}
}

func valuesRunOut(t *testing.T, e Engine) {
	check(t, e.Set(t.Context(), "short", []byte("v"), 30*time.Millisecond))
	check(t, e.Set(t.Context(), "long", []byte("v"), time.Minute))
	check(t, e.Set(t.Context(), "longer", []byte("v"), 30*time.Millisecond))
	check(t, e.Set(t.Context(), "longer", []byte("w"), time.Minute))
	check(t, e.Set(t.Context(), "no time", []byte("v"), 0))
	if e.Exact {
		e.Sleep(20 * time.Millisecond)
		wantValue(t, e, "short", []byte("v"))
	}
	e.Sleep(40 * time.Millisecond)
	wantValue(t, e, "short", nil)
	wantValue(t, e, "no time", nil)
	wantValue(t, e, "long", []byte("v"))
	wantValue(t, e, "longer", []byte("w"))
}

func valuesAreCopies(t *testing.T, e Engine) {
	value := []byte("value")
	check(t, e.Set(t.Context(), "k", value, time.Minute))
	beat(t, e, "m", value, time.Minute)
	value[0] = 'X'
	got, err := e.Get(t.Context(), "k")
	check(t, err)
	got[0] = 'Y'
	there, err := e.Members(t.Context())
	check(t, err)
	there["m"][0] = 'Y'
	wantValue(t, e, "k", []byte("value"))
	wantMembers(t, e, map[string]string{"m": "value"})
}

// hear returns what was told after a place, and the next place.
func hear(t *testing.T, e Engine, after string) (news []string, last string) {
	t.Helper()
	news, last, missed, err := e.News(t.Context(), after)
	check(t, err)
	if missed {
		t.Errorf("news after %q are missed", after)
	}
	if last == "" {
		t.Error("the row has no end")
	}
	return news, last
}

func wantNews(t *testing.T, e Engine, after string, want ...string) (last string) {
	t.Helper()
	news, last := hear(t, e, after)
	if !slices.Equal(news, want) {
		t.Errorf("told is %.200q, want %.200q", news, want)
	}
	return last
}

func newsInTheirOrder(t *testing.T, e Engine) {
	begin := wantNews(t, e, "")
	same(t, "place", wantNews(t, e, begin), begin)
	told := []string{"a", "", "a", "\x00\xff", "n\r\n", "m"}
	place := begin
	for _, news := range told {
		check(t, e.Tell(t.Context(), news))
		place = wantNews(t, e, place, news)
	}
	same(t, "place", wantNews(t, e, begin, told...), place)
	same(t, "place", wantNews(t, e, place), place)
	same(t, "place", wantNews(t, e, ""), place)
}

// newsOfManyAtOnce: all are heard once, by everybody in one order.
func newsOfManyAtOnce(t *testing.T, e Engine) {
	begin := wantNews(t, e, "")
	const tellers, each = 8, 50
	heard := make([][]string, 3)
	var all sync.WaitGroup
	for i := range tellers {
		all.Go(func() {
			for j := range each {
				if err := e.Tell(t.Context(), numbered("news", i*each+j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range heard {
		all.Go(func() {
			for place := begin; len(heard[i]) < tellers*each && !t.Failed(); {
				news, next, missed, err := e.News(t.Context(), place)
				if err != nil || missed {
					t.Error("missed: ", missed, err)
				}
				heard[i], place = append(heard[i], news...), next
				e.Sleep(time.Millisecond)
			}
		})
	}
	all.Wait()
	for _, other := range heard[1:] {
		if !slices.Equal(other, heard[0]) {
			t.Error("not all hear the same")
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(heard[0])))); n != tellers*each {
		t.Errorf("%d of %d are heard", n, tellers*each)
	}
}

func newsThatAreGone(t *testing.T, e Engine) {
	begin := wantNews(t, e, "")
	check(t, e.Tell(t.Context(), "first"))
	first := wantNews(t, e, begin, "first")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range (pool.NewsMost - 1) / 8 {
				if err := e.Tell(t.Context(), "more"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for range (pool.NewsMost - 1) % 8 {
		check(t, e.Tell(t.Context(), "more"))
	}
	heard := 0
	for place := first; ; {
		news, next := hear(t, e, place)
		if len(news) == 0 {
			break
		}
		if len(news) > pool.NewsAtOnce {
			t.Errorf("%d pieces of news at once", len(news))
		}
		heard, place = heard+len(news), next
	}
	same(t, "pieces of news", heard, pool.NewsMost-1)
	check(t, e.Tell(t.Context(), "last")) // now the first has gone
	for _, place := range []string{begin, first} {
		news, last, missed, err := e.News(t.Context(), place)
		check(t, err)
		if !missed || len(news) != 0 {
			t.Errorf("%d pieces of news after one that is gone, missed is %v", len(news), missed)
		}
		same(t, "place", wantNews(t, e, ""), last)
		check(t, e.Tell(t.Context(), "after"))
		wantNews(t, e, last, "after")
	}
}

func placesThatAreNone(t *testing.T, e Engine) {
	check(t, e.Tell(t.Context(), "before"))
	end := wantNews(t, e, "")
	for _, place := range []string{"x", ".", "-", "0-0", "0-0.x", "9.0", "99999999999999999999999-0.x", "9999999999999-9.x",
		strings.Repeat("9", 10_000), "(" + end, end + "x", "1-2-3.x", "\x00", "+", "$"} {
		news, last, missed, err := e.News(t.Context(), place)
		check(t, err)
		if !missed || len(news) != 0 || last != end {
			t.Errorf("%.40q: %v, %q, want %q (%v)", place, news, last, end, missed)
		}
	}
}

func newsAreForgotten(t *testing.T, e Engine) {
	if e.Forget == nil {
		t.Skip("it forgets nothing")
	}
	check(t, e.Tell(t.Context(), "before"))
	place := wantNews(t, e, "")
	e.Forget()
	check(t, e.Tell(t.Context(), "after"))
	news, last, missed, err := e.News(t.Context(), place)
	check(t, err)
	if !missed || len(news) != 0 {
		t.Errorf("%v, missed is %v", news, missed)
	}
	check(t, e.Tell(t.Context(), "later"))
	wantNews(t, e, last, "later")
	e.Forget()
	if _, _, missed, err := e.News(t.Context(), last); err != nil || !missed {
		t.Errorf("missed is %v (%v)", missed, err)
	}
}

func wantMembers(t *testing.T, e Engine, want map[string]string) {
	t.Helper()
	there, err := e.Members(t.Context())
	check(t, err)
	got := make(map[string]string)
	for member, about := range there {
		got[member] = string(about)
	}
	if !maps.Equal(got, want) {
		t.Errorf("members are %.300q, want %.300q", got, want)
	}
}

// beat notes that a member is there, and returns how many are.
func beat(t *testing.T, e Engine, member string, about []byte, ttl time.Duration) int {
	t.Helper()
	n, err := e.Beat(t.Context(), member, about, ttl)
	check(t, err)
	return n
}

func members(t *testing.T, e Engine) {
	wantMembers(t, e, nil)
	want := make(map[string]string)
	for i, member := range names() {
		want[member] = numbered("about\x00", i)
		if n := beat(t, e, member, []byte(want[member]), time.Minute); n != len(want) {
			t.Errorf("%d members are told of %d", n, len(want))
		}
	}
	wantMembers(t, e, want)
	beat(t, e, "n", nil, time.Minute)
	want["n"] = ""
	beat(t, e, "a:b", []byte("left"), 0)
	beat(t, e, "never there", nil, 0)
	delete(want, "a:b")
	wantMembers(t, e, want)
	wantLeases(t, e, nil)
}

func membersRunOut(t *testing.T, e Engine) {
	beat(t, e, "short", []byte("a"), 30*time.Millisecond)
	beat(t, e, "again", []byte("a"), 30*time.Millisecond)
	beat(t, e, "long", []byte("a"), time.Minute)
	beat(t, e, "again", []byte("b"), time.Minute)
	if e.Exact {
		e.Sleep(29 * time.Millisecond)
		wantMembers(t, e, map[string]string{"short": "a", "again": "b", "long": "a"})
	}
	e.Sleep(31 * time.Millisecond)
	if n := beat(t, e, "long", []byte("a"), time.Minute); n != 2 {
		t.Errorf("%d members are told of 2", n)
	}
	wantMembers(t, e, map[string]string{"again": "b", "long": "a"})
}

// manyMembers come and go without an end; those who are there are all told.
func manyMembers(t *testing.T, e Engine) {
	want := make(map[string]string)
	for i := range 300 {
		member := numbered("member", i)
		beat(t, e, member, []byte("about"), time.Millisecond)
		if i%3 == 0 {
			want[member] = "about"
			beat(t, e, member, []byte("about"), time.Minute)
		}
	}
	e.Sleep(5 * time.Millisecond)
	wantMembers(t, e, want)
}

func whatIsForgottenIsNotThere(t *testing.T, e Engine) {
	if e.Forget == nil {
		t.Skip("it forgets nothing")
	}
	check(t, e.Set(t.Context(), "k", []byte("v"), time.Minute))
	beat(t, e, "m", []byte("about"), time.Minute)
	e.Forget()
	wantValue(t, e, "k", nil)
	wantMembers(t, e, nil)
}
