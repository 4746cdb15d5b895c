package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
)

// Stores of one directory stand for processes here: the locks between them are
// those of open file descriptions, and know no process.

// However many processes read, list and keep the same documents at once, each
// document is asked for once.
func TestOneCallADocumentForAllProcesses(t *testing.T) {
	for _, noSize := range []bool{false, true} {
		t.Run(fmt.Sprintf("noSize=%v", noSize), func(t *testing.T) {
			docs := map[string]*fakeDoc{}
			var refs []Ref
			for i := range 40 {
				id := fmt.Sprintf("d%02d", i)
				docs[id] = &fakeDoc{body: random(uint64(100+i), 2000+i*7919%90000), noSize: noSize}
				refs = append(refs, ref(id))
			}
			api, dir := newFake(docs), t.TempDir()
			var wg sync.WaitGroup
			for p := range 4 {
				s := openStore(t, dir, api, nil)
				walk := s.NewAccessPattern(len(refs), func(i int) Ref { return refs[i] }, make([]uint64, len(refs)))
				wg.Go(func() {
					for i := range refs {
						r := refs[i]
						walk.Touch(i, true)
						if p%2 == 1 {
							if _, err := s.Stat(t.Context(), r); err != nil {
								t.Errorf("%d, %s: %v", p, r.DocumentID, err)
							}
						}
						if p == 2 {
							if _, err := s.Fetch(t.Context(), r); err != nil {
								t.Errorf("%d, %s: %v", p, r.DocumentID, err)
							}
						}
						got, err := readAll(t.Context(), s, r, 3000)
						if err != nil || !bytes.Equal(got, docs[r.DocumentID].body) {
							t.Errorf("%d, %s: %d bytes, %v", p, r.DocumentID, len(got), err)
						}
					}
				})
			}
			wg.Wait()
			for id := range docs {
				wantCalls(t, api, id, 1)
			}
		})
	}
}

// held starts a download of a document by a store of its own, and returns when the
// API has been asked. go on lets it be answered.
func held(t *testing.T, dir string, d *fakeDoc, change func(*Config)) (api *fakeAPI, first *Store, done chan error, goOn func()) {
	t.Helper()
	d.headerAt = make(chan struct{})
	api = newFake(map[string]*fakeDoc{"a": d})
	first = openStore(t, dir, api, change)
	done = make(chan error, 1)
	go func() {
		_, err := readAll(context.Background(), first, ref("a"), 5000)
		done <- err
	}()
	eventually(t, func() bool { return api.count("a") == 1 })
	return api, first, done, sync.OnceFunc(func() { close(d.headerAt) })
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came about")
		}
	}
}

// waiting returns when a store waits for another one.
func waiting(t *testing.T, s *Store) {
	t.Helper()
	eventually(t, func() bool {
		s.mu.Lock()
		d := s.active[ref("a").key()]
		s.mu.Unlock() // who holds a body's mutex may ask for that of the store, never the other way round
		if d == nil {
			return false
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.state == running && len(d.waiters) > 0
	})
	time.Sleep(20 * time.Millisecond) // until it has tried for the lease
}

// Who waits for another process that fails gets its reason, and asks nothing.
func TestWhoeverWaitedGetsTheFailure(t *testing.T) {
	for name, err := range map[string]error{
		"unreachable": apiclient.ErrUnreachable, "timeout": apiclient.ErrTimeout, "server": apiclient.ErrServer,
		"not found": apiclient.ErrNotFound, "forbidden": apiclient.ErrForbidden, "html": apiclient.ErrProtocol,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			api, _, done, goOn := held(t, dir, &fakeDoc{err: err}, nil)
			second := openStore(t, dir, api, nil)
			got := make(chan error, 1)
			go func() { _, err := second.Stat(context.Background(), ref("a")); got <- err }()
			waiting(t, second)
			goOn()
			if first := <-done; !errors.Is(first, err) {
				t.Errorf("the first: %v", first)
			}
			if second := <-got; !errors.Is(second, err) {
				t.Errorf("the second: %v", second)
			}
			wantCalls(t, api, "a", 1)
		})
	}
}

