//go:build linux

package integration

import (
	"fmt"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// TestBrokenBodiesArrive: a body that breaks off or stalls is taken up again,
// with Range and without, and every byte is right.
func TestBrokenBodiesArrive(t *testing.T) {
	begin(t)
	const size = 3 << 20
	for name, quirks := range map[string]apisim.Quirks{
		"with Range and ETag":      {Range: true, ETag: true},
		"with Range and a date":    {Range: true, LastModified: true},
		"with Range, no validator": {Range: true},
		"without Range":            {},
		"without a length":         {Chunked: true},
		"with Range, no length":    {Range: true, ETag: true, Chunked: true},
	} {
		for what, fault := range map[string]apisim.Fault{
			"cut":     {Cut: true, After: 1 << 20},
			"stalled": {Stall: true, After: 1<<20 + 77},
		} {
			each := surviveOnEach
			if name != "with Range and ETag" && name != "without Range" { // how bodies go on is the same for all faces
				each = onMounts
			}
			each(t, "body "+what+", "+name, func(t *testing.T, on face) {
				account, f := single(t, size)
				r := newRig(t, options{face: on, account: account, quirks: quirks, client: quickly(time.Second)})
				r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, fault)
				later := fault
				later.After += 700_000
				r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, later)
				r.agent().gets(r.path(f.path), f.data)
				if n := r.sim.Calls().File; n != 3 {
					t.Errorf("%d calls of /file, want 3", n)
				}
			})
		}
	}
	surviveOnEach(t, "every connection breaks after 400 KB", func(t *testing.T, on face) {
		account, f := single(t, size)
		p := &proxy{}
		r := newRig(t, options{face: on, account: account, quirks: apisim.Quirks{Range: true, ETag: true}, client: p.through(t)})
		a := r.agent()
		a.names(r.path(f.contract), 1)
		p.set(weather{cut: 400_000})
		a.gets(r.path(f.path), f.data)
	})
	surviveOnEach(t, "every connection breaks, and nothing can be resumed", func(t *testing.T, on face) {
		account, f := single(t, size)
		p := &proxy{}
		r := newRig(t, options{face: on, account: account, client: p.through(t)})
		a := r.agent()
		a.names(r.path(f.contract), 1)
		p.set(weather{cut: 400_000})
		if x := a.readAll(r.path(f.path)); x.Errno != "EHOSTUNREACH" {
			t.Errorf("%d bytes, errno %q", len(x.Data), x.Errno)
		}
		p.set(weather{})
		eventually(t, "it can be read again", func() bool { return a.read(r.path(f.path), 0, 10).Errno == "" })
		a.gets(r.path(f.path), f.data)
	})
	surviveOnEach(t, "a slow drip", func(t *testing.T, on face) {
		p := &proxy{}
		r := newRig(t, options{face: on, account: small(), client: p.through(t, quickly(3*time.Second))})
		p.set(weather{chunk: 1500, pause: 20 * time.Millisecond})
		r.allRight(nil)
	})
	surviveOnEach(t, "another version in the middle", func(t *testing.T, on face) {
		account, f := single(t, size)
		r := newRig(t, options{face: on, account: account, quirks: apisim.Quirks{Range: true, ETag: true}})
		a := r.agent()
		a.names(r.path(f.contract), 1)
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, apisim.Fault{Stall: true, After: 2 << 20})
		reading := a.ask(question{Op: "read", Path: r.path(f.path), Len: -1})
		eventually(t, "half of it is here", func() bool { return r.content.Stats().Bytes >= 2<<20 })
		if err := r.sim.Bump(f.contract, f.id, ""); err != nil {
			t.Fatal(err)
		}
		r.sim.Faults.Clear() // the connection breaks
		want := "EIO"
		if on == asDrive { // who comes again gets the new one
			want = "EHOSTUNREACH"
		}
		if x := <-reading; x.Errno != want || len(x.Data) > 0 && on == asDrive {
			t.Errorf("a reader of two versions: %d bytes, errno %q, want %s", len(x.Data), x.Errno, want)
		}
		is, err := r.sim.Bytes(f.contract, f.id)
		if err != nil {
			t.Fatal(err)
		}
		a.gets(r.path(f.path), is)
	})
}

