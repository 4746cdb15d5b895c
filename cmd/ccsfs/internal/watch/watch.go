// Package watch is `ccsfs watch`: it looks again and again which documents came, changed or
// went, and tells whoever asked to be told, once each and also after it was killed.
package watch

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks"
	"ccsfs/cmd/ccsfs/internal/seen"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// The bounds of --every. A look costs seven calls for each contract.
const (
	defaultEvery = time.Hour
	leastEvery   = 5 * time.Minute
	mostEvery    = 31 * 24 * time.Hour
)

// watchOptions are the flags of watch.
type watchOptions struct {
	choice             choice.Flags
	chosen             choice.Choice
	every              time.Duration
	once, json, forget bool
	looker             string
	hooks              hooks.Options
}

// Command is `ccsfs watch`.
func Command(env cmdutil.Environment) *cobra.Command {
	o := &watchOptions{}
	cmd := &cobra.Command{
		Use:        "watch [flags]",
		Short:      "Tell which documents come, change or vanish, as it happens",
		SuggestFor: []string{"notify", "monitor", "follow", "subscribe", "alert", "hook", "webhook", "tail"},
		Long: `Look at the account again and again, and tell which documents came, changed, or are not
listed any more: on standard output, an object a line (a line for people on a terminal),
with the keys of ccsfs new --json; and to hooks:

  --exec COMMAND   is run for each change. The command is split into words as by a
                   shell, but no shell runs it: sh -c '…' is one. What is known of the
                   document is in its environment, never in the command: CCSFS_CHANGE
                   (new, changed or gone), _PATH, _NAME, _CONTRACT, _TYPE, _ID, _PERIOD,
                   _AMOUNT, _CURRENCY, _CREATED, _UPDATED, _MODIFIED (UTC), and
                   CCSFS_EVENT, an id that is the same if it is told twice; empty where
                   nothing is known. The same as JSON is on its standard input. It does
                   not get the credentials of ccsfs. What it prints goes to standard
                   error. An exit status other than 0 is a failure.
  --webhook URL    gets each change by POST, as Standard Webhooks has it: headers
                   webhook-id, webhook-timestamp and webhook-signature, signed with
                   webhook_secret (CCSFS_WEBHOOK_SECRET, _FILE, or config.toml).
                   Anything but an answer of 200 to 299 is a failure; redirects are not
                   followed; after 410 it is left alone until the next start.
  --mail ADDRESS   gets one mail a look with all its changes, by way of sendmail.

What failed is tried again, after seconds, then longer, at most an hour; hooks do not
wait for each other. Nothing is lost if ccsfs is killed: what is still to be told waits
in the state directory, and counts as seen only once it is there. Each change is told at
least once, and twice only if ccsfs was stopped, or the other side failed, just then. A
program that goes on after ccsfs was killed is waited for before the next one is run, as
long as it keeps descriptor 3 open, for at most --hook-timeout.

The first look tells nothing, but remembers what there is. What was seen is kept for
each user, account and looker (--as), apart from what ccsfs new has shown. --types,
--name and --min-amount choose, as in ccsfs new; --since and --until do not, for what is
told is what happens from now on (ccsfs new --since shows what came before). A look
costs seven calls for each contract, one for the list of contracts and one for a token,
so --every is at least 5m. Looks are spread a little, so that machines do not ask
together. An outage is told once, and waited for; refused credentials end it, with exit
status 3. SIGHUP, off a terminal, looks now, and tries again what waits. With --once it
looks a single time, tries each hook, and ends: with 6 if something could not be listed
or delivered; what was not delivered is tried again by the next one.`,
		Example: `  ccsfs watch --mail=accounting@example.com --types=invoices
  ccsfs watch --exec='/usr/local/bin/new-invoice --queue=billing'
  CCSFS_WEBHOOK_SECRET_FILE=~/.hook ccsfs watch --webhook=https://erp.example.com/ccsfs
  ccsfs watch --once --as=cron | jq -r .path`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			var err error
			if o.chosen, err = o.choice.Parse(env.Now()); err != nil {
				return err
			}
			return watch(env, cmd, o)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.every, "every", defaultEvery, "look about once in this `DURATION`, at least 5m: each look costs seven calls a contract")
	f.BoolVar(&o.once, "once", false, "look once, deliver what waits, and end")
	f.BoolVar(&o.json, "json", false, "print JSON on a terminal, too")
	f.StringVar(&o.looker, "as", "watch", "`NAME` of who looks; each is told everything once")
	f.BoolVar(&o.forget, "forget", false, "forget what still waits for hooks, and end")
	o.choice.AddLasting(cmd)
	o.hooks.AddFlags(f)
	cmdutil.AddSettings(cmd, append(cmdutil.AccountGroups(), settings.GroupHooks)...)
	return cmd
}

