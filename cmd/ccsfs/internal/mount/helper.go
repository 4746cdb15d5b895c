//go:build !windows

package mount

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/suggest"
)

// HelperName is the name under which mount(8) runs the helper of our file
// system: /sbin/mount.ccsfs.
const HelperName = "mount.ccsfs"

// Arguments returns the arguments of a process, with the helper's command in
// front if that is what the process was started as. For type fuse.ccsfs, as
// the table of mounts has it, mount(8) looks for mount.fuse.ccsfs.
func Arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	switch filepath.Base(argv[0]) {
	case HelperName, "mount.fuse.ccsfs":
		return append([]string{HelperName}, argv[1:]...)
	}
	return argv[1:]
}

// The exit codes that mount(8) expects of its helpers, and passes on.
const (
	helperUsage  = 1
	helperFailed = 32
)

// HelperCommand is `mount.ccsfs SOURCE MOUNTPOINT [-o OPTIONS]`, as mount(8) calls it. run
// runs a command of the tool: the mount that it stands for.
func HelperCommand(env cmdutil.Environment, run func(context.Context, cmdutil.Environment, []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   HelperName + " SOURCE MOUNTPOINT [-sfnv] [-o OPTION[,OPTION…]]",
		Short: "Mount as mount(8) and fstab ask for it",
		Long: `Mount in the background, as mount(8) asks for it: this is what "mount -t ccsfs" and
lines in /etc/fstab run. SOURCE is ccsfs or none; or the id of a contract, which is then
the only one that is shown; or the name of an account of the settings file (what looks
like the id of a contract is one: -o account=NAME names any account). Options are those of "ccsfs mount", with _ for -, and
config=FILE; those that all file systems have are taken too. A list with commas stands
in double quotes, which a shell must leave (-o 'types="bills,invoices"'), or its option
is repeated (-o types=bills,types=invoices). Run by root, settings come from
/etc/ccsfs/config.toml, the cache lies in /var/cache/ccsfs, the log of each mount in
/var/log/ccsfs, unless options say otherwise. Secrets are no options.`,
		Example: `  mount -t ccsfs ccsfs /srv/bills -o allow_other,uid=1000,layout=period
  mount -t ccsfs OCB0001234 /srv/production
  mount -t ccsfs holding /srv/holding
  # in /etc/fstab; 1200 is the group that may read:
  ccsfs  /srv/bills  ccsfs  allow_other,gid=1200,umask=027,_netdev,nofail,x-systemd.automount  0  0`,
		Hidden: true, DisableFlagParsing: true, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
				return cmd.Help()
			}
			return helperCode(mountForHelper(cmd.Context(), env, args, run))
		},
	}
}

func mountForHelper(ctx context.Context, env cmdutil.Environment, args []string, run func(context.Context, cmdutil.Environment, []string) error) error {
	r, err := parseHelper(args)
	if err != nil {
		return err
	}
	env = helperEnvironment(env)
	meant, err := r.device(func() (*settings.Settings, error) { return r.settings(env) })
	if err != nil {
		return err
	}
	flags, err := r.mountFlags()
	if err != nil || r.fake {
		return err
	}
	if meant != "" {
		flags = append(flags, meant)
		env.Vars[mounting.SourceVariable] = r.source // else mount -a would mount it again
	}
	env.Quiet = !r.verbose
	return run(ctx, env, slices.Concat([]string{"mount", "--daemon"}, flags, []string{"--", r.dir}))
}

// helperCode gives an error the exit code that mount(8) expects.
func helperCode(err error) error {
	switch {
	case err == nil:
		return nil
	case exitcode.IsSilent(err):
		return exitcode.Silently(helperFailed)
	case exitcode.Of(err) == exitcode.Usage:
		return exitcode.With(helperUsage, err)
	}
	return exitcode.With(helperFailed, err)
}

// contractID is what may be meant for a contract. The account tells whether it has it.
var contractID = regexp.MustCompile(`^[A-Za-z]+[0-9]{4,}$`)

