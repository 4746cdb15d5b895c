package main

import (
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// configFlag names the flag that names the settings file.
const configFlag = "config"

// addSettings gives cmd the flags of these groups, completed in a shell where
// there is a choice, and --config.
func addSettings(cmd *cobra.Command, groups ...settings.Group) {
	cmd.Flags().String(configFlag, "", "read settings from this `FILE` (default: ccsfs/config.toml in the XDG config directory)")
	addFlags(cmd, groups...)
}

func addFlags(cmd *cobra.Command, groups ...settings.Group) {
	settings.AddFlags(cmd.Flags(), groups...)
	for _, s := range settings.Table() {
		if len(s.Choices) > 0 && cmd.Flags().Lookup(s.Name) != nil {
			// Fails only for a flag that is not there.
			_ = cmd.RegisterFlagCompletionFunc(s.Name, cobra.FixedCompletions(s.Choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// accountGroups are the settings that matter to every command which works
// with an account.
func accountGroups() []settings.Group {
	return []settings.Group{settings.GroupAccount, settings.GroupTree, settings.GroupCache, settings.GroupTraffic, settings.GroupLog}
}

// load reads all settings for cmd.
func load(env environment, cmd *cobra.Command) (*settings.Settings, error) {
	o, err := loadOptions(env, cmd)
	if err != nil {
		return nil, err
	}
	s, err := settings.Load(o)
	return s, settingsError(err)
}

// loadOptions says where the settings of cmd come from.
func loadOptions(env environment, cmd *cobra.Command) (settings.Options, error) {
	config, err := cmd.Flags().GetString(configFlag)
	return settings.Options{
		Flags: settings.FlagValues(cmd.Flags()), ConfigFlag: config,
		Environment: env.vars, ConfigHome: env.dirs.config, CacheHome: env.dirs.cache,
		Home: env.dirs.home, Dir: env.dirs.work,
	}, err
}

// settingsError gives an error about settings its exit code.
func settingsError(err error) error {
	switch {
	case err == nil:
		return nil
	case settings.OnlyFlags(err):
		return &exitError{exitUsage, err}
	default:
		return &exitError{exitSettings, err}
	}
}
