package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/service"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks"
	"ccsfs/cmd/ccsfs/internal/seen"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/turn"
)

// watcher looks, and has hooks told.
type watcher struct {
	env      cmdutil.Environment
	options  *watchOptions
	settings *settings.Settings
	logger   *slog.Logger
	looker   *seen.Looker
	hooks    []*hooks.Hook
	queue    *hooks.Queue
	people   bool // who reads the output

	again chan struct{} // a look is asked for now

	// Of the last look:
	messages []string // what was said, without a look at whether it was said before
	sight    seen.Sight
	over     bool // it makes no sense to look again

	mu sync.Mutex // of what is said: hooks do not wait for each other
}

func newWatcher(env cmdutil.Environment, o *watchOptions) *watcher {
	return &watcher{env: env, options: o, people: term.IsTerminal(env.Stdout) && !o.json}
}

func (w *watcher) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	term.Say(w.env.Stderr, format, args...)
}

// pass says what a look has worded.
func (w *watcher) pass(text string) { w.say("%s", text) }

// signals ends the context with the first signal that asks to stop; a second one ends the
// program at once.
func (w *watcher) signals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	w.again = make(chan struct{}, 1)
	signals, stop := w.env.Notify(syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if s == syscall.SIGPIPE { // whoever read our messages has left: those who are to be told have not
					continue
				}
				if s == syscall.SIGHUP && !w.options.once && !w.people { // a terminal that is gone is an end
					select {
					case w.again <- struct{}{}:
					default: // one is asked for already
					}
					continue
				}
				if s, ok := s.(syscall.Signal); ok {
					w.env.Stopped.Store(int32(s))
				}
				stop()
				cancel()
				return
			}
		}
	})
	return ctx, func() {
		stop()
		cancel()
		ended.Wait()
	}
}

// open opens the queue, as far as what is in it was noted as seen.
func (w *watcher) open(ctx context.Context) error {
	end, s, err := w.looker.Turn(ctx, w.env)
	if err != nil {
		return err
	}
	defer end()
	committed := s.Batch
	if s.First() { // what was seen was removed, and what waits was not meant
		committed = hooks.All
	}
	w.queue, err = hooks.OpenQueue(w.looker.QueueDir(), w.hooks, committed)
	if err != nil {
		return exitcode.With(exitcode.Failed, err)
	}
	return nil
}

// orphans says what waits for hooks that are not there, and reports whether anything does.
func (w *watcher) orphans() bool {
	all := w.queue.Orphans()
	for _, o := range all {
		kind, place, _ := strings.Cut(o.Key, "-")
		w.say("%s for --%s (number %s), which is not given: give it, or --forget them", hooks.Waits(o.Count), term.Plain(kind), term.Plain(place))
	}
	return len(all) > 0
}

// look looks once: what there is to tell is printed, and in the queue before it counts as
// seen. What is said besides is left in messages.
func (w *watcher) look(ctx context.Context) error {
	w.messages, w.sight = nil, seen.Sight{}
	err := session.With(ctx, w.env, w.settingsNow(), w.logger, session.Copying, func(ctx context.Context, a session.Session) error {
		end, s, err := w.looker.Turn(ctx, w.env)
		if err != nil {
			var still turn.StandsStillError
			w.over = !errors.As(err, &still) // it cannot be read what was seen; who stands still may go on
			return err
		}
		defer end()
		a.Env.Stderr = (*messageWriter)(&w.messages)
		var failed session.Failures
		w.sight, err = s.Look(ctx, a, w.options.chosen, &failed)
		if err != nil {
			return err
		}
		short := a.Ended(&failed)
		if ctx.Err() != nil || failed.Succeeded == 0 && len(failed.All) > 0 {
			return short // nothing counts as seen
		}
		return exitcode.Also(short, w.tell(s))
	})
	if err != nil && ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return err
}

// tell prints and queues what there is to tell, and then keeps what was seen. Whatever
// fails, and if it is killed in between, the next look tells it again.
func (w *watcher) tell(s *seen.Seen) error {
	now, news := w.env.Now(), w.sight.News
	staged := len(news) > 0 && len(w.hooks) > 0
	if staged {
		batch, err := w.queue.Stage(now, news, w.messages)
		if err != nil {
			return exitcode.With(exitcode.Failed, err)
		}
		s.Batch = batch
	}
	err := w.print(news)
	w.over = err != nil // nobody gets it
	if err == nil {
		if err = s.Record(now); err != nil {
			err = exitcode.With(exitcode.Failed, err)
		}
	}
	switch {
	case err != nil && staged:
		w.queue.Discard(s.Batch)
	case staged:
		w.queue.Commit(s.Batch)
	}
	if err == nil && s.First() {
		w.messages = append(w.messages, seen.FirstLook(w.sight.Documents, "each later one", now.UTC().Format("2006-01")))
	}
	return err
}

