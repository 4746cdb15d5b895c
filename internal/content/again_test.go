package content

import (
	"testing"
	"time"

	"ccsfs/apiclient"
)

// What does not say that it changed can be asked for again: once, with a condition
// where the API takes one, and with the bytes compared where it does not.
func TestAskAgain(t *testing.T) {
	before, after := random(61, 3000), random(62, 3000)
	for _, tt := range []struct {
		name string
		then *fakeDoc
		want []byte
	}{
		{"unchanged", &fakeDoc{body: before}, before},
		{"unchanged, and it says so", &fakeDoc{body: before, etag: `"1"`}, before},
		{"another one of the same size", &fakeDoc{body: after}, after},
		{"another one of the same size, with a tag", &fakeDoc{body: after, etag: `"2"`}, after},
		{"longer", &fakeDoc{body: append(after, after...)}, append(after, after...)},
		{"longer, of no announced length", &fakeDoc{body: append(after, after...), noSize: true}, append(after, after...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := newClock()
			api := newFake(map[string]*fakeDoc{"a": {body: before, etag: `"1"`}})
			dir := t.TempDir()
			s := openStore(t, dir, api, func(c *Config) { c.Now = clock.now })
			wantBytes(t, s, ref("a"), before)
			was, _ := s.Peek(ref("a"))
			clock.add(time.Minute)
			api.set("a", tt.then)
			wantBytes(t, s, ref("a"), before)
			wantCalls(t, api, "a", 1)

			s.AskAgain()
			if s.Has(ref("a")) {
				t.Error("what was had before counts as had")
			}
			clock.add(time.Second)
			for range 3 {
				wantBytes(t, s, ref("a"), tt.want)
			}
			wantCalls(t, api, "a", 2)
			is, _ := s.Peek(ref("a"))
			if changed := string(tt.want) != string(before); changed == (is.Generation == was.Generation) {
				t.Errorf("generation %d, then %d", was.Generation, is.Generation)
			}
			s = openStore(t, dir, api, func(c *Config) { c.Now = clock.now })
			wantBytes(t, s, ref("a"), tt.want)
			wantCalls(t, api, "a", 2)
		})
	}
}

// What cannot be asked for again is the old one, and that is told.
func TestAskAgainInAnOutage(t *testing.T) {
	clock := newClock()
	before := random(63, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: before}})
	s := openStore(t, t.TempDir(), api, func(c *Config) { c.Now = clock.now })
	wantBytes(t, s, ref("a"), before)
	clock.add(time.Minute)
	s.AskAgain()
	clock.add(time.Second)
	api.set("a", &fakeDoc{err: apiclient.ErrUnreachable})
	wantBytes(t, s, ref("a"), before)
	if got := s.Shortfalls(); len(got) != 1 {
		t.Errorf("told %v", got)
	}
	api.set("a", &fakeDoc{err: apiclient.ErrNotFound})
	clock.add(time.Hour)
	if _, err := s.Stat(t.Context(), ref("a")); err == nil {
		t.Error("what is not there any more is served")
	}
}
