// Package service talks to systemd, as sd_notify(3) has it: that the mount is
// ready, what it is doing, and that it is alive. Without systemd it does
// nothing.
package service

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Service tells systemd about this process. A nil Service is one without
// systemd.
type Service struct {
	logger *slog.Logger
	beat   time.Duration
	stop   chan struct{}
	done   sync.WaitGroup
}

// Start begins to tell, if systemd started this process. Alive is called every
// time before the watchdog is told: as long as it does not return true, systemd
// takes the process for hung, and restarts it in the end.
func Start(logger *slog.Logger, alive func() bool) *Service {
	// A socket that was not given, or is not the right one, is no service.
	sent, err := daemon.SdNotify(false, "STATUS=Starting")
	if err != nil {
		logger.Warn("cannot notify systemd", "error", err)
	}
	if !sent || err != nil {
		return nil
	}
	s := &Service{logger: logger, stop: make(chan struct{})}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("no watchdog", "error", err)
	}
	if interval > 0 {
		s.beat = interval / 3 // sd_watchdog_enabled(3) asks for half or less
		s.done.Go(func() { s.watch(alive) })
	}
	return s
}

// watch tells the watchdog for as long as alive is true.
func (s *Service) watch(alive func() bool) {
	tick := time.NewTicker(s.beat)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		answer := make(chan bool, 1)
		go func() { answer <- alive() }()
		select {
		case <-s.stop:
			return
		case ok := <-answer:
			if ok {
				s.tell(daemon.SdNotifyWatchdog)
			} else {
				s.logger.Warn("the mount does not answer; the watchdog is not told")
			}
		}
	}
}

// Ready says that the mount can be used, or that a reload has ended.
func (s *Service) Ready(format string, args ...any) {
	if s != nil {
		s.tell(daemon.SdNotifyReady + "\n" + status(format, args...))
	}
}

// Reloading says that everything is being asked for anew, until Ready.
func (s *Service) Reloading() {
	if s != nil {
		s.tell(reloading() + "\n" + status("Asking for everything anew"))
	}
}

// Stopping says that the mount is being taken away.
func (s *Service) Stopping() { s.Ending("Unmounting") }

// Ending says that the process is about to end, and what it does until then.
func (s *Service) Ending(what string) {
	if s != nil {
		s.tell(daemon.SdNotifyStopping + "\n" + status("%s", what))
	}
}

// Doing says what the process does now.
func (s *Service) Doing(format string, args ...any) {
	if s != nil {
		s.tell(status(format, args...))
	}
}

// Close ends the watchdog.
func (s *Service) Close() {
	if s != nil {
		close(s.stop)
		s.done.Wait()
	}
}

func (s *Service) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.logger.Debug("cannot notify systemd", "error", err)
	}
}

// status is a line for `systemctl status`.
func status(format string, args ...any) string {
	line := []rune("STATUS=" + fmt.Sprintf(format, args...))
	for i, r := range line {
		if r < ' ' {
			line[i] = ' ' // a line break would begin another field
		}
	}
	return string(line)
}
