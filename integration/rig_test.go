//go:build linux

package integration

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/fs"
	"ccsfs/internal/account"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// options of a rig; the zero value is the sample account as the API most
// likely is, on a fresh cache.
type options struct {
	face     face // how the folder is shown
	account  *apisim.Account
	quirks   apisim.Quirks
	redirect bool   // Quirks.Redirect to an origin of the rig
	layout   string // "": flat
	umask    uint32
	timeout  time.Duration // of the client; 0: its default
	logger   *slog.Logger  // nil: none
	cache    string        // directory; "": a fresh one

	// Changes to what is made by default.
	wrap    func(http.Handler) http.Handler // around the simulated API
	client  func(*apiclient.Config)
	catalog func(*catalog.Config)
	content func(*content.Config)
	fs      func(*fs.Config)
}

// rig is a simulated API, and all of ccsfs on a real mount.
type rig struct {
	t     testing.TB
	opt   options
	sim   *apisim.Server
	web   *httptest.Server
	cache string // directory, kept by remount
	clock *clock
	undo  []func()

	// Of one mount, or drive.
	dir     string // where it is
	served  *httptest.Server
	address string       // of what is over HTTP, without a path
	clients *http.Client // of it
	user    string       // that they come as, "": none is asked for
	client  *apiclient.Client
	catalog *catalog.Catalog
	content *content.Store
	server  *fs.Server
}

// clock is the time as catalog and content see it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// advance makes time pass.
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// newRig mounts; everything ends with the test.
func newRig(t testing.TB, o options) *rig {
	t.Helper()
	r := newServedRig(t, o)
	r.mount()
	return r
}

// newServedRig serves the API but mounts nothing.
func newServedRig(t testing.TB, o options) *rig {
	t.Helper()
	if o.account == nil {
		o.account = sample()
	}
	if o.cache == "" {
		o.cache = t.TempDir()
	}
	r := &rig{t: t, opt: o, cache: o.cache, clock: &clock{}}
	if o.quirks.TokenLifetime == 0 {
		// Its time jumps by hours, and a token that was got just before a jump would be
		// refused as a new one: the client takes that for lost access, rightly.
		o.quirks.TokenLifetime, o.quirks.TokenAnnounced = 10_000*time.Hour, time.Hour
	}
	r.sim = &apisim.Server{Account: o.account, Quirks: o.quirks, Now: r.clock.now}
	if o.redirect {
		other := httptest.NewServer(r.sim.Origin())
		r.sim.Quirks.Redirect = other.URL
		r.undo = append(r.undo, other.Close)
	}
	var api http.Handler = r.sim
	if o.wrap != nil {
		api = o.wrap(api)
	}
	r.web = httptest.NewUnstartedServer(api)
	r.web.Listener.Close()
	l, err := r.sim.Listen(t.Context(), "127.0.0.1:0") // one that outages can close
	if err != nil {
		t.Fatal(err)
	}
	r.web.Listener = l
	r.web.Start()
	r.undo = append(r.undo, func() {
		r.sim.Faults.Clear() // else Close waits for calls that hang
		r.sim.ComeBack()
		r.web.Close()
	})
	t.Cleanup(r.close)
	return r
}

// close ends everything.
func (r *rig) close() {
	r.sim.Faults.Clear()
	r.unmount()
	for _, f := range r.undo {
		f()
	}
	r.undo = nil
}

