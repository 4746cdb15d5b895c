package config

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/configfile"
	"ccsfs/cmd/ccsfs/internal/term"
)

// accountCommand is `ccsfs config account`: the accounts of the settings file.
func accountCommand(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Manage several accounts in one settings file",
		Long: `Several accounts live in one config.toml, each in a section of its own. What stands
before the sections holds for all of them; what is in a section is stronger:

  layout = "period"
  default_account = "holding"

  [account.holding]
  client_id = "…"

--account=NAME (or CCSFS_ACCOUNT) says which one a command is about; without, it is
default_account, or the only one that there is, unless there are credentials in the
environment. Credentials are one thing: of an account
that has a part of them in its section, none come from elsewhere, the environment
included. Each account has its cache and its rate of calls to itself.`,
		Example: `  ccsfs config account add holding holding.postman_environment.json
  ccsfs config account list
  ccsfs ls --account=holding`,
		Args: cmdutil.KnownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(accountAddCommand(env), accountListCommand(env), accountRemoveCommand(env))
	return cmd
}

// checkAccount refuses what is no name of an account; "" is none, and good.
func checkAccount(name string) error {
	if name == "" {
		return nil
	}
	if err := settings.Check("default_account", name); err != nil {
		return exitcode.Errorf(exitcode.Usage, "%q %w", name, err)
	}
	return nil
}

func accountAddCommand(env cmdutil.Environment) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "add [flags] NAME [FILE…]",
		Short: "Add an account, from files of Postman or by asking",
		Long: `Add the section of an account to config.toml, with credentials and addresses from files
of Postman, as "ccsfs config import-postman" takes them. What they do not have, or
everything, is asked for on a terminal, without showing what is typed.`,
		Example: `  ccsfs config account add holding
  ccsfs config account add holding holding.postman_environment.json`,
		Args: cmdutil.Takes(1, -1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			if args[0] == "" {
				return exitcode.Errorf(exitcode.Usage, "an account needs a name")
			}
			return importPostman(ctx, env, file, args[0], args[1:], force)
		},
		ValidArgsFunction: cobra.FixedCompletions([]cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace settings that differ")
	cmdutil.AddSettings(cmd)
	return cmd
}

// listedAccount is an account in the output of config account list --json.
type listedAccount struct {
	Name     string `json:"name"`
	Default  bool   `json:"default"`  // it is the one without --account
	Complete bool   `json:"complete"` // it has all credentials
	Missing  string `json:"missing,omitempty"`
}

func accountListCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the accounts of the settings file",
		Long: `List the accounts that have a section in config.toml, one a line. A star marks the one
that is meant without --account. What an account lacks is said.`,
		Example: `  ccsfs config account list
  for a in $(ccsfs config account list --json | jq -r '.[].name'); do
      ccsfs pull -q --account="$a" "/srv/bills/$a"
  done`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listAccounts(env, cmd)
			if err != nil {
				return err
			}
			return cmdutil.Printing(env, func(w io.Writer) error {
				if asJSON {
					return term.EncodeJSON(w, all)
				}
				for _, a := range all {
					mark, text := " ", ""
					if a.Default {
						mark = "*"
					}
					if !a.Complete {
						text = "  (" + a.Missing + ")"
					}
					if _, err := fmt.Fprintf(w, "%s %s%s\n", mark, a.Name, term.Plain(text)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmdutil.AddSettings(cmd)
	return cmd
}

func listAccounts(env cmdutil.Environment, cmd *cobra.Command) ([]listedAccount, error) {
	o, err := cmdutil.LoadOptions(env, cmd)
	if err != nil {
		return nil, err
	}
	meant, err := settings.Load(o)
	if err != nil {
		return nil, cmdutil.SettingsError(err)
	}
	all := []listedAccount{} // an empty array, not null
	for _, name := range meant.Accounts {
		s, err := settings.Load(o.For(name))
		if err != nil {
			return nil, cmdutil.SettingsError(err)
		}
		a := listedAccount{Name: name, Default: name == meant.Account, Complete: true}
		if lacks := s.LacksCredentials(); lacks != "" {
			a.Complete, a.Missing = false, "without "+lacks
		}
		all = append(all, a)
	}
	return all, nil
}

func accountRemoveCommand(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove [flags] NAME",
		Short: "Take an account out of the settings file",
		Long: `Take the section of an account out of config.toml, credentials included. Its cache and
the copies that were made of its documents stay.`,
		Example:           `  ccsfs config account remove holding`,
		Args:              cmdutil.Takes(1, 1, "NAME"),
		ValidArgsFunction: cmdutil.CompleteAccounts(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			switch err := configfile.RemoveAccount(file, args[0]); {
			case errors.Is(err, configfile.ErrNoAccount):
				return exitcode.Errorf(exitcode.Failed, "there is no account %q in %s", args[0], file)
			case err != nil:
				return exitcode.Errorf(exitcode.Settings, "cannot change the settings: %w", err)
			}
			return nil
		},
	}
	cmdutil.AddSettings(cmd)
	return cmd
}
