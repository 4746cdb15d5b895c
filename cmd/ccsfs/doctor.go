package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/settings"
)

func doctorCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Check settings, network, API, FUSE and cache, and say how to mend them",
		Long: `Check, in this order, the settings and who can read them, the credentials, the name
and the certificate of the API's host, the access token, the contracts, one listing,
the FUSE device and its helper, and the cache directory. Each line says ok, failed or
skipped; what failed says what to do. Asks the API once for a token, once for the
contracts and once for each document type of one contract, and changes nothing.
The exit code is that of the first failure.`,
		Example: `  ccsfs doctor
  ccsfs doctor --ca-file=/etc/ssl/proxy-ca.pem`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, done := env.interruptible(cmd.Context())
			defer done()
			d := &doctor{env: env, load: func() (*settings.Settings, error) { return load(env, cmd) }}
			defer d.close()
			return printing(env, func(w io.Writer) error { return d.examine(ctx, w) })
		},
	}
	addSettings(cmd, append(accountGroups(), settings.GroupMount)...)
	return cmd
}

// doctor is one run of the checks. Each leaves behind what later ones need.
type doctor struct {
	env  environment
	load func() (*settings.Settings, error)

	settings  *settings.Settings
	client    *apiclient.Client
	contract  string
	contracts []apiclient.Contract
	listErr   error
}

func (d *doctor) close() {
	if d.client != nil {
		d.client.Close()
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
	return []check{
		{"settings", nil, d.checkSettings},
		{"credentials", []string{"settings"}, d.checkCredentials},
		{"dns", []string{"settings"}, d.checkNames},
		{"connection", []string{"dns"}, d.checkConnections},
		{"token", []string{"credentials", "connection"}, d.checkToken},
		{"contracts", []string{"token"}, d.checkContracts},
		{"listing", []string{"contracts"}, d.checkListing},
		{"fuse device", nil, d.checkDevice},
		{"fuse helper", []string{"settings"}, d.checkHelper},
		{"cache", []string{"settings"}, d.checkCache},
		{"mounts", nil, d.checkMounts},
	}
}

// examine runs the checks, and writes a line for each as soon as it is known.
func (d *doctor) examine(ctx context.Context, w io.Writer) error {
	failed := map[string]bool{}
	var first error
	for _, c := range d.checks() {
		if ctx.Err() != nil {
			return fail(exitFailed, "interrupted")
		}
		state, text := "ok", ""
		var err error
		if cause := firstOf(c.needs, failed); cause != "" {
			err = errSkipped("needs " + cause)
		} else {
			text, err = c.run(ctx)
		}
		var skipped errSkipped
		switch {
		case errors.As(err, &skipped):
			state, text = "skipped", skipped.Error()
			failed[c.name] = firstOf(c.needs, failed) != ""
		case err != nil:
			state, text = "failed", err.Error()
			failed[c.name] = true
			if first == nil {
				first = silently(codeFor(d.settings, err))
			}
		}
		if err := writeCheck(w, state, c.name, text); err != nil {
			return err
		}
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
	fmt.Fprintf(w, "%-8s %-12s %s\n", state, name, plain(lines[0]))
	for _, line := range lines[1:] {
		fmt.Fprintf(w, "%21s %s\n", "", plain(strings.TrimSpace(line)))
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
	if keys, err := settings.KeysIn(s.ConfigFile); err == nil && len(keys) > 0 {
		text = s.ConfigFile + ", readable by you alone"
	}
	for _, w := range s.Warnings {
		text += "\nwarning: " + w
	}
	return text, nil
}

func (d *doctor) checkCredentials(context.Context) (string, error) {
	if err := d.settings.CheckCredentials(); err != nil {
		return "", &exitError{exitSettings, fmt.Errorf("%w\n  From Postman's files: ccsfs config import-postman FILE…", err)}
	}
	var from []string
	for _, name := range []string{"client-id", "client-secret", "api-key"} {
		from = append(from, d.settings.Source(name).String())
	}
	return "client id, client secret and API key, from " + strings.Join(unique(from), ", "), nil
}

// unique leaves out what was there before.
func unique(texts []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	return out
}
