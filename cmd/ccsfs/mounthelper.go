package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

// helperName is the name under which mount(8) runs the helper of our file
// system: /sbin/mount.ccsfs.
const helperName = "mount.ccsfs"

// asHelper returns the arguments of a process, with the helper's command in
// front if that is what the process was started as. For type fuse.ccsfs, as
// the table of mounts has it, mount(8) looks for mount.fuse.ccsfs.
func asHelper(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	switch filepath.Base(argv[0]) {
	case helperName, "mount.fuse.ccsfs":
		return append([]string{helperName}, argv[1:]...)
	}
	return argv[1:]
}

// The exit codes that mount(8) expects of its helpers, and passes on.
const (
	helperUsage  = 1
	helperFailed = 32
)

func mountHelperCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   helperName + " SOURCE MOUNTPOINT [-sfnv] [-o OPTION[,OPTION…]]",
		Short: "Mount as mount(8) and fstab ask for it",
		Long: `Mount in the background, as mount(8) asks for it: this is what "mount -t ccsfs" and
lines in /etc/fstab run. Options are those of "ccsfs mount", with _ for -, and
config=FILE; those that all file systems have are taken too. A list with commas stands
in double quotes, or its option is repeated. Run by root, settings come from
/etc/ccsfs/config.toml, the cache lies in /var/cache/ccsfs, the log in
/var/log/ccsfs, unless options say otherwise. Secrets are no options.`,
		Example: `  mount -t ccsfs ccsfs /srv/bills -o allow_other,uid=1000,layout=period
  # in /etc/fstab:
  ccsfs  /srv/bills  ccsfs  allow_other,_netdev,nofail,x-systemd.automount  0  0`,
		Hidden: true, DisableFlagParsing: true, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
				return cmd.Help()
			}
			return helperCode(mountForHelper(cmd.Context(), env, args))
		},
	}
}

func mountForHelper(ctx context.Context, env environment, args []string) error {
	r, err := parseHelper(args)
	if err != nil {
		return err
	}
	if r.source != fsName && r.source != "none" { // whoever writes something else means something by it
		return fail(exitUsage, "the first field is %s, not %q; a contract is an option: -o contract=OCB0001234", fsName, r.source)
	}
	flags, err := r.mountFlags()
	if err != nil || r.fake {
		return err
	}
	env = helperEnvironment(env)
	env.quiet = !r.verbose
	env.args = slices.Concat([]string{"mount", "--daemon"}, flags, []string{"--", r.dir})
	root := rootCommand(env)
	root.SetArgs(env.args)
	return root.ExecuteContext(ctx)
}

// helperCode gives an error the exit code that mount(8) expects.
func helperCode(err error) error {
	switch {
	case err == nil:
		return nil
	case isSilent(err):
		return silently(helperFailed)
	case codeOf(err) == exitUsage:
		return &exitError{helperUsage, err}
	}
	return &exitError{helperFailed, err}
}

// helperEnvironment has root look for settings, cache and log where a system
// has them: what an fstab line does may not depend on who types mount, or on
// there being nobody, as at boot.
func helperEnvironment(env environment) environment {
	if os.Geteuid() != 0 {
		return env
	}
	vars := map[string]string{}
	for name, value := range env.vars {
		vars[name] = value
	}
	delete(vars, "XDG_RUNTIME_DIR")
	vars["XDG_CONFIG_HOME"], vars["XDG_CACHE_HOME"], vars["XDG_STATE_HOME"] = "/etc", "/var/cache", "/var/log"
	env.vars = vars
	env.dirs.config, env.dirs.cache, env.dirs.state = "/etc", "/var/cache", "/var/log"
	return env
}

// helperRequest is what mount(8) asks its helper for (mount(8), "External
// helpers").
type helperRequest struct {
	source, dir           string
	options               []string
	sloppy, fake, verbose bool
}

// parseHelper reads the arguments that mount(8) gives. Flags may stand before
// and after SOURCE and MOUNTPOINT.
func parseHelper(args []string) (*helperRequest, error) {
	r := &helperRequest{}
	var places []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' {
			places = append(places, arg)
			continue
		}
		value := arg[2:]
		if takesValue := arg[1] == 'o' || arg[1] == 't' || arg[1] == 'N'; takesValue && value == "" {
			if i++; i == len(args) {
				return nil, fail(exitUsage, "%s needs a value", arg)
			}
			value = args[i]
		}
		if err := r.flag(arg, value); err != nil {
			return nil, err
		}
	}
	if len(places) != 2 {
		return nil, fail(exitUsage, "a SOURCE and a MOUNTPOINT are needed, as in: mount -t ccsfs ccsfs /srv/bills")
	}
	r.source, r.dir = places[0], places[1]
	return r, nil
}

func (r *helperRequest) flag(arg, value string) error {
	switch arg[1] {
	case 'o':
		options, err := splitOptions(value)
		r.options = append(r.options, options...)
		return err
	case 't': // the type, which is ours
		return nil
	case 'N': // mount(8) has entered that namespace already
		return nil
	}
	for _, letter := range arg[1:] {
		switch letter {
		case 's':
			r.sloppy = true
		case 'f':
			r.fake = true
		case 'n': // no /etc/mtab: there is none any more
		case 'v':
			r.verbose = true
		default:
			return fail(exitUsage, "unknown flag %s; settings are options here, as in: -o layout=period", arg)
		}
	}
	return nil
}

// splitOptions splits at commas that stand outside double quotes, as libmount
// does, and takes the quotes away.
func splitOptions(text string) ([]string, error) {
	var options []string
	var option []rune
	quoted := false
	for _, r := range text + "," {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			if len(option) > 0 {
				options = append(options, string(option))
			}
			option = option[:0]
		default:
			option = append(option, r)
		}
	}
	if quoted {
		return nil, &exitError{exitUsage, errors.New("a quote in the options is not closed")}
	}
	return options, nil
}
