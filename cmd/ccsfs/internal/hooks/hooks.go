// Package hooks tells programs, web servers and people of changes of documents: what is to
// be told waits in a queue on the disk until it is delivered, so that nothing is lost when
// a process is killed or the other side is away. Delivery is at least once; a second one of
// the same has the same id.
//
// A command that has hooks adds the flags (Options.AddFlags), makes the hooks of them
// (Options.Hooks), opens a queue (OpenQueue), and for each look stages what there is to
// tell, notes elsewhere that it was seen, and commits it (Queue.Stage, Queue.Commit). What
// was not committed before a kill is dropped by the next OpenQueue: it will be found again.
// Queue.Once tries all that waits once, Queue.Run until its context ends.
//
// A command that puts documents into files, and keeps elsewhere no note of what it was
// about to tell, adds Options.AddOnNew, opens QueueFor its directory, stages a change
// before it puts the file into its place (Change.File says where), commits it after, and
// ends with Once and Outcome. If it is killed between the two, the next QueueFor takes the
// change for committed, and the run has put the file there by the time of Once.
package hooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Message is what a hook gets at a time: one change, or all of a look.
type Message struct {
	ID       string          `json:"id"` // the same however often it is delivered
	At       time.Time       `json:"at"` // when it was seen
	Changes  []change.Change `json:"changes"`
	Unlisted []string        `json:"unlisted,omitempty"` // what could not be looked at, a line each
}

// Hook is somebody to tell.
type Hook struct {
	// Key names what waits for it in the queue: its kind and its place among those of
	// the kind. So what a mistyped command did not get, its correction does.
	Key  string
	Name string // as messages have it; it shows no secret

	look    bool // it gets all changes of a look at once
	program bool // it runs one, which is given running to inherit
	running *running
	timeout time.Duration
	deliver func(ctx context.Context, m Message, say Say) error
	close   func()
}

// Say tells the user a line. It may be called concurrently.
type Say func(format string, args ...any)

// Options are the flags of hooks.
type Options struct {
	flag                 string // by which commands are given
	exec, webhooks, mail []string
	sendmail             string
	insecure             bool
	timeout              time.Duration
}

// The bounds of --hook-timeout.
const (
	defaultTimeout = time.Minute
	leastTimeout   = time.Second
	mostTimeout    = 24 * time.Hour
)

// AddFlags adds the flags of all hooks.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	o.flag = "exec"
	f.StringArrayVar(&o.exec, o.flag, nil, "run this `COMMAND` for each change, with CCSFS_CHANGE, CCSFS_PATH … in its environment (may be repeated)")
	f.StringArrayVar(&o.webhooks, "webhook", nil, "post each change to this `URL`, signed with webhook_secret (may be repeated)")
	f.BoolVar(&o.insecure, "webhook-insecure", false, "allow webhooks by plain http to other machines")
	f.StringArrayVar(&o.mail, "mail", nil, "mail the changes of each look to this `ADDRESS` (several: commas, or repeated)")
	f.StringVar(&o.sendmail, "sendmail", "", "mail with this `PROGRAM`, called with -t -i (default: sendmail)")
	o.addTimeout(f)
}

// AddOnNew adds the flags of commands alone, by the name --on-new: for a command that does
// something with documents itself, and then has others go on with them.
func (o *Options) AddOnNew(f *pflag.FlagSet) {
	o.flag = "on-new"
	f.StringArrayVar(&o.exec, o.flag, nil, "run this `COMMAND` for each document that is new or changed, with CCSFS_FILE, CCSFS_PATH … in its environment (may be repeated)")
	o.addTimeout(f)
}

func (o *Options) addTimeout(f *pflag.FlagSet) {
	f.DurationVar(&o.timeout, "hook-timeout", defaultTimeout, "end a hook that takes longer than this `DURATION`")
}

// Given reports whether there is any hook.
func (o *Options) Given() bool { return len(o.exec)+len(o.webhooks)+len(o.mail) > 0 }

// Hooks are those that the flags ask for, checked: programs exist, addresses are some, and
// there is a secret to sign with. Close each.
func (o *Options) Hooks(env cmdutil.Environment, s *settings.Settings) ([]*Hook, error) {
	if o.timeout < leastTimeout || o.timeout > mostTimeout {
		return nil, exitcode.Errorf(exitcode.Usage, "--hook-timeout %v is not between 1s and 24h", o.timeout)
	}
	switch {
	case o.sendmail != "" && len(o.mail) == 0:
		return nil, exitcode.Errorf(exitcode.Usage, "--sendmail mails nothing without --mail")
	case o.insecure && len(o.webhooks) == 0:
		return nil, exitcode.Errorf(exitcode.Usage, "--webhook-insecure allows nothing without --webhook")
	}
	var all []*Hook
	add := func(h *Hook, kind, flag string, i, of int, err error) error {
		if err != nil {
			return err
		}
		h.Key, h.Name, h.timeout = fmt.Sprintf("%s-%d", kind, i+1), "--"+flag, o.timeout
		if of > 1 {
			h.Name += fmt.Sprintf(" (%d of %d)", i+1, of)
		}
		all = append(all, h)
		return nil
	}
	var errs []error
	for i, command := range o.exec {
		h, err := newExec(env, s, o.flag, command)
		errs = append(errs, add(h, "exec", o.flag, i, len(o.exec), err))
	}
	for i, address := range o.webhooks {
		h, err := newWebhook(env, s, address, o.insecure)
		errs = append(errs, add(h, "webhook", "webhook", i, len(o.webhooks), err))
	}
	if len(o.mail) > 0 {
		h, err := newMail(env, s, o.mail, o.sendmail)
		errs = append(errs, add(h, "mail", "mail", 0, 1, err))
	}
	if err := errors.Join(errs...); err != nil {
		Close(all)
		return nil, exitcode.With(exitcode.Of(err), err)
	}
	return all, nil
}

// Outcome says what could not be delivered, and reports whether there was anything.
func Outcome(all []Left, say Say) (short bool) {
	for _, l := range all {
		reason := ""
		if l.Err != nil {
			reason = term.Plain(l.Err.Error()) + "; "
		}
		say("%s: %s%s for the next run", l.Hook.Name, reason, Waits(l.Count))
	}
	return len(all) > 0
}

// Waits words that so many messages wait.
func Waits(n int) string {
	if n == 1 {
		return "1 message waits"
	}
	return term.Count(int64(n), "message") + " wait"
}

// Close gives back what hooks hold.
func Close(all []*Hook) {
	for _, h := range all {
		if h.close != nil {
			h.close()
		}
	}
}
