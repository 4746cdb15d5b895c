package pool_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/seal"
)

// What is kept, and in which store.

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func put(t *testing.T, p *pool.Pool, name, text string) {
	t.Helper()
	if err := p.Put(t.Context(), name, []byte("{}"), bytes.NewReader([]byte(text)), int64(len(text)), sum([]byte(text))); err != nil {
		t.Fatal(err)
	}
}

func get(p *pool.Pool, name string) (string, error) {
	kept, err := p.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer kept.Body.Close()
	b, err := io.ReadAll(kept.Body)
	return string(b), err
}

// A store that takes nothing, since it is full or may only be read, is read all the same, and
// is tried again now and then.
func TestStoreThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		put(t, p, "d/1", "one")
		r.stuffed.Store(true)
		before := r.puts.Load()
		for i := range 200 {
			if err := p.Put(t.Context(), "d/2", nil, bytes.NewReader(nil), 0, sum(nil)); !errors.Is(err, pool.ErrRefused) {
				t.Fatal(err)
			}
			if got, err := get(p, "d/1"); err != nil || got != "one" {
				t.Fatalf("%d: %q, %v", i, got, err)
			}
			if s := p.Stats(); !s.StoreAway.IsZero() || s.WritingAway.IsZero() || !strings.Contains(s.WritingWhy, "no room") {
				t.Fatalf("%d: %+v", i, s)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := r.puts.Load() - before; n < 3 || n > 6 {
			t.Errorf("it was tried %d times in 20 s", n)
		}
		r.stuffed.Store(false)
		time.Sleep(6 * time.Second)
		put(t, p, "d/2", "two")
		put(t, p, "d/3", "three")
		if s := p.Stats(); !s.WritingAway.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// What was never begun, as a directory that is not mounted or a wrong prefix, is no empty store.
func TestListOfWhatIsNoStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		for range p.List(t.Context(), "") {
			break
		}
		var failed error
		for _, err := range p.List(t.Context(), "") {
			failed = err
		}
		if !errors.Is(failed, pool.ErrAway) || r.puts.Load() != 0 {
			t.Errorf("%v, %d puts", failed, r.puts.Load())
		}
		put(t, p, "d/1", "one")
		n := 0
		for info, err := range p.List(t.Context(), "d/") {
			if n++; err != nil || info.Name != "d/1" {
				t.Error(info, err)
			}
		}
		if n != 1 {
			t.Errorf("%d", n)
		}
		r.away.Store(true)
		time.Sleep(time.Second)
		if _, err := get(p, "d/1"); err == nil {
			t.Error("no error")
		}
		failed = nil
		for _, err := range p.List(t.Context(), "d/") {
			failed = err
		}
		if !errors.Is(failed, pool.ErrAway) {
			t.Errorf("a store that is away has %v", failed)
		}
	})
}

