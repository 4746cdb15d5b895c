// Package root is the tree of commands, and the only one that knows all of them.
package root

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cache"
	"ccsfs/cmd/ccsfs/internal/cat"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completion"
	"ccsfs/cmd/ccsfs/internal/config"
	"ccsfs/cmd/ccsfs/internal/demo"
	"ccsfs/cmd/ccsfs/internal/doctor"
	"ccsfs/cmd/ccsfs/internal/du"
	"ccsfs/cmd/ccsfs/internal/gateway"
	"ccsfs/cmd/ccsfs/internal/ls"
	"ccsfs/cmd/ccsfs/internal/news"
	"ccsfs/cmd/ccsfs/internal/pull"
	"ccsfs/cmd/ccsfs/internal/refresh"
	"ccsfs/cmd/ccsfs/internal/report"
	"ccsfs/cmd/ccsfs/internal/serve"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/shared"
	"ccsfs/cmd/ccsfs/internal/simulate"
	"ccsfs/cmd/ccsfs/internal/status"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/cmd/ccsfs/internal/verify"
	"ccsfs/cmd/ccsfs/internal/version"
	"ccsfs/cmd/ccsfs/internal/warm"
	"ccsfs/cmd/ccsfs/internal/watch"
)

// rootCommand is the tree of commands.
func rootCommand(env cmdutil.Environment) *cobra.Command {
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
		Args:              cmdutil.KnownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		DisableAutoGenTag: true,
		Version:           version.Line(env),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(cmdutil.FlagError)
	h := help{env}
	root.SetHelpFunc(h.write)
	root.SetUsageFunc(func(cmd *cobra.Command) error { h.usage(cmd.OutOrStderr(), cmd); return nil })
	root.AddGroup(commandGroups()...)
	root.AddCommand(grouped(groupDocuments, ls.Command(env), du.Command(env), cat.Command(env), pull.Command(env), news.Command(env), watch.Command(env), report.Command(env), warm.Command(env), verify.Command(env))...)
	root.AddCommand(grouped(groupMounts, append(mountCommands(env), serve.Command(env), status.Command(env), refresh.Command(env))...)...)
	root.AddCommand(grouped(groupSetUp, config.Command(env), cache.Command(env), gateway.Command(env), shared.Command(env), doctor.Command(env), demo.Command(env), simulate.Command(env))...)
	root.AddCommand(version.Command(env), settingsTopic(h), manCommand(env))
	root.AddCommand(innerCommands(env)...)
	completeFlags(env, root)
	completionCommand(root)
	root.SetHelpCommand(cmdutil.HelpCommand())
	root.InitDefaultHelpCmd()
	return root
}

// completeFlags completes the flags that are about an account wherever they are: from the
// settings file, and from what is saved.
func completeFlags(env cmdutil.Environment, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeFlags(env, sub)
	}
	for name, complete := range map[string]cobra.CompletionFunc{
		"account":  cmdutil.CompleteAccounts(env),
		"contract": completion.Contracts(env),
		"since":    completion.Months(env),
		"until":    completion.Months(env),
	} {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails for a flag that is not there alone
		}
	}
}

// completionCommand is `ccsfs completion`, of cobra's making: what is no shell is an error.
func completionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Args = cmdutil.KnownCommand
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range c.Commands() {
			shell.Args = cmdutil.Takes(0, 0, "")
		}
	}
}

// settingsTopic is `ccsfs help settings`.
func settingsTopic(h help) *cobra.Command {
	c := &cobra.Command{Use: "settings", Short: "Every setting: its names, its default, and what it does", Long: settingsText(0)}
	c.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "%s\n\n", settingsText(h.width(w)))
	})
	return c
}

// settingsText tells all settings, in lines that end at a width, 0 for none.
func settingsText(width int) string {
	var b strings.Builder
	lines := func(indent, text string) {
		if width == 0 {
			fmt.Fprintf(&b, "%s%s\n", indent, text)
			return
		}
		for _, line := range term.Wrap(text, width-len(indent)) {
			fmt.Fprintf(&b, "%s%s\n", indent, line)
		}
	}
	lines("", `Settings are flags, names in the environment, or keys of config.toml, which lies
in ccsfs/ in the XDG configuration directory (~/.config) and must be readable by
you alone (chmod 600). A flag wins over the environment, that over config.toml.
Secrets have no flag; each can also be named as a file: CCSFS_API_KEY_FILE=…`)
	b.WriteByte('\n')
	for _, s := range settings.Table() {
		flag, value, about := "--"+s.Name, s.Default, s.Help
		if s.Secret {
			flag = "(no flag)"
		}
		names := fmt.Sprintf("  %-16s  %-21s  %-14s  ", flag, s.Environment(), s.Key())
		if width > 0 && len(names)+len(value) > width {
			value, about = "", fmt.Sprintf("%s (default: %s)", about, value)
		}
		fmt.Fprintln(&b, strings.TrimRight(names+value, " "))
		lines("      ", about)
	}
	return strings.TrimRight(b.String(), "\n")
}
