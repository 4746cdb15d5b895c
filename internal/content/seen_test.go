package content

import (
	"os"
	"testing"
	"time"

	"ccsfs/internal/content/index"
)

// What decides whether a backup by ctime has a version: it must have been first
// seen after anything that was shown of the one before.
func TestSeenIsAfterWhatWasShownBefore(t *testing.T) {
	v1, v2 := ref("a"), ref("a")
	v1.UpdatedAt, v2.UpdatedAt = "2026-10-01T08:00:00Z", "2026-11-01T08:00:00Z"
	seen := func(t *testing.T, s *Store, r Ref) time.Time {
		t.Helper()
		info, ok := s.Peek(r)
		if !ok {
			t.Fatal("not known")
		}
		return info.Seen
	}
	bodies := map[string][]byte{"other content": random(80, 3000), "metadata only": random(81, 3000)}
	for name, next := range bodies {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			api := newFake(map[string]*fakeDoc{"a": {body: bodies["metadata only"]}})
			dir := t.TempDir()
			open := func() *Store { return openStore(t, dir, api, func(cfg *Config) { cfg.Now = c.now }) }
			s, other := open(), open()
			wantBytes(t, s, v1, bodies["metadata only"])
			first := seen(t, s, v1)
			if !first.Equal(c.now()) {
				t.Errorf("first seen %v at %v", first, c.now())
			}
			c.add(24 * time.Hour)
			if os.Remove(blobOf(s, "a")); !seen(t, open(), v1).Equal(first) {
				t.Error("not the same after a restart")
			}
			wantBytes(t, s, v1, bodies["metadata only"]) // fetched again, the same
			if !seen(t, s, v1).Equal(first) {
				t.Error("not the same after an eviction")
			}

			// Another process has the new version, this one shows the old one a little
			// longer, and a backup is made of that.
			api.set("a", &fakeDoc{body: next})
			wantBytes(t, other, v2, next)
			c.add(index.LookAgain - 1)
			backup := c.now()
			c.add(time.Minute)
			now := seen(t, s, v2)
			if !now.After(backup) {
				t.Errorf("seen %v, not after the backup at %v", now, backup)
			}
			c.add(time.Hour)
			for _, again := range []*Store{s, open(), other} {
				if got := seen(t, again, v2); !got.Equal(now) {
					t.Errorf("seen %v, and %v later", now, got)
				}
			}
			lines, _ := os.ReadFile(s.indexes.Path("OCB0001234"))
			for range 3 {
				c.add(2 * index.LookAgain)
				seen(t, s, v2)
				seen(t, other, v2)
			}
			if more, _ := os.ReadFile(s.indexes.Path("OCB0001234")); len(more) != len(lines) {
				t.Errorf("the index goes on growing")
			}
		})
	}
}

// What is no document has versions, too.
func TestSighted(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	open := func() *Store {
		return openStore(t, dir, nil, func(cfg *Config) { cfg.Now = c.now; cfg.Offline = true })
	}
	s := open()
	first := s.Sighted("C1", "listing", "")
	if !first.Equal(c.now()) {
		t.Errorf("%v at %v", first, c.now())
	}
	for _, version := range []string{"one", "one", ""} { // the first version is no change
		c.add(time.Minute)
		if got := s.Sighted("C1", "listing", version); !got.Equal(first) {
			t.Errorf("%q: %v, want %v", version, got, first)
		}
	}
	if got := s.Sighted("C1", "two", "one"); !got.Equal(c.now()) {
		t.Errorf("another thing: %v", got)
	}
	second := s.Sighted("C1", "listing", "two")
	if !second.Equal(c.now()) {
		t.Errorf("changed at %v, %v", c.now(), second)
	}
	c.add(time.Minute)
	for _, again := range []*Store{s, open()} {
		if got := again.Sighted("C1", "listing", "two"); !got.Equal(second) {
			t.Errorf("%v, want %v", got, second)
		}
	}
	if got := s.Sighted("C1", "listing", "one"); !got.Equal(c.now()) {
		t.Errorf("as it was once: %v", got)
	}
}
