package cmdutil

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/flags"
)

// ConfigFlag names the flag that names the settings file.
const ConfigFlag = "config"

// AddSettings gives cmd the flags of these groups, completed in a shell where
// there is a choice, and --config.
func AddSettings(cmd *cobra.Command, groups ...settings.Group) {
	cmd.Flags().String(ConfigFlag, "", "read settings from this `FILE` (default: ccsfs/config.toml in the XDG config directory)")
	AddFlags(cmd, groups...)
}

// AddFlags gives cmd the flags of these groups, completed in a shell where there is a
// choice, without --config.
func AddFlags(cmd *cobra.Command, groups ...settings.Group) {
	flags.Add(cmd.Flags(), groups...)
	for _, s := range settings.Table() {
		if len(s.Choices) > 0 && cmd.Flags().Lookup(s.Name) != nil {
			// Fails only for a flag that is not there.
			complete := cobra.FixedCompletions(s.Choices, cobra.ShellCompDirectiveNoFileComp)
			if s.List {
				complete = CompleteList(s.Choices)
			}
			_ = cmd.RegisterFlagCompletionFunc(s.Name, complete)
		}
	}
}

// CompleteList completes the last word of a list with commas, by those that it does not
// have yet.
func CompleteList(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var lists []cobra.Completion
		for _, word := range words {
			if !slices.Contains(strings.Split(before, ","), word) {
				lists = append(lists, before+word)
			}
		}
		return lists, cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteAccounts completes the names of accounts, from the settings file.
func CompleteAccounts(env Environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		s, err := Load(env, cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return s.Accounts, cobra.ShellCompDirectiveNoFileComp
	}
}

// AccountGroups are the settings that matter to every command which works
// with an account.
func AccountGroups() []settings.Group {
	return []settings.Group{settings.GroupAccount, settings.GroupTree, settings.GroupCache, settings.GroupTraffic, settings.GroupLog}
}

// Load reads all settings for cmd.
func Load(env Environment, cmd *cobra.Command) (*settings.Settings, error) {
	o, err := LoadOptions(env, cmd)
	if err != nil {
		return nil, err
	}
	s, err := settings.Load(o)
	return s, SettingsError(err)
}

// LoadOptions says where the settings of cmd come from.
func LoadOptions(env Environment, cmd *cobra.Command) (settings.Options, error) {
	config, err := cmd.Flags().GetString(ConfigFlag)
	return settings.Options{
		Flags: flags.Values(cmd.Flags()), ConfigFlag: config,
		Environment: env.Vars, ConfigHome: env.Dirs.Config, CacheHome: env.Dirs.Cache,
		Home: env.Dirs.Home, Dir: env.Dirs.Work,
	}, err
}

// SettingsError gives an error about settings its exit code.
func SettingsError(err error) error {
	switch {
	case err == nil:
		return nil
	case settings.OnlyFlags(err):
		return exitcode.With(exitcode.Usage, err)
	default:
		return exitcode.With(exitcode.Settings, err)
	}
}
