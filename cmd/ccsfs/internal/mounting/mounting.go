//go:build !windows

// Package mounting mounts an account and serves it: until told to stop, or while a command
// runs inside. It is what mount, exec and demo share.
package mounting

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/fs"
	"ccsfs/internal/catalog"
	"ccsfs/internal/suggest"
)

// Account mounts, tells the user or the starter so, and serves until told
// to stop. The hint is something to try, "" for none.
func Account(ctx context.Context, env cmdutil.Environment, s *settings.Settings, mountpoint string, starter *daemon.Starter, hint string) error {
	point := Mountpoint(env, mountpoint)
	if err := outside(s, point); err != nil { // the log would be made there
		return err
	}
	logger, logs, err := cmdutil.NewMountLogger(env, s, point)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	for _, w := range s.Warnings {
		logger.Warn(w)
	}
	err = account(ctx, env, s, point, starter, hint, logger, logs)
	if starter == nil || err == nil {
		return err
	}
	starter.Failed(err)
	logger.Error("ended by an error", "error", err) // a line like the others of that log
	return exitcode.Silently(exitcode.Of(err))
}

func account(ctx context.Context, env cmdutil.Environment, s *settings.Settings, point string, starter *daemon.Starter, hint string, logger *slog.Logger, logs *cmdutil.LogFile) error {
	if err := prepareMountpoint(point, logger); err != nil {
		return err
	}
	web, err := daemon.ServeMetrics(ctx, s.MetricsListen, logger)
	if err != nil {
		return err
	}
	// Asked for before mounting: a signal that comes in between must unmount.
	signals, stop := env.Notify(unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE)
	m, err := start(ctx, env, s, point, logger, session.Lasting)
	if err != nil {
		stop()
		if web != nil {
			_ = web.Close() // nothing was mounted
		}
		return err
	}
	defer m.close()
	m.logs = logs
	m.attendants = daemon.Attend(mounts.Places(env), control.Mount{
		Point: point, Version: env.Version, APIURL: s.API.URL, Offline: s.API.Offline, Named: len(s.Listings.Types) > 0, Started: time.Now(),
		Account: filepath.Base(session.AccountPath(s)), AccountName: s.Account, Layout: s.Listings.Layout, ContractNames: s.Listings.ContractNames, PortableNames: s.Listings.PortableNames,
		Client: m.Client, Catalog: m.Catalog, Content: m.Content, Pool: m.Pool, Workers: s.API.Connections, Logger: logger, LogFile: logs.Path(),
	}, web, m.alive)
	defer m.attendants.Close()
	defer stop() // first of all: from then on a signal ends the program
	if starter != nil {
		if err := starter.Mounted(m.note); err != nil {
			// Whoever started us has left. The mount is what matters.
			logger.Warn("nobody waits for this mount", "error", err)
		}
	} else {
		m.announce(env, hint)
	}
	m.ready()
	return m.serve(ctx, signals)
}

// Mounted is an account on its mountpoint.
type Mounted struct {
	*session.Account
	server *fs.Server
	Point  string
	note   string           // what the user should know, "" if nothing
	logs   *cmdutil.LogFile // nil if there is none

	attendants *daemon.Attendants
}

// start opens the account, waits until its contracts are known, and only
// then mounts, so that nobody meets a folder that cannot be listed.
func start(ctx context.Context, env cmdutil.Environment, s *settings.Settings, point string, logger *slog.Logger, purpose session.Purpose) (*Mounted, error) {
	if err := fs.Check(point, s.Mount.AllowOther); err != nil {
		return nil, exitcode.With(exitcode.Mount, err)
	}
	ctx, done := env.Interruptible(ctx)
	defer done()
	a, err := session.WireAccount(env, s, logger, purpose)
	if err != nil {
		return nil, err
	}
	m := &Mounted{Account: a, Point: point}
	contracts, err := a.Ready(ctx, s)
	if err == nil && purpose == session.Lasting {
		contracts, m.note, err = named(ctx, a, s, contracts)
	}
	if err == nil {
		m.server, err = mountAt(env, point, s, a)
	}
	if err != nil {
		_ = a.Close()
		return nil, err
	}
	logger.Info("mounted", "contracts", len(contracts.Entries))
	switch stale := contracts.Stale; {
	case stale != nil:
		m.note = "the API cannot be reached, showing what was saved: " + stale.Error()
		logger.Warn("showing what was saved", "error", stale)
	case len(contracts.Entries)+len(contracts.Hidden) == 0:
		m.note = catalog.ErrNoContracts.Error()
	case m.note != "":
		logger.Warn(m.note)
	}
	return m, nil
}

// named is misnamed by a list of contracts that is new: one that is cached may be from
// before a contract was granted.
func named(ctx context.Context, a *session.Account, s *settings.Settings, contracts *catalog.Contracts) (_ *catalog.Contracts, note string, err error) {
	if len(contracts.Missing) > 0 && contracts.Stale == nil && !s.API.Offline {
		if err := a.Catalog.RefreshContracts(ctx); err == nil {
			if contracts, err = a.Ready(ctx, s); err != nil {
				return nil, "", err
			}
		} else if text, refused := misnamed(s, contracts); refused != nil {
			return contracts, refused.Error(), nil // by an old list nobody is refused
		} else {
			return contracts, text, nil
		}
	}
	note, err = misnamed(s, contracts)
	return contracts, note, err
}

