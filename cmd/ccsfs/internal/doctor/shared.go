package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/pooling"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/internal/authorities"
	"ccsfs/internal/pool"
	"ccsfs/internal/pool/redis"
)

// The checks of what machines share: whether Redis is what it must be, whether the shared
// store can be used, and whether this machine has the key of the others. None asks the API.

// storeWait bounds how long the shared store is looked at.
const storeWait = 30 * time.Second

// withEngines opens what the settings say is shared.
func (d *doctor) withEngines(use func(e pooling.Engines) (string, error)) (string, error) {
	switch {
	case !pooling.Named(d.settings):
		return "", errSkipped("nothing is shared with other machines (shared is not set)")
	case d.settings.API.Offline:
		return "", errSkipped("--offline")
	}
	var roots *x509.CertPool
	if d.settings.API.CAFile != "" {
		var err error
		if roots, err = authorities.In(d.settings.API.CAFile); err != nil {
			return "", exitcode.With(exitcode.Settings, d.settings.Reject("ca-file", err))
		}
	}
	e, err := pooling.OpenEngines(d.settings, filepath.Base(session.AccountPath(d.settings)), roots)
	if err != nil {
		return "", exitcode.With(exitcode.Settings, err)
	}
	defer func() {
		_ = e.Coordinator.Close() // it was only asked
		if e.Objects != nil {
			_ = e.Objects.Close()
		}
	}()
	return use(e)
}

// poolError gives an error of an engine its exit code.
func poolError(err error) error {
	if errors.Is(err, pool.ErrAway) {
		return exitcode.With(exitcode.Unreachable, err)
	}
	return exitcode.With(exitcode.Settings, err)
}

func (d *doctor) checkCoordinator(ctx context.Context) (string, error) {
	return d.withEngines(func(e pooling.Engines) (string, error) {
		r, err := e.Coordinator.Check(ctx)
		if err != nil {
			return "", poolError(err)
		}
		d.skew = append(d.skew, skew{"Redis", r.Skew})
		return coordinatorText(r, offLoopback(d.settings.Shared.Coordinator))
	})
}

// coordinatorText is what is said of a server, and its error what it must not be.
func coordinatorText(r redis.Report, remote bool) (string, error) {
	switch {
	case r.Cluster:
		return "", exitcode.Errorf(exitcode.Settings, "it is a node of a cluster, which is not served\nName one server, or a primary with replicas.")
	case r.Sentinel:
		return "", exitcode.Errorf(exitcode.Settings, "it is a sentinel, which is not served\nName the primary that it watches.")
	case r.Role == "slave":
		return "", exitcode.Errorf(exitcode.Settings, "it is a replica, which cannot be written to\nName the primary.")
	case r.Evicts():
		return "", exitcode.Errorf(exitcode.Settings, "it drops what is kept in it when its memory is full (maxmemory-policy %s), and then two machines ask for one document\nSet there: maxmemory-policy noeviction", r.Policy)
	case len(r.Denied) > 0:
		return "", exitcode.Errorf(exitcode.Settings, "its access rules (ACL) refuse this user, or it does not know: %s\nPermit these, and the keys ccsfs:*", strings.Join(r.Denied, ", "))
	}
	name := strings.TrimSpace(r.Server + " " + r.Version)
	if name == "" {
		name = "a server that does not say what it is"
	}
	text := fmt.Sprintf("%s answers in %.1f ms", name, float64(r.RoundTrip.Microseconds())/1000)
	if r.TLS {
		text += ", by TLS"
	}
	switch r.Persistence {
	case "none":
		text += "; keeps nothing on a disk, and needs not: after its restart nobody asks for two seconds"
	case "":
	default:
		text += "; keeps " + r.Persistence
	}
	if r.Policy == "" {
		text += "\nwarning: it does not tell its maxmemory-policy; it must be noeviction"
	}
	if remote && !r.TLS {
		text += "\nwarning: what goes to another machine goes without TLS; take rediss:// (the access token is encrypted all the same)"
	}
	return text, nil
}