func (o *watchOptions) check() error {
	if err := seen.CheckName(o.looker); err != nil {
		return err
	}
	if o.every < leastEvery || o.every > mostEvery {
		return exitcode.Errorf(exitcode.Usage, "--every=%v is not between 5m and 744h: each look costs seven calls a contract, and who asks too often is shut out", o.every)
	}
	return nil
}

// watch sets everything up, and looks.
func watch(env cmdutil.Environment, cmd *cobra.Command, o *watchOptions) (err error) {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return err
	}
	cmdutil.Warn(env, s)
	cmdutil.Quietly(s)
	logger, logs, err := cmdutil.NewLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	if err := s.CheckCredentials(); err != nil {
		return exitcode.With(exitcode.Settings, err)
	}
	told, err := o.hooks.Hooks(env, s)
	if err != nil {
		return err
	}
	defer hooks.Close(told)
	looker, err := seen.OpenLooker(env, s, o.looker)
	if err != nil {
		return err
	}
	defer func() { err = exitcode.Also(err, looker.Close()) }()
	alone, ok := looker.Alone(cmd.Context())
	if !ok {
		return exitcode.Errorf(exitcode.Failed, "another `ccsfs watch` looks as %q already, and tells what it sees; --as=NAME is another looker", o.looker)
	}
	defer alone.Release()
	w := newWatcher(env, o)
	w.settings, w.logger, w.looker, w.hooks = s, logger, looker, told
	if o.forget {
		return w.forget()
	}
	ctx, stop := w.signals(cmd.Context())
	defer stop()
	if err := w.open(ctx); err != nil {
		return err
	}
	if o.once {
		return w.once(ctx)
	}
	return w.stay(ctx)
}

// forget removes what waits.
func (w *watcher) forget() error {
	n, err := hooks.Forget(w.looker.QueueDir())
	if err != nil {
		return exitcode.With(exitcode.Failed, err)
	}
	w.say("%s forgotten, of what waited for hooks", term.Count(int64(n), "message"))
	return nil
}

// once looks a single time, and tries each hook.
func (w *watcher) once(ctx context.Context) error {
	err := w.look(ctx)
	for _, said := range w.messages {
		w.pass(said)
	}
	short := w.orphans()
	short = hooks.Outcome(w.queue.Once(ctx, w.say), w.say) || short
	switch {
	case ctx.Err() != nil:
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	case err == nil && short:
		return exitcode.Silently(exitcode.Some)
	}
	return err
}

// settingsNow are the settings as they are by now, for a secret may have been renewed; or
// those of before, where they cannot be had or are those of another account.
func (w *watcher) settingsNow() *settings.Settings {
	now, err := w.settings.Again()
	if err == nil {
		err = now.CheckCredentials()
	}
	switch {
	case err != nil: // a secret that can be read only once, or a file that is being edited
		w.logger.Info("the settings stay as they were", "error", err)
		return w.settings
	case session.AccountPath(now) != session.AccountPath(w.settings):
		w.messages = append(w.messages, "warning: the settings are those of another account now; to look at that one, start again")
		return w.settings
	}
	cmdutil.Quietly(now)
	return now
}
