package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"ccsfs/apiclient"
)

// Why nothing happens, for somebody at a terminal. A run of cron is told nothing:
// what comes of it is.

// waitingAfter is after how long it is said.
const waitingAfter = 4 * time.Second

// waitingAgain is after how long it may be said once more, of another wait.
const waitingAgain = 30 * time.Second

// waitingLook is how often it is looked whether anything has come.
const waitingLook = 500 * time.Millisecond

// tellWaiting says on a terminal, once, that the API takes long and that one need not
// wait, until done is called.
func tellWaiting(stderr io.Writer, terminal bool) (done func()) {
	if !terminal {
		return func() {}
	}
	var mu sync.Mutex
	over := false
	t := time.AfterFunc(waitingAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			say(stderr, "waiting for the API; Ctrl-C leaves, and what is shown stays as it is")
		}
	})
	return func() {
		t.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// stand is how far a command has got.
type stand struct {
	api    apiclient.Stats
	bytes  int64 // of documents that have come
	asking bool  // something is asked for, or another process that asks for it is waited for
}

// stand of the account, which waits for nothing.
func (a *account) stand() stand {
	s := stand{api: a.client.Stats(), bytes: a.content.Stats().Bytes}
	s.asking = s.api.InFlight+s.api.Waiting+s.api.WaitingForAPI > 0 || a.catalog.Stats().Refreshing > 0
	return s
}

// answers is how many there have been.
func (s stand) answers() int64 {
	n := s.bytes
	for _, results := range s.api.Calls {
		n += results["ok"]
	}
	return n
}

// watchAPI says on a terminal what is waited for, when nothing has come for a while,
// until done is called: once of each wait, and not too often.
func watchAPI(stderr io.Writer, terminal bool, look func() stand) (done func()) {
	if !terminal {
		return func() {}
	}
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticks := time.NewTicker(waitingLook)
		defer ticks.Stop()
		var had int64
		since, said := time.Now(), false
		next := since // not said again before
		for {
			select {
			case <-quit:
				return
			case now := <-ticks.C:
				s := look()
				if n := s.answers(); n != had || !s.asking {
					had, since, said = n, now, false
				}
				if !said && now.Sub(since) >= waitingAfter && !now.Before(next) {
					said, next = true, now.Add(waitingAgain)
					say(stderr, "%s; Ctrl-C leaves", plain(s.waitsFor()))
				}
			}
		}
	})
	return func() {
		close(quit)
		ended.Wait()
	}
}

// waitsFor words why nothing comes.
func (s stand) waitsFor() string {
	last := ""
	if n := len(s.api.Errors); n > 0 {
		last = ": " + s.api.Errors[n-1].Text
	}
	switch a := s.api; {
	case a.Breaker != "closed":
		return fmt.Sprintf("the API is out of reach, and waited for%s", last)
	case a.InFlight == 0 && a.Waiting+a.WaitingForAPI == 0:
		return "waiting for another process that asks the API for the same"
	case a.InFlight == 0:
		return fmt.Sprintf("waiting for the API, which asks to be asked more slowly%s", last)
	}
	return "waiting for the API to answer" + last
}

// isTerminal tells whether somebody sees what is written there, now.
func isTerminal(w io.Writer) bool {
	if c, ok := w.(interface{ Terminal() bool }); ok {
		return c.Terminal()
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
