// Package gateway is `ccsfs gateway`: who may ask the gateway that `ccsfs serve --api` is.
package gateway

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/clients"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Command is `ccsfs gateway`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "gateway",
		Short:      "Manage the programs and machines that may ask a gateway",
		SuggestFor: []string{"proxy", "api"},
		Long: `A gateway is "ccsfs serve --api": it speaks the API of Orange itself, so that other
machines, scripts and Postman ask it in place of Orange, and all of them together ask
Orange for each document once, with one token and one rate. Who may ask it stands in a
file of its own, with credentials of its own: nobody else needs those of Orange.`,
		Example: `  ccsfs gateway client add reports --contract=OCB0001234
  ccsfs serve --api --listen=0.0.0.0:8443 --tls-cert=cert.pem --tls-key=key.pem`,
		Args: cmdutil.KnownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	client := &cobra.Command{
		Use:   "client",
		Short: "Add, list, renew and remove those who may ask",
		Long: `Those who may ask the gateway stand in clients.json beside config.toml, or in the file
that --clients-file names: of their secrets there are hashes alone. A gateway that runs
reads it again by itself. Gateways that share the work need the same file.`,
		Args: cmdutil.KnownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	client.AddCommand(addCommand(env), listCommand(env), renewCommand(env), removeCommand(env))
	cmd.AddCommand(client)
	return cmd
}

// file is the file of clients, by the settings.
func file(env cmdutil.Environment, cmd *cobra.Command) (string, error) {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return "", err
	}
	path := clients.Path(s)
	if path == "" {
		return "", exitcode.Errorf(exitcode.Settings, "there is no place for a file of clients: neither XDG_CONFIG_HOME nor HOME is set; name one with --clients-file")
	}
	return path, nil
}

// failed says what is wrong with a client, or the file.
func failed(name, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, clients.ErrName):
		return exitcode.Errorf(exitcode.Usage, "%q is no name of a client: %w", name, err)
	case errors.Is(err, clients.ErrTaken):
		return exitcode.Errorf(exitcode.Failed, "there is a client %s in %s; ccsfs gateway client renew %s gives it other credentials", name, path, name)
	case errors.Is(err, clients.ErrNone):
		return exitcode.Errorf(exitcode.Failed, "there is no client %q in %s; ccsfs gateway client list has all", name, path)
	}
	return exitcode.Errorf(exitcode.Settings, "clients: %w", err)
}

func addCommand(env cmdutil.Environment) *cobra.Command {
	var contracts []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add [flags] NAME",
		Short: "Let a client in, and print its credentials, once",
		Long: `Make credentials for a program or a machine, and print them: nobody can tell them again.
They go where those of Orange went: CCSFS_CLIENT_ID, CCSFS_CLIENT_SECRET and
CCSFS_API_KEY with CCSFS_API_URL and CCSFS_OAUTH_URL of the gateway, or the variables of
a Postman environment.`,
		Example: `  ccsfs gateway client add reports
  ccsfs gateway client add holding --contract=OCB0001234 --contract=OCB0001235 --json`,
		Args: cmdutil.Takes(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := file(env, cmd)
			if err != nil {
				return err
			}
			ids, err := contractIDs(contracts)
			if err != nil {
				return err
			}
			c, err := clients.Add(path, args[0], ids, env.Now())
			if err != nil {
				return failed(args[0], path, err)
			}
			return show(env, c, asJSON)
		},
	}
	cmd.Flags().StringArrayVar(&contracts, "contract", nil, "an id of a contract that it may see, and no others (may be repeated)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmdutil.AddSettings(cmd, settings.GroupClients)
	return cmd
}

// contractIDs are the ids that were given. An empty one, of a variable that is not set
// perhaps, must not mean all.
func contractIDs(given []string) (ids []string, err error) {
	for _, id := range strings.Split(strings.Join(given, ","), ",") {
		if id = strings.TrimSpace(id); id == "" && len(given) > 0 {
			return nil, exitcode.Errorf(exitcode.Usage, "--contract needs an id such as OCB0001234; leave it out for a client that sees all")
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// show prints credentials.
func show(env cmdutil.Environment, c clients.Credentials, asJSON bool) error {
	return cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, c)
		}
		_, err := fmt.Fprintf(w, "CCSFS_CLIENT_ID=%s\nCCSFS_CLIENT_SECRET=%s\nCCSFS_API_KEY=%s\n", c.ClientID, c.ClientSecret, c.APIKey)
		return err
	})
}

func renewCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "renew [flags] NAME",
		Short: "Give a client another secret and another key",
		Long: `Give a client another secret and another API key, and print them, once. Those before,
and the access tokens that were had with them, are refused from now on.`,
		Example: `  ccsfs gateway client renew reports`,
		Args:    cmdutil.Takes(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := file(env, cmd)
			if err != nil {
				return err
			}
			c, err := clients.Renew(path, args[0])
			if err != nil {
				return failed(args[0], path, err)
			}
			return show(env, c, asJSON)
		},
		ValidArgsFunction: completeNames(env),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmdutil.AddSettings(cmd, settings.GroupClients)
	return cmd
}

func removeCommand(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove [flags] NAME",
		Short:   "Let a client in no more",
		Long:    `Take a client out of the file. Its access tokens are refused from now on, too.`,
		Example: `  ccsfs gateway client remove reports`,
		Args:    cmdutil.Takes(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := file(env, cmd)
			if err != nil {
				return err
			}
			return failed(args[0], path, clients.Remove(path, args[0]))
		},
		ValidArgsFunction: completeNames(env),
	}
	cmdutil.AddSettings(cmd, settings.GroupClients)
	return cmd
}

// listed is a client in the output of list --json.
type listed struct {
	Name      string    `json:"name"`
	ID        string    `json:"client_id"`
	Contracts []string  `json:"contracts"` // null: all
	Created   time.Time `json:"created"`
}

func listCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list [flags]",
		Short:   "List who may ask, and which contracts they see",
		Long:    `List the clients, one a line: name, client id, since when, contracts.`,
		Example: `  ccsfs gateway client list`,
		Args:    cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := file(env, cmd)
			if err != nil {
				return err
			}
			all, err := clients.List(path)
			if err != nil {
				return failed("", path, err)
			}
			return cmdutil.Printing(env, func(w io.Writer) error {
				if asJSON {
					out := []listed{}
					for _, e := range all {
						out = append(out, listed{e.Name, e.ID, e.Contracts, e.Created})
					}
					return term.EncodeJSON(w, out)
				}
				table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, e := range all {
					seen := "all contracts"
					if len(e.Contracts) > 0 {
						seen = strings.Join(e.Contracts, ", ")
					}
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", e.Name, e.ID, e.Created.Format(time.DateOnly), term.Plain(seen))
				}
				return table.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmdutil.AddSettings(cmd, settings.GroupClients)
	return cmd
}

// completeNames completes names of clients.
func completeNames(env cmdutil.Environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []cobra.Completion
		if path, err := file(env, cmd); err == nil && len(args) == 0 {
			all, _ := clients.List(path) // nothing to complete, then
			for _, e := range all {
				names = append(names, e.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
