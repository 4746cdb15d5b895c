package cmdutil

import (
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
			_ = cmd.RegisterFlagCompletionFunc(s.Name, cobra.FixedCompletions(s.Choices, cobra.ShellCompDirectiveNoFileComp))
		}
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
