package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// rootCommand is the tree of commands.
func rootCommand(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "ccsfs",
		Short: "Billing documents of the Cloud Customer Space API as a folder",
		Long: `ccsfs shows the billing documents of a Cloud Customer Space account as a folder:
contracts are directories, documents are files, and every tool can read them.

Exit status: 0 done; 1 failed; 2 usage; 3 settings or credentials; 4 API out of reach;
5 mount impossible; 6 some documents failed, or something served was old or left out;
7 report --check: something is missing; 128 and the number of the signal, if one ended
it. exec and demo pass on the status of their command, if that is not 0.`,
		Example: `  ccsfs demo                      look around in a simulated account
  ccsfs mount ~/bills             mount your own, until Ctrl-C
  ccsfs exec -- cp -r . ~/copy    mount, copy everything, unmount`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              knownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		DisableAutoGenTag: true,
	}
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		mountCommand(env), unmountCommand(env), execCommand(env), demoCommand(env),
		simulateCommand(env), versionCommand(env), insideCommand(), settingsTopic(),
	)
	root.AddCommand(withoutMount(env)...)
	root.AddCommand(aroundMounts(env)...)
	root.InitDefaultHelpCmd()
	return root
}

// knownCommand refuses what is no command, and tells the near one.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	hint := fmt.Sprintf("; `%s --help` lists the commands", cmd.CommandPath())
	if near := settings.Nearest(args[0], names); near != "" {
		hint = fmt.Sprintf("; did you mean `%s %s`?", cmd.CommandPath(), near)
	}
	return fail(exitUsage, "unknown command %q%s", args[0], hint)
}

// flagError words an error of the flag parser.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	hint := fmt.Sprintf("; `%s --help` lists the flags", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := settings.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = fmt.Sprintf("; did you mean --%s?", near)
		} else if s := secretNamed(unknown.GetSpecifiedName()); s != "" {
			hint = fmt.Sprintf(": a command line shows in ps; set %s or %s_FILE in the environment", s, s)
		}
	}
	return fail(exitUsage, "%w%s", err, hint)
}

// secretNamed returns the environment name of the secret that someone tried
// to give as a flag, "" if it is none.
func secretNamed(flag string) string {
	for _, s := range settings.Table() {
		if s.Secret && s.Name == flag {
			return s.Environment()
		}
	}
	return ""
}

// takes checks the number of arguments; names says what they are. None may be empty,
// nor may a flag that was given: "$DEST" of a script that never set it would be the
// working directory, and --since="$MONTH" all months.
func takes(low, high int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch i := slices.Index(args, ""); {
		case len(args) < low:
			return fail(exitUsage, "%s is missing: %s", names, cmd.UseLine())
		case high >= 0 && len(args) > high:
			return fail(exitUsage, "unexpected argument %q: %s", args[high], cmd.UseLine())
		case i >= 0:
			return fail(exitUsage, "argument %d is empty: %s", i+1, cmd.UseLine())
		}
		return noEmptyFlag(cmd)
	}
}

// takesCommand is takes for what passes its arguments on: those may be anything.
func takesCommand(low int, names string) cobra.PositionalArgs {
	count := takes(low, -1, names)
	return func(cmd *cobra.Command, args []string) error { return count(cmd, args[:min(low, len(args))]) }
}

func noEmptyFlag(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = fail(exitUsage, "--%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	return err
}

// settingsTopic is `ccsfs help settings`.
func settingsTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString(`Settings are flags, names in the environment, or keys of config.toml, which lies
in ccsfs/ in the XDG configuration directory (~/.config) and must be readable by
you alone (chmod 600). A flag wins over the environment, that over config.toml.
Secrets have no flag; each can also be named as a file: CCSFS_API_KEY_FILE=…

`)
	for _, s := range settings.Table() {
		flag := "--" + s.Name
		if s.Secret {
			flag = "(no flag)"
		}
		fmt.Fprintf(&b, "  %-16s  %-21s  %-14s  %s\n", flag, s.Environment(), s.Key(), s.Default)
	}
	return &cobra.Command{Use: "settings", Short: "Every setting with its names and default", Long: strings.TrimRight(b.String(), "\n")}
}
