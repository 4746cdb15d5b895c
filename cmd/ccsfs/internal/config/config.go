// Package config is `ccsfs config`: where settings come from, and how they get into the
// file.
package config

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/flags"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Command is `ccsfs config`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "config",
		Short:      "Show and change the settings, or take them from Postman",
		SuggestFor: []string{"login", "setup", "configure", "auth", "init", "import", "settings", "account", "credentials", "logout"},
		Example: `  ccsfs config import-postman OrangeCloud_API.postman_environment.json
  ccsfs config show
  ccsfs config set layout period`,
		Args: cmdutil.KnownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(importCommand(env), accountCommand(env), showCommand(env), getCommand(env), setCommand(env), unsetCommand(env), editCommand(env), pathCommand(env))
	return cmd
}

func pathCommand(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "path [flags]",
		Short: "Print where the settings file is, or would be",
		Example: `  ccsfs config path
  ls -l "$(ccsfs config path)"`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			return cmdutil.Printing(env, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, file)
				return err
			})
		},
	}
	cmdutil.AddSettings(cmd)
	return cmd
}

func showCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [flags]",
		Short: "Show every setting, its value, and where that came from",
		Long: `Show every setting, its value, and where that came from: the environment, the
settings file (with the line), a systemd credential, or the default. Of secrets only
that they are set.`,
		Example: `  ccsfs config show
  ccsfs config show --json | jq -r '.[] | select(.source != "default") | .key'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := cmdutil.Load(env, cmd)
			if err != nil {
				return err
			}
			cmdutil.Warn(env, s)
			shown := make([]shownJSON, 0, len(s.Show()))
			for _, one := range s.Show() {
				shown = append(shown, describe(one))
			}
			return cmdutil.Printing(env, func(w io.Writer) error {
				if asJSON {
					return term.EncodeJSON(w, shown)
				}
				return printShown(w, shown)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmdutil.AddSettings(cmd)
	flags.AddAccount(cmd.Flags())
	return cmd
}

// shownJSON is a setting in the output of config show --json.
type shownJSON struct {
	Name        string  `json:"name"`
	Key         string  `json:"key"`
	Environment string  `json:"environment"`
	Value       *string `json:"value"` // null if it has none; masked if it is secret
	Secret      bool    `json:"secret"`
	Source      string  `json:"source"`
}

func describe(one settings.Shown) shownJSON {
	j := shownJSON{Name: one.Setting.Name, Key: one.Setting.Key(), Environment: one.Setting.Environment(),
		Secret: one.Setting.Secret, Source: one.Source.String()}
	if one.Value != "" {
		j.Value = &one.Value
	}
	return j
}

// text is the value as people see it.
func (j shownJSON) text() string {
	switch {
	case j.Value == nil:
		return "-"
	case j.Secret:
		return "set"
	}
	return *j.Value
}

func printShown(w io.Writer, shown []shownJSON) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range shown {
		source := s.Source
		if s.Value == nil {
			source = "not set"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, term.Plain(s.text()), source)
	}
	return t.Flush()
}

// configFile finds the settings file, whether or not it exists or can be read.
func configFile(env cmdutil.Environment, cmd *cobra.Command) (string, error) {
	o, err := cmdutil.LoadOptions(env, cmd)
	if err != nil {
		return "", err
	}
	if file := o.ConfigPath(); file != "" {
		return file, nil
	}
	return "", exitcode.Errorf(exitcode.Settings, "there is no place for a settings file: neither XDG_CONFIG_HOME nor HOME is set; name one with --config")
}
