package content

import (
	"testing"
	"time"
)

// An account that is put back to an earlier state lists an older version than was
// there: its bytes are what is asked for, not the newer ones that are here. A listing
// of an earlier moment than those bytes, as another process may have it, is no sign of
// that.
func TestVersionsThatGoBack(t *testing.T) {
	clock := newClock()
	first, second := random(51, 3000), random(52, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: second}})
	dir := t.TempDir()
	open := func() *Store { return openStore(t, dir, api, func(c *Config) { c.Now = clock.now }) }
	listed := func(updatedAt string) Ref {
		r := ref("a")
		r.UpdatedAt, r.Listed = updatedAt, clock.now()
		return r
	}
	const old, recent = "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"

	early := listed(old)
	clock.add(time.Minute)
	late := listed(recent)
	clock.add(time.Second)
	s := open()
	wantBytes(t, s, late, second)
	wantBytes(t, s, early, second) // asked for by what was listed before
	wantCalls(t, api, "a", 1)

	clock.add(time.Minute)
	api.set("a", &fakeDoc{body: first})
	back := listed(old)
	clock.add(time.Second)
	if s.Has(back) {
		t.Error("the newer version passes for the older one")
	}
	was, _ := s.Peek(late)
	wantBytes(t, s, back, first)
	if is, _ := s.Peek(back); is.Generation == was.Generation {
		t.Error("two contents of one generation")
	}
	wantCalls(t, api, "a", 2)

	for range 3 { // listed again, and by another process
		clock.add(time.Minute)
		wantBytes(t, s, listed(old), first)
		s = open()
		wantBytes(t, s, listed(old), first)
	}
	wantCalls(t, api, "a", 2)
}

// A version that is listed back and forth over one content costs a call each time,
// and none in between.
func TestVersionsBackAndForth(t *testing.T) {
	clock := newClock()
	body := random(53, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Now = clock.now })
	var generation uint64
	for round, updatedAt := range []string{"2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"} {
		r := ref("a")
		r.UpdatedAt, r.Listed = updatedAt, clock.now()
		clock.add(time.Second)
		for range 3 {
			wantBytes(t, s, r, body)
			clock.add(time.Second)
		}
		wantCalls(t, api, "a", round+1)
		info, _ := s.Peek(r)
		if generation == 0 {
			generation = info.Generation
		}
		if info.Generation != generation {
			t.Error("one content of two generations")
		}
	}
}

// An id that is used for another document, as a listing without updatedAt tells by the
// rest of it, has that document's bytes.
func TestAnotherDocumentUnderOneID(t *testing.T) {
	for _, same := range []bool{false, true} {
		clock := newClock()
		first, second := random(55, 3000), random(56, 3000)
		if same {
			second = first
		}
		api := newFake(map[string]*fakeDoc{"a": {body: first}})
		dir := t.TempDir()
		s := openStore(t, dir, api, func(c *Config) { c.Now = clock.now })
		r := ref("a")
		r.Fingerprint, r.Listed = 1, clock.now()
		clock.add(time.Second)
		wantBytes(t, s, r, first)
		was, _ := s.Peek(r)
		clock.add(time.Minute)
		api.set("a", &fakeDoc{body: second})
		r.Fingerprint, r.Listed = 2, clock.now()
		clock.add(time.Second)
		for range 2 {
			wantBytes(t, s, r, second)
			is, _ := s.Peek(r)
			if !same && is.Generation == was.Generation {
				t.Error("two documents of one generation")
			}
			clock.add(time.Minute)
			r.Listed = clock.now()
			clock.add(time.Second)
		}
		wantCalls(t, api, "a", 2)
		s = openStore(t, dir, api, func(c *Config) { c.Now = clock.now })
		wantBytes(t, s, r, second)
		wantCalls(t, api, "a", 2)
	}
}

// Records that were made before that was noted take it over from the first listing, so
// that they are told apart from then on, by this process and the next.
func TestRecordsWithoutAPrint(t *testing.T) {
	clock := newClock()
	first, second := random(57, 3000), random(58, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: first}})
	dir := t.TempDir()
	open := func() *Store { return openStore(t, dir, api, func(c *Config) { c.Now = clock.now }) }
	r := ref("a")
	wantBytes(t, open(), r, first) // as an earlier version did
	clock.add(time.Minute)
	r.Fingerprint, r.Listed = 1, clock.now()
	clock.add(time.Second)
	wantBytes(t, open(), r, first)
	if _, ok := open().Peek(r); !ok {
		t.Fatal("not known any more")
	}
	wantCalls(t, api, "a", 1)
	api.set("a", &fakeDoc{body: second})
	clock.add(time.Minute)
	r.Fingerprint, r.Listed = 2, clock.now()
	clock.add(time.Second)
	wantBytes(t, open(), r, second)
	wantCalls(t, api, "a", 2)
}

// What was fetched by a clock that was ahead is not newer than every listing.
func TestVersionsAndAWrongClock(t *testing.T) {
	clock := newClock()
	first, second, third := random(59, 3000), random(60, 3000), random(64, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: first}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Now = clock.now })
	r := ref("a")
	r.UpdatedAt, r.Fingerprint = "2026-11-01T00:00:00Z", 1
	clock.add(48 * time.Hour)
	r.Listed = clock.now()
	wantBytes(t, s, r, first)
	clock.add(-48 * time.Hour)
	api.set("a", &fakeDoc{body: second})
	r.UpdatedAt, r.Listed = "2026-10-01T00:00:00Z", clock.now()
	clock.add(time.Second)
	wantBytes(t, s, r, second)

	api.set("a", &fakeDoc{body: third})
	clock.add(48 * time.Hour)
	s.AskAgain()
	wantBytes(t, s, r, third)
	clock.add(-48 * time.Hour)
	api.set("a", &fakeDoc{body: first})
	s.AskAgain()
	clock.add(time.Second)
	wantBytes(t, s, r, first)
}
