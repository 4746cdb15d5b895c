// Package doctor is `ccsfs doctor`: it checks all that ccsfs needs, from the settings to a
// listing, and says what is wrong and how to mend it. It notes what the API was seen to do.
//
// The checks belong here, and the flags. What they found is of package diagnosis, the file
// that hands it on of package bundle, and what is taken out before of package scrub: all of
// them below this one, and nobody else's.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/doctor/bundle"
	"ccsfs/cmd/ccsfs/internal/doctor/diagnosis"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/observed"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// options are the flags of `ccsfs doctor`.
type options struct {
	verbose, json bool
	bundle        string // "": none
	withNames     bool
	force         bool
}

// Command is `ccsfs doctor`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:        "doctor [flags]",
		Short:      "Check settings, network, API, FUSE and cache, and say how to mend them",
		SuggestFor: []string{"check", "test", "diagnose", "debug", "ping"},
		Long: fmt.Sprintf(`Check, in this order, the settings and who can read them, the credentials, the name
and the certificate of the API's host, what is shared with other machines (Redis, the
store, the key, their clocks), the access token, the contracts, one listing, the FUSE
device and its helper, and the cache directory. Each line says ok, failed or
skipped; what failed says what to do. Asks the API once for a token, once for the
contracts and once for each document type of one contract (8 calls at most, besides
those that failed and are tried again), and changes nothing. The exit code is that of
the first failure.

With -v it also tells what the API was seen to do: what nobody has documented of it,
such as whether it tells sizes. That takes %d calls more at most, once each; so does
--bundle.

--bundle writes one file for who helps you, a ZIP archive of texts: the settings
without secrets, versions, the end of the log, the mounts, these checks, and what the
API was seen to do. Contract ids, names of documents and amounts are taken out, and
there are no secrets in it; read it before you send it: unzip -p FILE | less`, maxProbes),
		Example: `  ccsfs doctor
  ccsfs doctor --ca-file=/etc/ssl/proxy-ca.pem
  ccsfs doctor --bundle=ccsfs-help.zip
  ccsfs doctor --json | jq -r '.checks[] | select(.state == "failed") | .name'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			d := newDoctor(env, func() (*settings.Settings, error) { return cmdutil.Load(env, cmd) })
			d.deep = o.verbose || o.bundle != ""
			if from, err := cmdutil.LoadOptions(env, cmd); err == nil {
				d.config = from.ConfigPath()
			}
			defer d.close()
			return cmdutil.Printing(env, func(w io.Writer) error { return d.run(ctx, w, o) })
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell what the API was seen to do, too")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.StringVar(&o.bundle, "bundle", "", "write all of it into `FILE`, a ZIP archive for who helps you")
	f.BoolVar(&o.withNames, "with-names", false, "with --bundle, leave names, ids and amounts in it")
	f.BoolVar(&o.force, "force", false, "with --bundle, replace a FILE that is there")
	cmdutil.AddSettings(cmd, append(cmdutil.AccountGroups(), settings.GroupMount)...)
	return cmd
}

// check refuses flags that mean nothing without another.
func (o options) check(cmd *cobra.Command) error {
	for _, name := range []string{"with-names", "force"} {
		if o.bundle == "" && cmd.Flags().Changed(name) {
			return exitcode.Errorf(exitcode.Usage, "--%s goes with --bundle=FILE", name)
		}
	}
	return nil
}

// doctor is one run of the checks. Each leaves behind what later ones need.
type doctor struct {
	env  cmdutil.Environment
	load func() (*settings.Settings, error)
	deep bool // the API is asked for more than what works needs

	config string // the settings file, "" if there is no place for one

	settings  *settings.Settings
	client    *apiclient.Client
	done      func() // closes client
	contract  string
	contracts []apiclient.Contract
	listErr   error
	documents map[string][]apiclient.Document // of the contract, by type

	skew     []skew // of the clocks of what is shared
	observer *observed.Observer
	results  []diagnosis.Result

	mu   sync.Mutex
	file apiclient.Answer // the latest with a document
}

func newDoctor(env cmdutil.Environment, load func() (*settings.Settings, error)) *doctor {
	return &doctor{env: env, load: load, observer: observed.NewObserver()}
}

func (d *doctor) close() {
	if d.client != nil {
		d.done()
	}
}

// seen is told of each answer of the API.
func (d *doctor) seen(a apiclient.Answer) {
	d.observer.Seen(a)
	if a.Op == "file" && a.Status == 200 {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.file = a
	}
}

// check is one of the things to look at.
type check struct {
	name  string
	needs []string // checks without which this one says nothing
	run   func(context.Context) (string, error)
}

// errSkipped is the outcome of a check that does not apply.
type errSkipped string

// Error implements error.
func (e errSkipped) Error() string { return string(e) }

// checks are all checks, in order.
func (d *doctor) checks() []check {
	all := []check{
		{"settings", nil, d.checkSettings},
		{"credentials", []string{"settings"}, d.checkCredentials},
		{"dns", []string{"settings"}, d.checkNames},
		{"connection", []string{"dns"}, d.checkConnections},
		{"coordinator", []string{"settings"}, d.checkCoordinator},
		{"shared store", []string{"settings", "credentials"}, d.checkStore},
		{"pool key", []string{"shared store"}, d.checkPoolKey},
		{"clocks", []string{"coordinator"}, d.checkClocks},
		{"token", []string{"credentials", "connection"}, d.checkToken},
		{"contracts", []string{"token"}, d.checkContracts},
		{"listing", []string{"contracts"}, d.checkListing},
	}
	if d.deep {
		all = append(all, check{"behaviour", []string{"listing"}, d.checkBehaviour})
	}
	return append(all,
		check{"fuse device", nil, d.checkDevice},
		check{"fuse helper", []string{"settings"}, d.checkHelper},
		check{"cache", []string{"settings"}, d.checkCache},
		check{"mounts", nil, d.checkMounts},
	)
}

// run is the command.
func (d *doctor) run(ctx context.Context, w io.Writer, o options) error {
	var target *bundle.Target
	if o.bundle != "" { // before the API is asked: it may not be writable
		var err error
		if target, err = bundle.NewTarget(d.env, o.bundle, o.force); err != nil {
			return err
		}
	}
	lines := w
	if o.json {
		lines = io.Discard
	}
	failed := d.examine(ctx, lines)
	if failed != nil && !exitcode.IsSilent(failed) { // interrupted, or nobody reads it
		return failed
	}
	if o.verbose && !o.json {
		if err := d.writeTable(w); err != nil {
			return err
		}
	}
	all := d.collect(ctx, exitcode.Of(failed))
	if o.json {
		if err := term.EncodeJSON(w, all); err != nil {
			return err
		}
	}
	if target != nil {
		if err := d.bundle(ctx, w, target, all, o); err != nil {
			return err
		}
	}
	return failed
}

// bundle writes everything for who helps, and says what that is.
func (d *doctor) bundle(ctx context.Context, w io.Writer, t *bundle.Target, r *diagnosis.Report, o options) error {
	done, err := bundle.Source{
		Env: d.env, Report: r, Settings: d.settings, ConfigFile: d.config, Contracts: d.contracts,
		Seen: d.observer.Data(), WithNames: o.withNames,
	}.Write(ctx, t)
	if err != nil {
		return err
	}
	if o.json { // standard output is the object's
		w = d.env.Stderr
	} else {
		fmt.Fprintln(w)
	}
	return done.Tell(w)
}

// look runs a check, and says on a terminal which one it is that takes long.
func (d *doctor) look(ctx context.Context, c check) (text string, err error) {
	defer session.TellWaiting(d.env.Stderr, term.IsTerminal(d.env.Stderr), "still looking at "+c.name+"; Ctrl-C leaves")()
	return c.run(ctx)
}

// examine runs the checks, and writes a line for each as soon as it is known.
func (d *doctor) examine(ctx context.Context, w io.Writer) error {
	failed := map[string]bool{}
	var first error
	for _, c := range d.checks() {
		if ctx.Err() != nil {
			return exitcode.Errorf(exitcode.Failed, "interrupted")
		}
		state, text := diagnosis.OK, ""
		var err error
		start := time.Now()
		if cause := firstOf(c.needs, failed); cause != "" {
			err = errSkipped("needs " + cause)
		} else {
			text, err = d.look(ctx, c)
		}
		var skipped errSkipped
		switch {
		case errors.As(err, &skipped):
			state, text = diagnosis.Skipped, skipped.Error()
			failed[c.name] = firstOf(c.needs, failed) != ""
		case err != nil:
			state, text = diagnosis.Failed, err.Error()
			failed[c.name] = true
			if first == nil {
				first = exitcode.Silently(session.CodeFor(d.settings, err))
			}
		}
		d.results = append(d.results, diagnosis.Result{
			Name: c.name, State: state, Text: strings.TrimRight(text, "\n"), Seconds: time.Since(start).Round(time.Millisecond).Seconds(),
		})
		if err := writeCheck(w, state, c.name, text); err != nil {
			return err
		}
	}
	if ctx.Err() != nil { // else what broke off would be taken for what was found
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return first
}

// firstOf returns the first of names that is set.
func firstOf(names []string, set map[string]bool) string {
	for _, n := range names {
		if set[n] {
			return n
		}
	}
	return ""
}

// flusher is an output that holds back until it is told to write.
type flusher interface{ Flush() error }

// writeCheck writes the line of a check; further lines of its text are indented.
func writeCheck(w io.Writer, state, name, text string) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	fmt.Fprintf(w, "%-8s %-12s %s\n", state, name, term.Plain(lines[0]))
	for _, line := range lines[1:] {
		fmt.Fprintf(w, "%21s %s\n", "", term.Plain(strings.TrimSpace(line)))
	}
	if f, ok := w.(flusher); ok { // the next check may take a while
		return f.Flush()
	}
	return nil
}

func (d *doctor) checkSettings(context.Context) (string, error) {
	s, err := d.load()
	if err != nil {
		return "", err
	}
	d.settings = s
	text := "no settings file; " + s.ConfigFile + " would be read"
	if keys, err := settings.KeysIn(s.ConfigFile, s.Account); err == nil && len(keys) > 0 {
		text = s.ConfigFile + readableByYou
	}
	for _, w := range s.Warnings {
		text += "\nwarning: " + w
	}
	return text, nil
}

func (d *doctor) checkCredentials(context.Context) (string, error) {
	if err := d.settings.CheckCredentials(); err != nil {
		return "", exitcode.With(exitcode.Settings, fmt.Errorf("%w\n  From Postman's files: ccsfs config import-postman FILE…", err))
	}
	var from []string
	for _, name := range []string{"client-id", "client-secret", "api-key"} {
		from = append(from, d.settings.Source(name).String())
	}
	return "client id, client secret and API key, from " + strings.Join(session.Unique(from), ", "), nil
}