// misnamed refuses to mount none of the contracts that were named, and tells which are
// not there if only some are: whoever copies from an empty folder copies nothing, and
// whoever mirrors it deletes. What is not certain is not held against anybody.
func misnamed(s *settings.Settings, contracts *catalog.Contracts) (note string, err error) {
	if len(contracts.Missing) == 0 || contracts.Stale != nil || contracts.Suspect != "" {
		return "", nil
	}
	named := session.SomeOf(contracts.Missing)
	text := fmt.Sprintf("contract %s, of %s, is not among those of the account", named, session.SourceOf(s, "contract"))
	if len(contracts.Missing) > 1 {
		text = fmt.Sprintf("contracts %s, of %s, are not among those of the account", named, session.SourceOf(s, "contract"))
	}
	var ids []string
	for _, c := range contracts.Hidden {
		ids = append(ids, c.ID)
	}
	if near := suggest.Nearest(contracts.Missing[0], ids); near != "" {
		text += "; did you mean " + near + "?"
	}
	if len(contracts.Entries) == 0 && len(contracts.Hidden) > 0 {
		return "", exitcode.Errorf(exitcode.Settings, "%s", text)
	}
	return text, nil
}

// SourceVariable tells a process what its mount is called in the first column of the
// table of mounts.
const SourceVariable = "CCSFS_INTERNAL_SOURCE"

func mountAt(env cmdutil.Environment, point string, s *settings.Settings, a *session.Account) (*fs.Server, error) {
	source := env.Vars[SourceVariable]
	if source == "" {
		source = mountinfo.FsName
	}
	ttl := s.Listings.TTL
	if s.API.Offline {
		ttl = 0 // no lookup brings anything newer
	}
	server, err := fs.Mount(point, fs.Config{
		Catalog: a.Catalog, Content: a.Content,
		UID: s.Mount.UID, GID: s.Mount.GID, Umask: s.Mount.Umask,
		AllowOther: s.Mount.AllowOther, XAttrs: s.Mount.XAttrs, LazySizes: s.Mount.Sizes == settings.SizesLazy,
		ListingTTL: ttl,
		FsName:     source, Logger: a.Logger,
	})
	if err != nil {
		return nil, exitcode.With(exitcode.Mount, err)
	}
	return server, nil
}

func (m *Mounted) announce(env cmdutil.Environment, hint string) {
	if m.note != "" {
		term.Say(env.Stderr, "warning: %s", m.note)
	}
	term.Say(env.Stderr, "mounted at %s; Ctrl-C or `ccsfs unmount %s` ends it%s", m.Point, term.Quote(m.Point), hint)
}

// alive asks the kernel for what only this process can answer, through all
// that a reader's request goes through, and without the network.
func (m *Mounted) alive() bool {
	var st unix.Statfs_t
	err := unix.Statfs(m.Point, &st)
	m.Catalog.Stats() // hangs if its locks do
	m.Content.Stats()
	return err == nil
}

// ready tells systemd what is mounted.
func (m *Mounted) ready() {
	m.attendants.Service.Ready("%s, %s", m.Point, term.Count(int64(m.Catalog.Stats().Contracts), "contract"))
}

// close ends what served the mount. The mount itself is gone, or given up.
func (m *Mounted) close() {
	if err := m.Account.Close(); err != nil {
		m.Logger.Warn("cache not closed cleanly", "error", err)
	}
}

// reopenLog begins another log file if this one was renamed, as who rotates it does.
func (m *Mounted) reopenLog() {
	if err := m.logs.Reopen(); err != nil {
		m.Logger.Warn("the log file cannot be opened anew; lines go on to where they went", "error", err)
	}
}

// serve waits for the end of the mount: by a signal, or from outside. A
// second signal ends the program at once.
func (m *Mounted) serve(ctx context.Context, signals <-chan os.Signal) error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		m.server.Wait()
	}()
	refreshing, cancel := newRefresher(ctx, m)
	defer cancel()
	var unmounting chan error
	for {
		select {
		case <-gone:
			m.attendants.Stopping()
			m.Logger.Info("unmounted")
			return nil
		case err := <-unmounting:
			if err != nil {
				unmounting = nil
				m.Logger.Error("cannot unmount, still serving", "error", err)
			}
		case sig := <-signals:
			switch {
			case sig == unix.SIGPIPE: // whoever read our log has left
			case sig == unix.SIGHUP:
				m.reopenLog()
				refreshing.start()
			case unmounting != nil:
				return exitcode.Errorf(exitcode.Failed, "stopped by a second signal; if %s is still mounted: ccsfs unmount %s", m.Point, m.Point)
			default:
				m.attendants.Stopping()
				unmounting = make(chan error, 1)
				go func(result chan<- error) { result <- m.server.Unmount() }(unmounting)
			}
		}
	}
}
