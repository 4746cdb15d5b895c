package cache

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// infoJSON is the output of cache info --json. Its keys do not change.
type infoJSON struct {
	Dir      string        `json:"dir"`
	Limit    int64         `json:"limit"` // bytes of documents, of each account
	Accounts []accountJSON `json:"accounts"`
}

type accountJSON struct {
	Account     string    `json:"account"` // names its directory
	Current     bool      `json:"current"` // it is that of the settings
	Names       []string  `json:"names"`   // in the settings file
	Contracts   []string  `json:"contracts"`
	Documents   int       `json:"documents"`
	Bytes       int64     `json:"bytes"` // of the documents
	Oldest      time.Time `json:"oldest,omitzero"`
	Listings    int       `json:"listings"` // files
	ListingsB   int64     `json:"listingsBytes"`
	Processes   int       `json:"processes"`   // that use it
	Reclaimable int64     `json:"reclaimable"` // bytes that prune would free
}

func infoCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [flags]",
		Short: "Show where the cache is, what it holds, and of which accounts",
		Long: `Show where the cache is, and of each account that has a part of it: the contracts,
how many documents and bytes, since when they have not been used, how many processes
use it, and what "ccsfs cache prune" would free: what is over --cache-size, what killed
processes have left, and documents of which nothing is known. Asks no API and changes
nothing.`,
		Example: `  ccsfs cache info
  ccsfs cache info --json | jq '[.accounts[].bytes] | add'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, ctx, done, err := load(env, cmd)
			if err != nil {
				return err
			}
			defer done()
			all, err := cacheOf(ctx, s, nil)
			if err != nil {
				return err
			}
			out := infoJSON{Dir: s.Cache.Dir, Limit: s.Cache.Size, Accounts: []accountJSON{}}
			names, err := namesOf(env, cmd)
			if err != nil {
				return err
			}
			for _, a := range all {
				one := a.describe(s, env.Now())
				one.Names = append(one.Names, names[a.dir]...)
				out.Accounts = append(out.Accounts, one)
			}
			return cmdutil.Printing(env, func(w io.Writer) error {
				if asJSON {
					return term.EncodeJSON(w, out)
				}
				return out.print(w)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmdutil.AddSettings(cmd, settings.GroupCache)
	return cmd
}

// namesOf are the accounts of the settings file, by the directories that they keep what
// they know in.
func namesOf(env cmdutil.Environment, cmd *cobra.Command) (map[string][]string, error) {
	o, err := cmdutil.LoadOptions(env, cmd)
	if err != nil {
		return nil, err
	}
	file, err := settings.Load(o)
	if err != nil {
		return nil, cmdutil.SettingsError(err)
	}
	names := map[string][]string{}
	for _, name := range file.Accounts {
		s, err := settings.Load(o.For(name))
		if err != nil {
			return nil, cmdutil.SettingsError(err)
		}
		dir := session.AccountPath(s)
		names[dir] = append(names[dir], name)
	}
	return names, nil
}

func (a accountCache) describe(s *settings.Settings, now time.Time) accountJSON {
	j := accountJSON{
		Account: a.name, Current: a.current, Names: []string{}, Contracts: []string{}, Documents: len(a.Content.Documents), Bytes: a.Content.Bytes(),
		Listings: a.Saved.Files, ListingsB: a.Saved.Bytes, Processes: a.Content.Live, Reclaimable: a.Content.Sessions.Bytes,
	}
	j.Contracts = append(j.Contracts, lookUp(s, a.dir).contracts...)
	for _, d := range a.Content.Documents {
		if j.Oldest.IsZero() || d.Used.Before(j.Oldest) {
			j.Oldest = d.Used.UTC().Truncate(time.Second)
		}
	}
	for _, d := range (choice{limit: s.Cache.Size, now: now}).of(a, nil) {
		j.Reclaimable += d.Size
	}
	return j
}

func (out infoJSON) print(w io.Writer) error {
	if len(out.Accounts) == 0 {
		_, err := fmt.Fprintf(w, "nothing is cached in %s\n", term.Plain(out.Dir))
		return err
	}
	_, err := fmt.Fprintf(w, "%s\nat most %s of documents of each account\n", term.Plain(out.Dir), term.BytesText(out.Limit))
	for _, a := range out.Accounts {
		whose := ""
		if a.Current {
			whose = " (that of your settings)"
		}
		fmt.Fprintf(w, "\n%s%s\n", a.Account, whose)
		if len(a.Names) > 0 {
			fmt.Fprintf(w, "  account      %s\n", strings.Join(a.Names, ", "))
		}
		if len(a.Contracts) > 0 {
			fmt.Fprintf(w, "  contracts    %s\n", term.Plain(session.SomeOf(a.Contracts)))
		}
		used := ""
		if !a.Oldest.IsZero() {
			used = ", one of them not used since " + a.Oldest.Format(time.DateOnly) + " or later"
		}
		fmt.Fprintf(w, "  documents    %s, %s%s\n", term.Number(a.Documents), term.BytesText(a.Bytes), used)
		fmt.Fprintf(w, "  listings     %s, %s\n", term.Plural(a.Listings, "file"), term.BytesText(a.ListingsB))
		if a.Processes > 0 {
			fmt.Fprintf(w, "  in use by    %s\n", processes(a.Processes))
		}
		_, err = fmt.Fprintf(w, "  reclaimable  %s\n", term.BytesText(a.Reclaimable))
	}
	return err
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
