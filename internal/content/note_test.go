package content

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"ccsfs/internal/content/index"
)

// What was noted of a content is known to the next process, outlives the bytes, and goes
// with the content: another one has no note, the same one under a new version has it.
func TestANoteIsOfAContent(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	one, two := random(1, 5000), random(2, 5000)
	api := newFake(map[string]*fakeDoc{"d": {body: one}})
	open := func() *Store { return openStore(t, dir, api, func(c *Config) { c.Now = clock.now }) }
	s := open()
	if got := s.Noted(ref("d")); got != "" {
		t.Errorf("of what was never seen: %q", got)
	}
	if err := s.Note(ref("d"), "", "x"); err == nil {
		t.Error("a note of what was never seen")
	}
	info, err := s.Fetch(t.Context(), ref("d"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Note(ref("d"), strings.Repeat("0", 64), "of another content"); err == nil {
		t.Error("a note of another content is taken")
	}
	if err := s.Note(ref("d"), info.SHA256, strings.Repeat("x", index.MaxNote+1)); err == nil {
		t.Error("a note without end is taken")
	}
	if err := s.Note(ref("d"), info.SHA256, "12.50 EUR"); err != nil || s.Noted(ref("d")) != "12.50 EUR" {
		t.Errorf("%q, %v", s.Noted(ref("d")), err)
	}
	s.Close()
	s = open()
	if err := os.Remove(blobOf(s, "d")); err != nil {
		t.Fatal(err)
	}
	if got := s.Noted(ref("d")); got != "12.50 EUR" {
		t.Errorf("after a restart, without the bytes: %q", got)
	}

	// The same bytes again, of a new version and after the cache lost them.
	clock.add(time.Second)
	newer := ref("d")
	newer.UpdatedAt = "2026-11-01T00:00:00Z"
	if got := s.Noted(newer); got != "" {
		t.Errorf("of a version that was never seen: %q", got)
	}
	if _, err := s.Fetch(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	if got := s.Noted(newer); got != "12.50 EUR" {
		t.Errorf("the same content under a new version: %q", got)
	}

	// Other bytes.
	clock.add(time.Second)
	api.set("d", &fakeDoc{body: two})
	newest := ref("d")
	newest.UpdatedAt = "2026-11-02T00:00:00Z"
	if _, err := s.Fetch(t.Context(), newest); err != nil {
		t.Fatal(err)
	}
	if got := s.Noted(newest); got != "" {
		t.Errorf("another content: %q", got)
	}
	s.Close()
	if got := open().Noted(newest); got != "" {
		t.Errorf("another content, after a restart: %q", got)
	}
}

// Volatile content that is due to be asked about again has no note: it may be another.
func TestANoteOfVolatileContent(t *testing.T) {
	clock := newClock()
	s := openStore(t, t.TempDir(), newFake(map[string]*fakeDoc{"d": {body: random(1, 500)}}), func(c *Config) { c.Now = clock.now })
	r := ref("d")
	r.Volatile = true
	info, err := s.Fetch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Note(r, info.SHA256, "n"); err != nil || s.Noted(r) != "n" {
		t.Fatalf("%q, %v", s.Noted(r), err)
	}
	clock.add(2 * time.Hour)
	if s.Noted(r) != "" {
		t.Error("it is believed for ever")
	}
}

// What is kept is read without a call, also where it is damaged or gone.
func TestOpenKeptAsksNobody(t *testing.T) {
	dir := t.TempDir()
	body := random(1, 5000)
	api := newFake(map[string]*fakeDoc{"d": {body: body}})
	s := openStore(t, dir, api, nil)
	if _, err := s.OpenKept(t.Context(), ref("d")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it was fetched: %v", err)
	}
	if _, err := s.Fetch(t.Context(), ref("d")); err != nil {
		t.Fatal(err)
	}
	k, err := s.OpenKept(t.Context(), ref("d"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(k, 0, k.Size+10))
	if err != nil || string(got) != string(body) || k.SHA256 == "" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n, err := k.ReadAt(make([]byte, 10), k.Size); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("past the end: %d, %v", n, err)
	}
	k.Close()
	if err := os.WriteFile(blobOf(s, "d"), append([]byte("X"), body[1:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenKept(t.Context(), ref("d")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("damaged: %v", err)
	}
	wantCalls(t, api, "d", 1)
	s.Close()
	if _, err := s.OpenKept(t.Context(), ref("d")); err == nil {
		t.Error("a closed store opens documents")
	}
}