// A document that cannot be had costs one call, however many processes ask, until
// its time has come; with other credentials, or where somebody wants to know it as
// it is now, it is asked for at once.
func TestAFailureIsRememberedByAllProcesses(t *testing.T) {
	c, dir, mine := newClock(), t.TempDir(), "mine"
	api := newFake(map[string]*fakeDoc{"a": {err: apiclient.ErrForbidden}})
	open := func(change func(*Config)) *Store {
		return openStore(t, dir, api, func(cfg *Config) {
			cfg.Now, cfg.Credentials = c.now, func() string { return mine }
			if change != nil {
				change(cfg)
			}
		})
	}
	ask := func(s *Store, calls int) {
		t.Helper()
		if _, err := s.Stat(t.Context(), ref("a")); !apiclient.Refused(err) {
			t.Fatalf("%v", err)
		}
		wantCalls(t, api, "a", calls)
	}
	first, second := open(nil), open(nil)
	ask(first, 1)
	ask(second, 1)
	ask(open(nil), 1)
	ask(open(func(cfg *Config) { cfg.Credentials = func() string { return "another's" } }), 2)
	c.add(31 * time.Second)
	ask(second, 3) // the second time in a row: a minute from now
	c.add(31 * time.Second)
	ask(first, 3)
	ask(open(nil), 3)
	afresh := open(func(cfg *Config) { cfg.Afresh = true })
	ask(afresh, 4)
	ask(afresh, 4)
	ask(first, 4)
	mine = "mine, renewed"
	c.add(time.Second)
	ask(first, 5)
	ask(second, 5)
	c.add(2 * time.Hour)
	body := random(7, 4000)
	api.set("a", &fakeDoc{body: body})
	wantBytes(t, first, ref("a"), body)
	wantBytes(t, open(nil), ref("a"), body)
	wantCalls(t, api, "a", 6)
}

// Whoever asks for a refresh does not wait for the time of what could not be had
// before: access may just have been granted.
func TestForgive(t *testing.T) {
	for _, err := range []error{apiclient.ErrForbidden, apiclient.ErrNotFound, apiclient.ErrProtocol} {
		c, dir := &clock{t: time.Now()}, t.TempDir()
		api := newFake(map[string]*fakeDoc{"a": {err: err}})
		open := func() *Store { return openStore(t, dir, api, func(cfg *Config) { cfg.Now = c.now }) }
		one, other := open(), open()
		for _, s := range []*Store{one, other, one} {
			if _, got := s.Stat(t.Context(), ref("a")); !errors.Is(got, err) {
				t.Fatalf("%v, want %v", got, err)
			}
		}
		wantCalls(t, api, "a", 1)
		c.add(time.Second)
		other.Forgive()
		if _, got := other.Stat(t.Context(), ref("a")); !errors.Is(got, err) { // and it is so still
			t.Fatalf("%v, want %v", got, err)
		}
		wantCalls(t, api, "a", 2)
		body := random(9, 4000)
		api.set("a", &fakeDoc{body: body})
		c.add(time.Second)
		if _, got := other.Stat(t.Context(), ref("a")); !errors.Is(got, err) {
			t.Errorf("asked before its time: %v", got)
		}
		one.Forgive()
		wantBytes(t, one, ref("a"), body)
		wantCalls(t, api, "a", 3)
	}
}

// The size of a large document is known to all as soon as one process knows it; its
// bytes are waited for.
func TestLargeDocumentOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	d := &fakeDoc{body: random(8, 300<<10), stop: make(chan struct{}), stopAt: 100 << 10}
	small := func(cfg *Config) { cfg.PrefetchLimit = 1 << 10 }
	api := newFake(map[string]*fakeDoc{"a": d})
	first, second := openStore(t, dir, api, small), openStore(t, dir, api, small)
	done := make(chan error, 2)
	read := func(s *Store) {
		got, err := readAll(context.Background(), s, ref("a"), 5000)
		if err == nil && !bytes.Equal(got, d.body) {
			err = fmt.Errorf("%d bytes that are not those of the document", len(got))
		}
		done <- err
	}
	go read(first)
	eventually(t, func() bool { _, known := first.Peek(ref("a")); return known })
	if info, err := second.Stat(t.Context(), ref("a")); err != nil || info.Size != int64(len(d.body)) {
		t.Fatalf("%+v, %v", info, err)
	}
	go read(second)
	waiting(t, second)
	close(d.stop)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	wantCalls(t, api, "a", 1)
}

// A process that ends in the middle of a download leaves it to those who wait.
func TestWhoeverWaitsTakesOver(t *testing.T) {
	dir, body := t.TempDir(), random(9, 5000)
	d := &fakeDoc{body: body}
	api, first, done, goOn := held(t, dir, d, nil)
	second := openStore(t, dir, api, nil)
	got := make(chan error, 1)
	go func() {
		all, err := readAll(context.Background(), second, ref("a"), 5000)
		if err == nil && !bytes.Equal(all, body) {
			err = errors.New("other bytes")
		}
		got <- err
	}()
	waiting(t, second)
	api.set("a", &fakeDoc{body: body})
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the first has it all the same")
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	goOn()
	wantCalls(t, api, "a", 2)
}

