package mirror

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestPlacing: who wants to hear of documents before they are in place hears of each that
// comes, and what became of it, and of no other.
func TestPlacing(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	heard := map[string]string{}
	refuse := ""
	o := Options{Placing: func(c Copy) (func(bool), error) {
		mu.Lock()
		defer mu.Unlock()
		if c.Path == refuse {
			return nil, errors.New("there is no room to note it")
		}
		if data, err := os.ReadFile(filepath.Join(r.dir, c.Path)); err == nil && !c.Updated {
			t.Errorf("%s is in place already: %q", c.Path, data)
		}
		heard[c.Path] = fmt.Sprint("updated ", c.Updated)
		return func(placed bool) {
			mu.Lock()
			defer mu.Unlock()
			heard[c.Path] += fmt.Sprint(", placed ", placed)
		}, nil
	}}
	run := func() Result { // no dry run knows what fails here
		t.Helper()
		d, err := OpenDest(t.Context(), r.dir, nobody)
		check(t, err)
		result := Run(t.Context(), d, r.store, r.items(), o, nothing{})
		check(t, d.Close())
		r.clean()
		return result
	}
	o.Workers, o.Prefetch = 3, 4<<20
	expect := func(want map[string]string) {
		t.Helper()
		if fmt.Sprint(heard) != fmt.Sprint(want) {
			t.Errorf("heard %v, want %v", heard, want)
		}
		clear(heard)
	}
	r.set("a", day1, "one")
	r.set("b", day1, "two")
	run()
	expect(map[string]string{"C/a.pdf": "updated false, placed true", "C/b.pdf": "updated false, placed true"})
	run()
	expect(nil)
	r.set("a", day2, "changed")
	run()
	expect(map[string]string{"C/a.pdf": "updated true, placed true"})

	// What cannot be noted has no place, and comes again.
	r.set("c", day1, "three")
	refuse = "C/c.pdf"
	if got := run(); len(got.Failed) != 1 || r.local("c") != "" {
		t.Errorf("%+v, %q", got, r.local("c"))
	}
	expect(nil)
	refuse = ""
	run()
	expect(map[string]string{"C/c.pdf": "updated false, placed true"})

	// Somebody puts a file there in the very last moment: it has no place.
	r.set("d", day1, "four")
	inner := o.Placing
	o.Placing = func(c Copy) (func(bool), error) {
		settled, err := inner(c)
		if err := os.WriteFile(filepath.Join(r.dir, c.Path), []byte("mine"), 0o644); err != nil {
			t.Error(err)
		}
		return settled, err
	}
	if got := run(); len(got.Failed) != 1 {
		t.Errorf("%+v", got)
	}
	expect(map[string]string{"C/d.pdf": "updated false, placed false"})

	// Of what breaks off nobody hears.
	r.set("b", day2, "changed")
	r.api.cut["b"] = true
	run()
	expect(nil)
}