// badWeather is how a network can be away.
func badWeather() map[string]weather {
	return map[string]weather{"connections refused": {down: true}, "nothing comes through": {mute: true}}
}

// TestOffline: what was seen stays readable without waiting for the network,
// df and stat never ask it, what was not seen fails as the table says, and all
// comes back by itself, without a storm.
func TestOffline(t *testing.T) {
	begin(t)
	account := small()
	for name, w := range badWeather() {
		surviveOnEach(t, name+", what was seen", func(t *testing.T, on face) {
			p := &proxy{}
			r := newRig(t, options{face: on, account: account, client: p.through(t, quickly(time.Hour))})
			files := expected(t, r.sim, nil)
			r.allRight(nil)
			for _, later := range []time.Duration{0, 15 * time.Minute, 24 * time.Hour} { // everything is due
				p.set(w)
				before, ahead := r.sim.Calls(), r.clock.ahead.Load()
				r.clock.advance(later)
				within(t, 30*time.Second, "reading all that was seen", func() {
					if on == asDrive {
						r.allRight(nil)
						return
					}
					sameTree(t, r.sh(`df "$MNT"; stat "$MNT" "$MNT"/*/*; ls -lR "$MNT"; cp -r "$MNT/." "$OUT"`), files)
				})
				if now := r.sim.Calls(); now.File != before.File || now.Documents != before.Documents {
					t.Errorf("the API answered: %+v", now)
				}
				p.set(weather{})
				r.clock.ahead.Store(ahead)
			}
		})
		surviveOnEach(t, name+", a new mount", func(t *testing.T, on face) {
			p := &proxy{}
			r := newRig(t, options{face: on, account: account, client: p.through(t, quickly(time.Hour))})
			files := expected(t, r.sim, nil)
			r.allRight(nil)
			p.set(w)
			r.clock.advance(30 * time.Minute) // listings are due, documents are not
			r.remount()
			within(t, 30*time.Second, "reading all that was seen", func() {
				if on == asDrive {
					r.allRight(nil)
					return
				}
				sameTree(t, r.sh(`df "$MNT"; ls -lR "$MNT"; cp -r "$MNT/." "$OUT"`), files)
			})
		})
		surviveOnEach(t, name+", what was not seen, and back", func(t *testing.T, on face) {
			notSeenAndBack(t, on, account, w)
		})
		surviveOnEach(t, name+" before the mount", func(t *testing.T, on face) {
			p := &proxy{}
			r := newServedRig(t, options{face: on, account: account, client: p.through(t, quickly(time.Second))})
			p.start(t, r.web.Listener.Addr().String())
			p.set(w)
			r.mount()
			a := r.agent()
			a.failsToList(r.dir, "EHOSTUNREACH", "ETIMEDOUT")
			a.fails(r.path("OCB0000001/x"), "EHOSTUNREACH", "ETIMEDOUT")
			if x := a.stat(r.dir); x.Errno != "" {
				t.Errorf("stat of the root: %s", x.Errno)
			}
			p.set(weather{})
			eventually(t, "the network is back", func() bool { return a.list(r.dir).Errno == "" })
			r.allRight(nil)
		})
	}
	surviveOnEach(t, "a name that does not resolve", func(t *testing.T, on face) {
		r := newRig(t, options{face: on, account: account, client: func(c *apiclient.Config) {
			c.APIURL, c.OAuthURL, c.Timeout = "https://api.ccsfs.invalid/v1", "https://api.ccsfs.invalid/oauth", 2*time.Second
		}})
		r.agent().failsToList(r.dir, "EHOSTUNREACH", "ETIMEDOUT") // the latter if no name server answers
	})
	surviveOnEach(t, "--offline", func(t *testing.T, on face) {
		offline := false
		r := newRig(t, options{face: on, account: account,
			catalog: func(c *catalog.Config) { c.Offline = offline },
			content: func(c *content.Config) { c.Offline = offline }})
		files := expected(t, r.sim, nil)
		a := r.agent()
		a.names(r.path("OCB0000001"), len(files)/2)
		for _, f := range files[1:4] {
			a.gets(r.path(f.path), f.data)
		}
		before := calls(r.sim)
		offline = true
		r.clock.advance(100 * 24 * time.Hour)
		r.remount()
		for _, f := range files[1:4] {
			a.gets(r.path(f.path), f.data)
		}
		a.names(r.path("OCB0000001"), len(files)/2)
		if on == mounted {
			r.sh(`df "$MNT"; stat -f "$MNT"`)
		} else {
			r.noSizes("OCB0000001")
		}
		a.fails(r.path(files[0].path), "EHOSTUNREACH")
		a.failsToList(r.path("OCB0000002"), "EHOSTUNREACH")
		a.fails(r.path("OCB0000001/no such document"), "EHOSTUNREACH", "ENOENT")
		if n := calls(r.sim) - before; n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

// notSeenAndBack asks again and again for what cannot be had, and counts what
// reaches the API once it is there again.
func notSeenAndBack(t *testing.T, on face, account *apisim.Account, w weather) {
	t.Helper()
	p := &proxy{}
	r := newRig(t, options{face: on, account: account, client: p.through(t, impatient(on))})
	files := expected(t, r.sim, nil)
	a := r.agent()
	a.gets(r.path(files[1].path), files[1].data)
	p.set(w)
	before := p.connections()
	for range 3 {
		var waiting []<-chan answer
		for _, f := range files[2:] {
			waiting = append(waiting, a.ask(question{Op: "read", Path: r.path(f.path), Len: -1}))
		}
		for i, c := range waiting {
			a.failed(files[2+i].path, <-c, "EHOSTUNREACH", "ETIMEDOUT")
		}
	}
	if n := p.connections() - before; n > 60 {
		t.Errorf("%d connections while nothing could be had", n)
	}
	r.sim.ResetCalls()
	p.set(weather{})
	eventually(t, "all is well again", func() bool {
		for _, f := range files { // what failed is asked for again after a second
			if a.readAll(r.path(f.path)).Errno != "" {
				return false
			}
		}
		return true
	})
	r.allRight(nil)
	c := r.sim.Calls()
	for id, n := range c.Files {
		if n > 2 { // one may have been on its way when the network came back
			t.Errorf("document %s was asked for %d times", id, n)
		}
	}
	if c.Token > 2 || c.Contracts > 2 || c.Documents > 2*maxListings*len(account.Contracts) || c.File > len(files)+8 {
		t.Errorf("a storm: %+v", c)
	}
}

// TestClockJumps: sleeping for a day, or a clock set right that was wrong,
// loses nothing and shows nothing old for long.
func TestClockJumps(t *testing.T) {
	begin(t)
	account := small()
	for _, jump := range []time.Duration{24 * time.Hour, 400 * 24 * time.Hour, -24 * time.Hour, -400 * 24 * time.Hour} {
		surviveOnEach(t, fmt.Sprintf("the clock jumps by %v", jump), func(t *testing.T, on face) {
			r := newRig(t, options{face: on, account: account})
			r.allRight(nil)
			r.clock.advance(jump)
			r.allRight(nil)
			if err := r.sim.BumpPartials(""); err != nil { // the same listing: only asking tells
				t.Fatal(err)
			}
			r.clock.advance(2 * time.Hour)
			eventually(t, "the kernel has let go of the old", func() bool {
				f := expected(t, r.sim, nil)[0]
				return r.agent().stat(r.path(f.path)).Errno == ""
			})
			r.remount() // the kernel's own clock did not jump
			r.allRight(nil)
		})
	}
}
