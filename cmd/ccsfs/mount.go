package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/fs"
	"ccsfs/internal/catalog"
)

func mountCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mount [flags] MOUNTPOINT",
		Short: "Show the documents as a folder",
		Long: `Show the documents of the account below MOUNTPOINT, an empty directory, until
Ctrl-C, "ccsfs unmount", fusermount3 -u or umount. With --daemon, return as soon as
the folder can be used. SIGHUP asks for everything anew.`,
		Example: `  ccsfs mount ~/bills
  ccsfs mount --daemon --layout=period --types=bills,invoices ~/bills
  ccsfs unmount ~/bills`,
		Args: takes(1, 1, "MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return mount(cmd.Context(), env, cmd, args[0])
		},
	}
	addSettings(cmd, append(accountGroups(), settings.GroupMount, settings.GroupDaemon)...)
	return cmd
}

// mount is `ccsfs mount`: in the foreground, in the background, or as the
// process in the background that the latter starts.
func mount(ctx context.Context, env environment, cmd *cobra.Command, mountpoint string) error {
	starter := newStarter(env)
	err := func() error {
		s, err := load(env, cmd)
		if err != nil {
			return err
		}
		if err := s.CheckCredentials(); err != nil {
			return &exitError{exitSettings, err}
		}
		if s.Mount.Daemon && starter == nil {
			return daemonize(ctx, env, s)
		}
		return mountAccount(ctx, env, s, mountpoint, starter, "")
	}()
	starter.failed(err)
	return err
}

// mountAccount mounts, tells the user or the starter so, and serves until told
// to stop. The hint is something to try, "" for none.
func mountAccount(ctx context.Context, env environment, s *settings.Settings, mountpoint string, starter *starter, hint string) error {
	logger, logs, err := newLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	for _, w := range s.Warnings {
		logger.Warn(w)
	}
	point := resolve(filepath.Clean(mountpoint), env.dirs.work)
	if err := prepareMountpoint(point, s, logger); err != nil {
		return err
	}
	listener, err := listenMetrics(ctx, s)
	if err != nil {
		return err
	}
	// Asked for before mounting: a signal that comes in between must unmount.
	signals, stop := env.notify(unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE)
	m, err := startMount(ctx, env, s, point, logger, lasting)
	if err != nil {
		stop()
		closeListener(listener)
		return err
	}
	defer m.close()
	m.attendants = attend(env, s, m, listener)
	defer m.attendants.close()
	defer stop() // first of all: from then on a signal ends the program
	if starter != nil {
		if err := starter.mounted(m.note); err != nil {
			// Whoever started us has left. The mount is what matters.
			logger.Warn("nobody waits for this mount", "error", err)
		}
	} else {
		m.announce(env, hint)
	}
	m.ready()
	return m.serve(ctx, signals)
}

// mounted is an account on its mountpoint.
type mounted struct {
	*account
	server *fs.Server
	point  string
	note   string // what the user should know, "" if nothing

	attendants *attendants
}

// startMount opens the account, waits until its contracts are known, and only
// then mounts, so that nobody meets a folder that cannot be listed.
func startMount(ctx context.Context, env environment, s *settings.Settings, point string, logger *slog.Logger, purpose purpose) (*mounted, error) {
	ctx, done := env.interruptible(ctx)
	defer done()
	a, err := wireAccount(env, s, logger, purpose)
	if err != nil {
		return nil, err
	}
	m := &mounted{account: a, point: point}
	contracts, err := a.ready(ctx, s)
	if err == nil && purpose == lasting {
		contracts, m.note, err = a.named(ctx, s, contracts)
	}
	if err == nil {
		m.server, err = mountAt(point, s, a)
	}
	if err != nil {
		_ = a.Close()
		return nil, err
	}
	logger.Info("mounted", "mountpoint", point, "contracts", len(contracts.Entries))
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
func (a *account) named(ctx context.Context, s *settings.Settings, contracts *catalog.Contracts) (_ *catalog.Contracts, note string, err error) {
	if len(contracts.Missing) > 0 && contracts.Stale == nil && !s.API.Offline {
		if err := a.catalog.RefreshContracts(ctx); err == nil {
			if contracts, err = a.ready(ctx, s); err != nil {
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
	named := someOf(contracts.Missing)
	text := fmt.Sprintf("contract %s, of %s, is not among those of the account", named, sourceOf(s, "contract"))
	if len(contracts.Missing) > 1 {
		text = fmt.Sprintf("contracts %s, of %s, are not among those of the account", named, sourceOf(s, "contract"))
	}
	var ids []string
	for _, c := range contracts.Hidden {
		ids = append(ids, c.ID)
	}
	if near := settings.Nearest(contracts.Missing[0], ids); near != "" {
		text += "; did you mean " + near + "?"
	}
	if len(contracts.Entries) == 0 && len(contracts.Hidden) > 0 {
		return "", fail(exitSettings, "%s", text)
	}
	return text, nil
}

func mountAt(point string, s *settings.Settings, a *account) (*fs.Server, error) {
	ttl := s.Listings.TTL
	if s.API.Offline {
		ttl = 0 // no lookup brings anything newer
	}
	server, err := fs.Mount(point, fs.Config{
		Catalog: a.catalog, Content: a.content,
		UID: s.Mount.UID, GID: s.Mount.GID, Umask: s.Mount.Umask,
		AllowOther: s.Mount.AllowOther, XAttrs: s.Mount.XAttrs, LazySizes: s.Mount.Sizes == settings.SizesLazy,
		ListingTTL: ttl,
		FsName:     fsName, Logger: a.logger,
	})
	if err != nil {
		return nil, &exitError{exitMount, err}
	}
	return server, nil
}

func (m *mounted) announce(env environment, hint string) {
	if m.note != "" {
		say(env.stderr, "warning: %s", m.note)
	}
	say(env.stderr, "mounted at %s; Ctrl-C or `ccsfs unmount %s` ends it%s", m.point, m.point, hint)
}

// close ends what served the mount. The mount itself is gone, or given up.
func (m *mounted) close() {
	if err := m.account.Close(); err != nil {
		m.logger.Warn("cache not closed cleanly", "error", err)
	}
}

// serve waits for the end of the mount: by a signal, or from outside. A
// second signal ends the program at once.
func (m *mounted) serve(ctx context.Context, signals <-chan os.Signal) error {
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
			m.attendants.service.Stopping()
			m.logger.Info("unmounted", "mountpoint", m.point)
			return nil
		case err := <-unmounting:
			if err != nil {
				unmounting = nil
				m.logger.Error("cannot unmount, still serving", "mountpoint", m.point, "error", err)
			}
		case sig := <-signals:
			switch {
			case sig == unix.SIGPIPE: // whoever read our log has left
			case sig == unix.SIGHUP:
				refreshing.start()
			case unmounting != nil:
				return fail(exitFailed, "stopped by a second signal; if %s is still mounted: ccsfs unmount %s", m.point, m.point)
			default:
				m.attendants.service.Stopping()
				unmounting = make(chan error, 1)
				go func(result chan<- error) { result <- m.server.Unmount() }(unmounting)
			}
		}
	}
}