// Nobody is held up who does not have to be: a caller whose context ends, a walk
// ahead of its reader, and whoever works offline.
func TestWhoDoesNotWait(t *testing.T) {
	dir, body := t.TempDir(), random(10, 5000)
	api, _, done, goOn := held(t, dir, &fakeDoc{body: body}, nil)
	second := openStore(t, dir, api, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := second.Stat(ctx, ref("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the one who left: %v", err)
	}
	third := openStore(t, dir, api, nil)
	third.fetchQuietly(t.Context(), ref("a"), true)
	offline := openStore(t, dir, api, func(cfg *Config) { cfg.Offline = true })
	if _, err := offline.Stat(t.Context(), ref("a")); !errors.Is(err, ErrOffline) {
		t.Errorf("offline: %v", err)
	}
	goOn()
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantBytes(t, second, ref("a"), body)
	wantBytes(t, third, ref("a"), body)
	wantCalls(t, api, "a", 1)
}

// A process that was stopped is not waited for for ever.
func TestAStoppedProcessIsNotWaitedForLong(t *testing.T) {
	dir, body := t.TempDir(), random(12, 5000)
	api, _, done, goOn := held(t, dir, &fakeDoc{body: body}, nil)
	second := openStore(t, dir, api, nil)
	second.waitMost = 50 * time.Millisecond
	api.set("a", &fakeDoc{body: body})
	wantBytes(t, second, ref("a"), body)
	goOn()
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantCalls(t, api, "a", 2)
}

// It was in the middle of a copy, with dozens of documents in hand: whoever reads one
// after the other waits for the first of them, and hardly for the rest.
func TestAStoppedProcessIsGivenUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, body := map[string]*fakeDoc{}, random(12, 5000)
		for n := range 40 {
			docs[fmt.Sprintf("d%02d", n)] = &fakeDoc{body: body}
		}
		s := openStore(t, t.TempDir(), newFake(docs), nil)
		stopped := lease.Open(filepath.Join(s.cfg.Dir, "leases"))
		defer stopped.Close()
		for id := range docs {
			l, ok := stopped.Try(leaseName(ref(id).blob()))
			if !ok {
				t.Fatal("the lease is not free")
			}
			defer l.Release()
		}
		start := time.Now()
		for id := range docs {
			wantBytes(t, s, ref(id), body)
		}
		if d := time.Since(start); d < waitMost || d > waitMost+45*time.Second {
			t.Errorf("it took %v", d)
		}
		time.Sleep(10 * time.Minute) // a while later, others are waited for as before
		docs["later"] = &fakeDoc{body: body}
		l, ok := stopped.Try(leaseName(ref("later").blob()))
		if !ok {
			t.Fatal("the lease is not free")
		}
		time.AfterFunc(30*time.Second, l.Release)
		start = time.Now()
		wantBytes(t, s, ref("later"), body)
		if d := time.Since(start); d < 30*time.Second || d > 31*time.Second {
			t.Errorf("a process that was only slow was waited for for %v", d)
		}
	})
}

// What one process cannot keep, the other one has to ask for itself.
func TestWhatIsNotKeptIsAskedForByEach(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no cache": func(cfg *Config) { cfg.CacheSize = 0 },
		"no locks": func(cfg *Config) {
			if err := os.MkdirAll(filepath.Join(cfg.Dir, "leases"), 0o700); err != nil {
				t.Fatal(err)
			}
			cfg.CacheSize = 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, body := t.TempDir(), random(11, 5000)
			api := newFake(map[string]*fakeDoc{"a": {body: body}})
			for range 2 {
				wantBytes(t, openStore(t, dir, api, change), ref("a"), body)
			}
			wantCalls(t, api, "a", 2)
		})
	}
}

