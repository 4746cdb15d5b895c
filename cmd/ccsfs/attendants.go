package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/control"
	"ccsfs/cmd/ccsfs/internal/metrics"
	"ccsfs/cmd/ccsfs/internal/service"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// aroundMounts are the commands about mounts that run already, and what comes
// with an installation.
func aroundMounts(env environment) []*cobra.Command {
	return []*cobra.Command{showStatusCommand(env), refreshCommand(env), warmCommand(env),
		mountHelperCommand(env), manCommand(env)}
}

// attendants serve those who look after a mount: its user (the control
// socket), Prometheus, and systemd. The mount does without any of them.
type attendants struct {
	service *service.Service // nil without systemd
	control *control.Server  // nil if there is no place for a socket
	metrics *metrics.Server  // nil unless asked for
	logger  *slog.Logger
}

// listenMetrics opens the address for Prometheus, nil if there is to be none.
// It comes before mounting, so that an address in use is told at once.
func listenMetrics(ctx context.Context, s *settings.Settings) (net.Listener, error) {
	if s.MetricsListen == "" {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.MetricsListen)
	if err != nil {
		return nil, fail(exitSettings, "cannot serve metrics at %s: %w\n  Choose another address with --metrics-listen, port 0 for any free one.",
			s.MetricsListen, err)
	}
	return l, nil
}

// attend begins to serve. It takes the listener over.
func attend(env environment, s *settings.Settings, m *mounted, listener net.Listener) *attendants {
	a := &attendants{logger: m.logger}
	started := time.Now()
	scrape := http.NotFoundHandler()
	registry, err := metrics.NewRegistry(metrics.Source{
		Mountpoint: m.point, Version: env.version, Started: started,
		Client: m.client, Catalog: m.catalog, Content: m.content,
	})
	if err != nil {
		m.logger.Error("no metrics", "error", err)
	} else {
		scrape = metrics.Handler(registry)
	}
	if listener != nil {
		m.logger.Info("serving metrics", "address", listener.Addr().String())
		a.metrics = metrics.Serve(listener, scrape, m.logger)
	}
	a.control, err = control.Serve(controlPlaces(env), &control.Mount{
		Point: m.point, Version: env.version, APIURL: s.API.URL, Offline: s.API.Offline, Named: len(s.Listings.Types) > 0, Started: started,
		Client: m.client, Catalog: m.catalog, Content: m.content, Workers: s.API.Connections,
		Metrics: scrape, Logger: m.logger,
	})
	if err != nil {
		m.logger.Warn("no control socket: ccsfs status, refresh and warm will not find this mount", "error", err)
	}
	a.service = service.Start(m.logger, m.alive)
	return a
}

// placeVariable has tests meet in a directory of their own: root's sockets
// lie in one place for the whole machine.
const placeVariable = "CCSFS_INTERNAL_CONTROL_DIR"

// controlPlaces are where the sockets of this user lie.
func controlPlaces(env environment) control.Places {
	if dir := env.vars[placeVariable]; dir != "" {
		return control.Places{dir}
	}
	return control.NewPlaces(env.vars["XDG_RUNTIME_DIR"], env.dirs.cache, os.Geteuid())
}

// alive asks the kernel for what only this process can answer, through all
// that a reader's request goes through, and without the network.
func (m *mounted) alive() bool {
	var st unix.Statfs_t
	err := unix.Statfs(m.point, &st)
	m.catalog.Stats() // hangs if its locks do
	m.content.Stats()
	return err == nil
}

// ready tells systemd what is mounted.
func (m *mounted) ready() {
	m.attendants.service.Ready("%s, %s", m.point, count(int64(m.catalog.Stats().Contracts), "contract"))
}

func closeListener(l net.Listener) {
	if l != nil {
		_ = l.Close()
	}
}

// close ends all of them.
func (a *attendants) close() {
	a.service.Close()
	if a.control != nil {
		if err := a.control.Close(); err != nil {
			a.logger.Debug("control socket not closed cleanly", "error", err)
		}
	}
	if a.metrics != nil {
		if err := a.metrics.Close(); err != nil {
			a.logger.Debug("metrics not closed cleanly", "error", err)
		}
	}
}