// device reads the first field: our name or "none"; or the id of a contract, which is then
// the only one that the mount shows, in its directory as always; or the name of an account
// of the settings file, which is read for that alone. What has the form of an id is one,
// whatever accounts are called. It returns the flag that says the same, "" if there is none.
// Whoever writes something else means something by it, and is refused.
func (r *helperRequest) device(load func() (*settings.Settings, error)) (flag string, err error) {
	switch {
	case r.source == mountinfo.FsName || r.source == "none":
		return "", nil
	case contractID.MatchString(r.source):
		if other, named := r.other("contract"); named {
			return "", exitcode.Errorf(exitcode.Usage, "the first field is the contract %s, and an option says contract=%s; name the contracts there, and ccsfs in the first field",
				r.source, other)
		}
		return "--contract=" + r.source, nil
	case !settings.IsAccountName(r.source):
		return "", r.noDevice(nil)
	}
	s, err := load()
	switch {
	case err != nil:
		return "", err
	case !slices.Contains(s.Accounts, r.source):
		return "", r.noDevice(s.Accounts)
	}
	if other, named := r.other("account"); named {
		return "", exitcode.Errorf(exitcode.Usage, "the first field is the account %s, and an option says account=%s; name one", r.source, other)
	}
	return "--account=" + r.source, nil
}

// other is what an option says that is not what the first field says.
func (r *helperRequest) other(option string) (value string, named bool) {
	for _, o := range r.options {
		if name, value, _ := strings.Cut(o, "="); name == option && value != r.source {
			return value, true
		}
	}
	return "", false
}

// noDevice refuses the first field.
func (r *helperRequest) noDevice(accounts []string) error {
	hint := ""
	if near := suggest.Nearest(r.source, append([]string{mountinfo.FsName}, accounts...)); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	others := "Another account has a section of the settings file, [account.NAME], or settings of its own: -o config=FILE"
	if len(accounts) > 0 {
		others = "The accounts are " + strings.Join(accounts, ", ") + "; another settings file is -o config=FILE"
	}
	return exitcode.Errorf(exitcode.Usage, "the first field is ccsfs, none, the id of a contract (OCB0001234) or the name of an account, and not %q%s\n  %s",
		r.source, hint, others)
}

// settings are those of the mount, as far as they do not depend on the account.
func (r *helperRequest) settings(env cmdutil.Environment) (*settings.Settings, error) {
	o := settings.Options{Environment: env.Vars, ConfigHome: env.Dirs.Config, CacheHome: env.Dirs.Cache, Home: env.Dirs.Home, Dir: env.Dirs.Work}
	for _, option := range r.options {
		if name, value, _ := strings.Cut(option, "="); name == cmdutil.ConfigFlag {
			o.ConfigFlag = value
		}
	}
	s, err := settings.Load(o)
	return s, cmdutil.SettingsError(err)
}

// helperEnvironment has root look for settings, cache and log where a system
// has them: what an fstab line does may not depend on who types mount, or on
// there being nobody, as at boot.
func helperEnvironment(env cmdutil.Environment) cmdutil.Environment {
	vars := maps.Clone(env.Vars)
	if vars == nil {
		vars = map[string]string{}
	}
	env.Vars = vars
	if os.Geteuid() != 0 {
		return env
	}
	delete(vars, "XDG_RUNTIME_DIR")
	vars["XDG_CONFIG_HOME"], vars["XDG_CACHE_HOME"], vars["XDG_STATE_HOME"] = "/etc", "/var/cache", "/var/log"
	env.Dirs.Config, env.Dirs.Cache, env.Dirs.State = "/etc", "/var/cache", "/var/log"
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
				return nil, exitcode.Errorf(exitcode.Usage, "%s needs a value", arg)
			}
			value = args[i]
		}
		if err := r.flag(arg, value); err != nil {
			return nil, err
		}
	}
	if len(places) != 2 {
		return nil, exitcode.Errorf(exitcode.Usage, "a SOURCE and a MOUNTPOINT are needed, as in: mount -t ccsfs ccsfs /srv/bills")
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
			return exitcode.Errorf(exitcode.Usage, "unknown flag %s; settings are options here, as in: -o layout=period", arg)
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
		return nil, exitcode.With(exitcode.Usage, errors.New("a quote in the options is not closed"))
	}
	return options, nil
}