// A size that another process saw says nothing of what this one gets when it has to
// ask by itself: a document that has grown meanwhile is not cut off at the old size.
func TestSizeOfAnotherProcessIsNotBelievedForLong(t *testing.T) {
	dir := t.TempDir()
	before, after := random(13, 200<<10), random(14, 260<<10)
	d := &fakeDoc{body: before, stop: make(chan struct{}), stopAt: 100 << 10}
	defer close(d.stop)
	api := newFake(map[string]*fakeDoc{"a": d})
	small := func(cfg *Config) { cfg.PrefetchLimit = 1 << 10 }
	first, second := openStore(t, dir, api, small), openStore(t, dir, api, small)
	done := make(chan error, 1)
	go func() { _, err := readAll(context.Background(), first, volatileRef("a"), 5000); done <- err }()
	eventually(t, func() bool { _, known := first.Peek(volatileRef("a")); return known })
	type outcome struct {
		all []byte
		err error
	}
	got := make(chan outcome, 1)
	go func() {
		all, err := readAll(context.Background(), second, volatileRef("a"), 1<<20)
		got <- outcome{all, err}
	}()
	waiting(t, second)
	eventually(t, func() bool { _, known := second.Peek(volatileRef("a")); return known })
	api.set("a", &fakeDoc{body: after})
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the first has it all the same")
	}
	if o := <-got; o.err != nil || !bytes.Equal(o.all, after) {
		t.Errorf("%d bytes of %d, %v", len(o.all), len(after), o.err)
	}
}

// Old content that may be served is served before long, though another process has
// it in hand and says nothing.
func TestOldContentIsServedWhileAnotherProcessIsSilent(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	body := random(15, 3000)
	api := newFake(map[string]*fakeDoc{"a": {body: body}})
	open := func() *Store { return openStore(t, dir, api, func(cfg *Config) { cfg.Now = c.now }) }
	first, second := open(), open()
	wantBytes(t, first, volatileRef("a"), body)
	c.add(2 * time.Hour)
	l, ok := first.leases.Try(leaseName(ref("a").blob()))
	if !ok {
		t.Fatal("no lease")
	}
	defer l.Release()
	second.waitMost = time.Millisecond
	wantBytes(t, second, volatileRef("a"), body)
	if got := second.Shortfalls(); len(got) != 1 || !got[0].Stale {
		t.Errorf("%+v", got)
	}
	wantCalls(t, api, "a", 1)
}

// What one process could not have, and another had since, is there for both.
func TestAnothersSuccessEndsAFailure(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	body := random(16, 3000)
	api := newFake(map[string]*fakeDoc{"a": {err: apiclient.ErrNotFound}})
	open := func(afresh bool) *Store {
		return openStore(t, dir, api, func(cfg *Config) { cfg.Now, cfg.Afresh = c.now, afresh })
	}
	first := open(false)
	if _, err := first.Stat(t.Context(), ref("a")); !errors.Is(err, apiclient.ErrNotFound) {
		t.Fatal(err)
	}
	c.add(2 * time.Second)
	api.set("a", &fakeDoc{body: body})
	wantBytes(t, open(true), ref("a"), body)
	c.add(2 * time.Second)
	wantBytes(t, first, ref("a"), body)
	wantCalls(t, api, "a", 2)
}

// A blob that another process has just replaced is no damaged one: it has been
// written down what it is, or will be in a moment.
func TestTheBlobOfAnotherProcessIsNotDamaged(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	before, after := random(17, 3000), random(18, 4000)
	api := newFake(map[string]*fakeDoc{"a": {body: before}})
	open := func() *Store { return openStore(t, dir, api, func(cfg *Config) { cfg.Now = c.now }) }
	first, second := open(), open()
	old, renewed := ref("a"), ref("a")
	old.UpdatedAt, renewed.UpdatedAt = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
	wantBytes(t, first, old, before)
	wantBytes(t, second, old, before)
	api.set("a", &fakeDoc{body: after})
	wantBytes(t, second, renewed, after)
	wantBytes(t, first, old, after) // a newer one than the listing tells of
	wantBytes(t, first, renewed, after)
	wantBytes(t, second, renewed, after)
	wantCalls(t, api, "a", 2)

	// The blob is there, its line is not yet.
	c.add(time.Hour)
	l, ok := second.leases.Try(leaseName(ref("a").blob()))
	if !ok {
		t.Fatal("no lease")
	}
	path := blobOf(second, "a")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, random(19, 4000), 0o600); err != nil {
		t.Fatal(err)
	}
	third := open()
	got := make(chan error, 1)
	go func() { _, err := readAll(context.Background(), third, renewed, 700); got <- err }()
	waiting(t, third)
	if err := third.Verify(t.Context(), nil, func(v Verified) { t.Errorf("%+v", v) }); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the blob was removed: %v", err)
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	l.Release()
	if err := <-got; err != nil {
		t.Error(err)
	}
	wantCalls(t, api, "a", 2)
}
