package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func configCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings, or take them from Postman",
		Example: `  ccsfs config import-postman OrangeCloud_API.postman_environment.json
  ccsfs config show`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(importCommand(env), showCommand(env), pathCommand(env))
	return cmd
}

func pathCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "path [flags]",
		Short: "Print where the settings file is, or would be",
		Example: `  ccsfs config path
  "${EDITOR:-vi}" "$(ccsfs config path)"`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			return printing(env, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, file)
				return err
			})
		},
	}
	addSettings(cmd)
	return cmd
}

func showCommand(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [flags]",
		Short: "Show every setting, its value, and where that came from",
		Long: `Show every setting, its value, and where that came from: the environment, the
settings file (with the line), a systemd credential, or the default. Of secrets only
that they are there.`,
		Example: `  ccsfs config show
  ccsfs config show --json | jq -r '.[] | select(.source != "default") | .key'`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(env, cmd)
			if err != nil {
				return err
			}
			warn(env, s)
			shown := make([]shownJSON, 0, len(s.Show()))
			for _, one := range s.Show() {
				j := shownJSON{Name: one.Setting.Name, Key: one.Setting.Key(), Environment: one.Setting.Environment(),
					Secret: one.Setting.Secret, Source: one.Source.String()}
				if one.Value != "" {
					j.Value = &one.Value
				}
				shown = append(shown, j)
			}
			return printing(env, func(w io.Writer) error {
				if asJSON {
					return encodeJSON(w, shown)
				}
				return printShown(w, shown)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	addSettings(cmd)
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

func printShown(w io.Writer, shown []shownJSON) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range shown {
		value, source := "-", s.Source
		if s.Value != nil {
			value = plain(*s.Value)
		} else {
			source = "not set"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, value, source)
	}
	return t.Flush()
}

// configFile finds the settings file, whether or not it exists or can be read.
func configFile(env environment, cmd *cobra.Command) (string, error) {
	o, err := loadOptions(env, cmd)
	if err != nil {
		return "", err
	}
	if file := o.ConfigPath(); file != "" {
		return file, nil
	}
	return "", fail(exitSettings, "there is no place for a settings file: neither XDG_CONFIG_HOME nor HOME is set; name one with --config")
}