func (w *watcher) print(news []change.Change) error {
	return cmdutil.Printing(w.env, func(out io.Writer) error {
		if w.people {
			return change.PrintLines(out, news)
		}
		return change.PrintObjects(out, news)
	})
}

// messageWriter keeps what is said: each write is a message.
type messageWriter []string

// Write implements io.Writer.
func (m *messageWriter) Write(p []byte) (int, error) {
	*m = append(*m, strings.TrimPrefix(string(bytes.TrimRight(p, "\n")), "ccsfs: "))
	return len(p), nil
}

// stay looks again and again, until the context ends or it makes no sense any more.
func (w *watcher) stay(ctx context.Context) error {
	service := service.Start(w.logger, func() bool { return true }) // each part of a look has bounds of its own
	defer service.Close()
	w.orphans()
	if w.people {
		w.say("looking about every %s; Ctrl-C ends it", term.Roughly(w.options.every))
	}
	delivering, end := context.WithCancel(ctx)
	var delivered sync.WaitGroup
	delivered.Go(func() { w.queue.Run(delivering, w.say) })
	defer func() {
		service.Ending("Ending the hooks that run")
		end()
		delivered.Wait()
	}()
	var t troubles
	for ready := false; ; ready = true {
		service.Doing("Looking")
		err := w.look(ctx)
		if ctx.Err() != nil {
			return w.stopped()
		}
		if w.over || exitcode.Of(err) == exitcode.Settings { // the next one would meet it, too
			for _, said := range w.messages {
				w.pass(said)
			}
			return err
		}
		for _, text := range t.news(w.messages, err) {
			w.pass(text)
		}
		pause := spread(w.options.every)
		state := []any{term.Count(int64(w.sight.Contracts), "contract"), term.Count(int64(w.sight.Documents), "document"), time.Now().Add(pause).Format("15:04")}
		if ready {
			service.Doing("%s, %s; the next look is at %s", state...)
		} else {
			service.Ready("%s, %s; the next look is at %s", state...)
		}
		if !w.wait(ctx, pause) {
			return w.stopped()
		}
	}
}

// wait waits for the next look; false if there is none.
func (w *watcher) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause) // of the monotonic clock: one that is set anew changes nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-w.again:
		w.queue.Retry()
	case <-timer.C:
	}
	return true
}

// spread is a time near to d: not all machines ask together, nor always at the same minute.
func spread(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)))
}

// stopped is how it ends that was told to: SIGTERM is how a service is stopped, and no
// failure.
func (w *watcher) stopped() error {
	if w.env.Stopped.Load() == int32(syscall.SIGTERM) {
		return nil
	}
	return exitcode.Errorf(exitcode.Failed, "interrupted")
}

// troubles are what was said of the looks before: each is told once, until all could be
// looked at.
type troubles struct {
	told  map[string]bool
	short bool // the last look was not all of it
}

// mostTold bounds what is remembered: an outage may be long, and word itself in many ways.
const mostTold = 1000

// news returns what is to be said of a look that was not said of the ones before.
func (t *troubles) news(messages []string, err error) (out []string) {
	if err != nil && !exitcode.IsSilent(err) {
		messages = append(messages, err.Error())
	}
	told := map[string]bool{}
	if err != nil && len(t.told) < mostTold {
		maps.Copy(told, t.told) // it is not over: what one look does not say the next one may
	}
	for _, text := range messages {
		key := constant(text)
		if !t.told[key] && !told[key] {
			out = append(out, text)
		}
		told[key] = true
	}
	t.told = told
	if t.short && err == nil {
		out = append(out, "all could be looked at again")
	}
	t.short = err != nil
	return out
}

// constant is a message without what differs each time: times, durations, ports, ids of
// requests, and which of the calls of a look it was that failed first.
func constant(text string) string {
	for _, of := range []string{
		`\[request id [^\]]*\]`,
		`[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?`,
		`\b[0-9]+(\.[0-9]+)? ?(ms|s|min|h|d)\b`,
		`:[0-9]{4,5}->`,
		`\b(of any type|type [A-Za-z]+)`,
	} {
		text = regexp.MustCompile(of).ReplaceAllString(text, "…")
	}
	return text
}