// The store is that of one key: a member with another one is told, and replaces nothing; one
// that was made to replace it finds nothing of what the other key's members kept.
func TestStoreOfAnotherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leave := r.join(nil)
		defer leave()
		put(t, a, "d/1", "one")
		other, _, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}
		b, leave := r.join(func(c *pool.Config) { c.Key = other })
		defer leave()
		if _, err := get(b, "d/1"); !errors.Is(err, pool.ErrRefused) {
			t.Error(err)
		}
		if err := b.Put(t.Context(), "d/1", nil, bytes.NewReader(nil), 0, sum(nil)); !errors.Is(err, pool.ErrRefused) {
			t.Error(err)
		}
		if _, _, err := b.Begin(t.Context(), false); !errors.Is(err, pool.ErrRefused) {
			t.Error(err)
		}
		if got, err := get(a, "d/1"); err != nil || got != "one" {
			t.Errorf("%q, %v", got, err)
		}
		if _, fresh, err := b.Begin(t.Context(), true); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
		time.Sleep(time.Minute)
		if _, err := get(b, "d/1"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		put(t, b, "d/1", "two")
		if got, err := get(b, "d/1"); err != nil || got != "two" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A store may become that of another key while members run: another one is mounted in its place,
// or it was begun anew. They are told so, find nothing missing there, and replace nothing; the
// rest of them is looked for again once it is theirs.
func TestAStoreThatBecomesAnothers(t *testing.T) {
	for _, begun := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			a, leave := r.join(func(c *pool.Config) { c.Begun = begun })
			defer leave()
			if _, _, err := a.Begin(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			put(t, a, "d/1", "one")
			other, _, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			b, leave := r.join(func(c *pool.Config) { c.Key = other })
			defer leave()
			if _, _, err := b.Begin(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			put(t, b, "d/1", "two")
			for range 10 { // and stays so
				if _, err := get(a, "d/1"); !errors.Is(err, pool.ErrRefused) || errors.Is(err, fs.ErrNotExist) {
					t.Fatal(begun, err)
				}
				if err := a.Put(t.Context(), "d/1", nil, bytes.NewReader(nil), 0, sum(nil)); !errors.Is(err, pool.ErrRefused) {
					t.Fatal(begun, err)
				}
				time.Sleep(time.Second)
			}
			if got, err := get(b, "d/1"); err != nil || got != "two" {
				t.Errorf("%q, %v", got, err)
			}
			if _, _, err := a.Begin(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			if _, err := get(a, "d/1"); !errors.Is(err, fs.ErrNotExist) { // of a key that was in use before
				t.Error(begun, err)
			}
		})
	}
}

// A directory that is not mounted is empty: no store is begun there by the way.
func TestStoreThatMustHaveBeenBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(func(c *pool.Config) { c.Begun = true })
		defer leave()
		if _, err := get(p, "d/1"); !errors.Is(err, pool.ErrAway) {
			t.Error(err)
		}
		if _, fresh, err := p.Begin(t.Context(), false); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
		time.Sleep(2 * time.Second)
		if _, err := get(p, "d/1"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// What is mounted may go while members run: the empty directory below is no store then, neither
// one that lacks what is asked for, nor one that takes anything.
func TestStoreThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(func(c *pool.Config) { c.Begun = true })
		defer leave()
		if _, _, err := p.Begin(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		put(t, p, "d/1", "one")
		r.gone.Store(true)
		for range 20 { // it is noticed, and stays so
			if _, err := get(p, "d/1"); !errors.Is(err, pool.ErrAway) || errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if _, err := p.Examine(t.Context(), "d/1"); !errors.Is(err, pool.ErrAway) {
				t.Fatal(err)
			}
			if err := p.Put(t.Context(), "d/2", nil, bytes.NewReader(nil), 0, sum(nil)); !errors.Is(err, pool.ErrAway) {
				t.Fatal(err)
			}
			var failed error
			for _, err := range p.List(t.Context(), "") {
				failed = err
			}
			if !errors.Is(failed, pool.ErrAway) {
				t.Fatal(failed)
			}
			time.Sleep(time.Second)
		}
		for info := range r.below.List(t.Context(), "") {
			t.Errorf("%s was put where nothing is mounted", info.Name)
		}
		r.gone.Store(false)
		time.Sleep(10 * time.Second)
		put(t, p, "d/2", "two")
		if got, err := get(p, "d/1"); err != nil || got != "one" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := get(p, "d/3"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// What one account keeps is nothing to another, also where somebody copies it.
func TestAccountsNeverShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leave := r.join(nil)
		defer leave()
		b, leave := r.join(func(c *pool.Config) { c.Account = "b0" })
		defer leave()
		put(t, a, "d/1", "one")
		put(t, a, "d/2", "two")
		if _, err := get(b, "d/1"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		copyOf := func(from, to string) {
			o, err := r.bucket.Get(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Body.Close()
			raw, _ := io.ReadAll(o.Body)
			if err := r.bucket.Put(t.Context(), to, bytes.NewReader(raw), int64(len(raw))); err != nil {
				t.Fatal(err)
			}
		}
		copyOf("v1/a0/d/1", "v1/b0/d/1")
		copyOf("v1/a0/d/1", "v1/a0/d/2")
		if _, err := get(b, "d/1"); !errors.Is(err, pool.ErrDamaged) {
			t.Error(err)
		}
		if _, err := get(a, "d/2"); !errors.Is(err, pool.ErrDamaged) {
			t.Error(err)
		}
	})
}