// mount mounts on a new directory, with the cache of the mount before.
func (r *rig) mount() {
	r.t.Helper()
	if err := r.tryMount(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) tryMount() (err error) {
	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL = r.web.URL+apisim.APIPath, r.web.URL+apisim.OAuthPath
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	cfg.RateLimit, cfg.Timeout, cfg.Logger = 0, r.opt.timeout, r.opt.logger
	cfg.Patience = 4 * time.Second // most tests want the error
	if r.opt.client != nil {
		r.opt.client(&cfg)
	}
	l, err := layout.Parse(cmp.Or(r.opt.layout, "flat"))
	if err != nil {
		return err
	}
	if r.opt.face == asDrive {
		l = l.With(layout.Portable)
	}
	listings, documents := catalog.Config{Layout: l}, content.DefaultConfig()
	documents.Now = r.clock.now
	if r.opt.catalog != nil {
		r.opt.catalog(&listings)
	}
	if r.opt.content != nil {
		r.opt.content(&documents)
	}
	if info, err := os.Stat(r.cache); err == nil && info.Mode().Perm()&0o077 != 0 { // TempDir makes it so
		if err := os.Chmod(r.cache, 0o700); err != nil {
			return err
		}
	}
	a, err := account.Open(account.Config{
		Dir: r.cache, Client: cfg, Catalog: listings, Content: documents,
		Offline: listings.Offline, Now: r.clock.now, Logger: r.opt.logger,
	})
	if err != nil {
		return err
	}
	r.client, r.catalog, r.content = a.Client, a.Catalog, a.Content
	if r.opt.face == asDrive {
		r.showDrive(a.Folder)
		return nil
	}
	r.dir = r.t.TempDir()
	m := fs.Config{Catalog: r.catalog, Content: r.content, Umask: r.opt.umask, Logger: r.opt.logger}
	m.ListingTTL = cmp.Or(listings.TTL, 10*time.Minute)
	if r.opt.fs != nil {
		r.opt.fs(&m)
	}
	if r.server, err = fs.Mount(r.dir, m); err != nil {
		return err
	}
	return r.server.DisablePoll() // tests open files of the mount
}

// beside is another mount with the same cache, as of another process: nothing but
// the cache, the API and the time is common to both.
func (r *rig) beside() *rig {
	r.t.Helper()
	other := &rig{t: r.t, opt: r.opt, sim: r.sim, web: r.web, cache: r.cache, clock: r.clock}
	r.t.Cleanup(other.unmount)
	other.mount()
	return other
}

// unmount ends the mount, and what served it.
func (r *rig) unmount() {
	r.t.Helper()
	r.endDrive()
	if r.server != nil {
		if err := r.server.Unmount(); err != nil {
			r.t.Errorf("unmount: %v", err)
		}
		r.server.Wait()
	}
	if r.catalog != nil {
		r.catalog.Close()
	}
	if r.content != nil {
		if err := r.content.Close(); err != nil {
			r.t.Errorf("closing the cache: %v", err)
		}
	}
	if r.client != nil {
		r.client.Close()
	}
	r.server, r.catalog, r.content, r.client = nil, nil, nil, nil
}

// remount mounts anew with the same cache, as after a restart.
func (r *rig) remount() {
	r.t.Helper()
	r.unmount()
	r.mount()
}

// path is a path below the mountpoint.
func (r *rig) path(elem ...string) string { return filepath.Join(append([]string{r.dir}, elem...)...) }

// loseBlobs takes the bytes of all documents out of the cache, once nothing is open or on
// its way: what comes later would be put back.
func (r *rig) loseBlobs() {
	r.t.Helper()
	eventually(r.t, "nothing is open or on its way", func() bool {
		s := r.content.Stats()
		return s.Active == 0 && s.Running == 0
	})
	if err := os.RemoveAll(filepath.Join(r.cache, "content", "blobs")); err != nil {
		r.t.Fatal(err)
	}
}

// refresh asks the API for everything anew.
func (r *rig) refresh() {
	r.t.Helper()
	if err := r.catalog.Refresh(context.Background(), ""); err != nil {
		r.t.Fatalf("refresh: %v", err)
	}
}

// command prepares a program that ends with the test, or after a minute: what
// hangs must not hang the tests. Programs never start in the mount, since the
// fork would wait for us who wait for it.
func command(t testing.TB, argv ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs a program and returns what it wrote to standard output; an error
// has what it wrote to standard error.
func run(t testing.TB, argv ...string) (string, error) {
	cmd := command(t, argv...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// must is run for programs that have to succeed.
func (r *rig) must(argv ...string) string {
	r.t.Helper()
	out, err := run(r.t, argv...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// sh runs a shell script that must succeed. It knows the mountpoint as $MNT and
// an empty directory as $OUT, which is returned.
func (r *rig) sh(script string, env ...string) (out string) {
	r.t.Helper()
	out = r.t.TempDir()
	cmd := command(r.t, "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(append(os.Environ(), "MNT="+r.dir, "OUT="+out), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s\n%v: %s", script, err, text)
	}
	return out
}
