package session

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Why nothing happens, for somebody at a terminal. A run of cron is told nothing:
// what comes of it is.

// waitingAfter is after how long it is said.
const waitingAfter = 2 * time.Second

// waitingAgain is after how long it may be said once more, of another wait.
const waitingAgain = 30 * time.Second

// progressAgain is after how long it is said again how far a command has got.
const progressAgain = 15 * time.Second

// waitingLook is how often it is looked whether anything has come.
const waitingLook = 500 * time.Millisecond

// TellWaiting says on a terminal, once, what takes long and that one need not wait, until
// done is called.
func TellWaiting(stderr io.Writer, terminal bool, text string) (done func()) {
	if !terminal {
		return func() {}
	}
	var mu sync.Mutex
	over := false
	t := time.AfterFunc(waitingAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			term.Say(stderr, "%s", text)
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

	listed, contracts int64     // of those that are listed, how many
	shows             bool      // the command shows itself how far it has got
	printed           time.Time // what it printed last; zero: nothing yet
}

// stand of the account, which waits for nothing.
func (a *Account) stand() stand {
	s := stand{api: a.Client.Stats(), bytes: a.Content.Stats().Bytes}
	s.listed, s.contracts, s.shows = a.progress.listed.Load(), a.progress.contracts.Load(), a.progress.shown.Load()
	s.asking = s.api.InFlight+s.api.Waiting+s.api.WaitingForAPI > 0 || a.Catalog.Stats().Refreshing > 0
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

// watchAPI says on a terminal what is waited for, when nothing has come for a while, once
// of each wait, and not too often; and how far it has got, where much comes and nothing
// is printed; until done is called.
func watchAPI(stderr io.Writer, terminal bool, look func() stand) (done func()) {
	if !terminal {
		return func() {}
	}
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticks := time.NewTicker(waitingLook)
		defer ticks.Stop()
		now := time.Now()
		w := watch{since: now, next: now, heard: now}
		for {
			select {
			case <-quit:
				return
			case now := <-ticks.C:
				if text := w.look(look(), now); text != "" {
					term.Say(stderr, "%s; Ctrl-C leaves", term.Plain(text))
				}
			}
		}
	})
	return func() {
		close(quit)
		ended.Wait()
	}
}

// watch is what somebody at a terminal knows.
type watch struct {
	had    int64     // answers
	since  time.Time // when the latest of them came
	waits  bool      // it was said that nothing comes
	next   time.Time // not said again before
	heard  time.Time // something, or when it began
	spoken bool      // how far it has got was said
}

// look returns what is to be said now, "" if nothing is.
func (w *watch) look(s stand, now time.Time) string {
	if n := s.answers(); n != w.had || !s.asking {
		if w.waits { // it goes on
			w.heard, w.spoken = now, true
		}
		w.had, w.since, w.waits = n, now, false
	}
	if s.printed.After(w.heard) {
		w.heard, w.spoken = s.printed, false
	}
	silent := now.Sub(w.since) >= waitingAfter
	again := waitingAfter
	if w.spoken {
		again = progressAgain
	}
	switch {
	case silent && !w.waits && !now.Before(w.next):
		w.waits, w.next, w.heard, w.spoken = true, now.Add(waitingAgain), now, true
		return s.waitsFor()
	case now.Sub(w.since) < 2*waitingLook && s.asking && !s.shows && now.Sub(w.heard) >= again:
		w.heard, w.spoken = now, true
		return s.progress()
	}
	return ""
}

// progress words how far it has got.
func (s stand) progress() string {
	if s.listed < s.contracts {
		return fmt.Sprintf("listed %d of %d contracts", s.listed, s.contracts)
	}
	calls := int64(0)
	for _, results := range s.api.Calls {
		calls += results["ok"]
	}
	text := term.Count(calls, "answer") + " of the API so far"
	if s.bytes > 0 {
		text += fmt.Sprintf(", %s of documents", humanize.IBytes(uint64(s.bytes)))
	}
	return text
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
