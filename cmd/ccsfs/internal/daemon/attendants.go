// Package daemon is what a long-running face of ccsfs does besides its work: it serves those
// who look after it (control socket, metrics, systemd), and starts in the background and
// says when it is ready.
package daemon

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/daemon/metrics"
	"ccsfs/cmd/ccsfs/internal/daemon/service"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Attendants serve those who look after a mount: its user (the control
// socket), Prometheus, and systemd. The mount does without any of them.
type Attendants struct {
	Service *service.Service // nil without systemd
	control *control.Server  // nil if there is no place for a socket
	metrics *metrics.Server  // nil unless asked for
	logger  *slog.Logger
}

// ServeMetrics answers at the address for Prometheus and for probes, until it is closed;
// it is nil if the address is "", and there is to be none. It comes before mounting: an
// address in use is told at once, and who probes is told that there is no mount yet.
func ServeMetrics(ctx context.Context, address string, logger *slog.Logger) (*metrics.Server, error) {
	if address == "" {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Settings, "cannot serve metrics at %s: %w\n  Choose another address with --metrics-listen, port 0 for any free one.",
			address, err)
	}
	logger.Info("serving metrics", "address", l.Addr().String())
	return metrics.Serve(l, logger), nil
}

// Attend begins to serve those who look after m, at places and at web, which it takes
// over, and which may be nil. alive says whether the mount answers, for systemd's
// watchdog and for probes. From then on the process is sparing of memory.
func Attend(places control.Places, m control.Mount, web *metrics.Server, alive func() bool) *Attendants {
	spareMemory()
	a := &Attendants{logger: m.Logger, metrics: web}
	m.Metrics = http.NotFoundHandler()
	source := metrics.Source{
		Mountpoint: m.Point, Account: m.AccountName, Version: m.Version, Started: m.Started,
		Client: m.Client, Catalog: m.Catalog, Content: m.Content, More: m.Collectors,
	}
	if m.Pool != nil {
		source.Pool = m.Pool
	}
	registry, err := metrics.NewRegistry(source)
	if err != nil {
		m.Logger.Error("no metrics", "error", err)
	} else {
		m.Metrics = metrics.Handler(registry)
	}
	if web != nil {
		web.Mounted(m.Metrics, metrics.Probes{Alive: alive, Ready: func() (string, error) { return ready(m.Status()) }})
	}
	a.control, err = control.Serve(places, &m)
	if err != nil {
		m.Logger.Warn("no control socket: ccsfs status, refresh and warm will not find this mount", "error", err)
	}
	a.Service = service.Start(m.Logger, alive)
	return a
}

// Stopping says that the mount is being taken away.
func (a *Attendants) Stopping() {
	a.Service.Stopping()
	if a.metrics != nil {
		a.metrics.Stopping()
	}
}

// Close ends all of them.
func (a *Attendants) Close() {
	a.Service.Close()
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