// offLoopback tells whether an address is of another machine.
func offLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "unix" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// checker is a store that can say how it is doing.
type checker interface {
	Check(ctx context.Context) []pool.Finding
}

func (d *doctor) checkStore(ctx context.Context) (string, error) {
	return d.withEngines(func(e pooling.Engines) (string, error) {
		store, ok := e.Objects.(checker)
		if !ok {
			return "", errSkipped("there is none (shared-store is not set); rate, token and work alone are shared")
		}
		ctx, cancel := context.WithTimeout(ctx, storeWait)
		defer cancel()
		return storeText(store.Check(ctx), d.settings.Shared.Encrypt)
	})
}

// storeText is what is said of a store, and its error the first thing that does not work.
func storeText(findings []pool.Finding, encrypted bool) (string, error) {
	var works, more []string
	for _, f := range findings {
		switch {
		case f.Err != nil:
			return "", poolError(fmt.Errorf("%s: %w", f.About, f.Err))
		case f.About == "encryption at rest" && f.Says == "none set" && !encrypted:
			more = append(more, "warning: encryption at rest: none set; have the bucket encrypt, or set shared-encrypt")
		case f.Doubt:
			more = append(more, "warning: "+f.About+": "+f.Says)
		case f.Says == "yes":
			works = append(works, f.About)
		default:
			more = append(more, f.About+": "+f.Says)
		}
	}
	if encrypted {
		more = append(more, "what this machine puts there is encrypted (shared-encrypt)")
	}
	return strings.Join(append([]string{"can " + strings.Join(works, ", ")}, more...), "\n"), nil
}

func (d *doctor) checkPoolKey(ctx context.Context) (string, error) {
	return d.withEngines(func(e pooling.Engines) (string, error) {
		text := "key " + e.Key.ID()
		if e.Objects == nil {
			return text, nil
		}
		p := pool.Open(pool.Config{Account: filepath.Base(session.AccountPath(d.settings)), Member: "doctor",
			Coordinator: idle{e.Coordinator}, Objects: kept{e.Objects}, Key: e.Key})
		defer func() { _ = p.Close() }() // nothing was written
		m, found, err := p.Began(ctx)
		switch {
		case err != nil:
			return "", poolError(err)
		case !found && pooling.MustHaveBegun(d.settings):
			return "", exitcode.Errorf(exitcode.Settings, "there is no shared store in the directory: mount it, or begin one with: ccsfs shared init")
		case !found:
			return text + "; the shared store of this account has not begun yet: the first machine begins it, or ccsfs shared init", nil
		}
		return fmt.Sprintf("%s; the shared store was begun with it on %s UTC", text, m.Since.UTC().Format(time.DateOnly)), nil
	})
}

// idle and kept are engines that somebody else closes.
type idle struct{ pool.Coordinator }

// Close does nothing.
func (idle) Close() error { return nil }

type kept struct{ pool.Objects }

// Close does nothing.
func (kept) Close() error { return nil }

// skew is how far a clock is ahead of that of this machine.
type skew struct {
	of string
	by time.Duration
}

// checkClocks tells how far clocks are apart; what is shared depends on them for what is old,
// and for no more.
func (d *doctor) checkClocks(context.Context) (string, error) {
	if len(d.skew) == 0 {
		return "", errSkipped("nothing is shared with other machines (shared is not set)")
	}
	var all []string
	for _, s := range d.skew {
		f := pool.ClockFinding(s.by)
		if f.Doubt {
			return "", exitcode.Errorf(exitcode.Settings, "that of %s %s: what one machine was told counts as old, or as of the future, on others", s.of, f.Says)
		}
		all = append(all, fmt.Sprintf("that of %s %s", s.of, f.Says))
	}
	return strings.Join(all, "; "), nil
}
