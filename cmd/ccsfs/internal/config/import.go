package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/postman"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/configfile"
	"ccsfs/cmd/ccsfs/internal/term"
)

func importCommand(env cmdutil.Environment) *cobra.Command {
	var force bool
	var account string
	cmd := &cobra.Command{
		Use:   "import-postman [flags] FILE…",
		Short: "Take credentials and addresses from files of Postman",
		Long: `Take API key, addresses, client id and client secret from exports of Postman: the
environment and the collection that come with the user guide of the Cloud Customer
Space API, filled in. What is missing is asked for on a terminal, without showing what
is typed. The result goes into config.toml, which you alone can read. Other settings in
there stay; one that differs is replaced only with --force, the addresses too: where the
files name none, the credentials belong to the API's own. The contract that the guide
has you fill in is not taken: it would hide all others.

With --account=NAME it goes into a section of its own, [account.NAME], for several
accounts in one file; see "ccsfs config account --help".`,
		Example: `  ccsfs config import-postman OrangeCloud_API.postman_environment.json
  ccsfs config import-postman OrangeCloud_API.postman_environment.json \
      API_CLOUDSTORE_CUSTOMER_SPACE.postman_collection.json
  ccsfs config import-postman --account=holding holding/*.json`,
		Args: cmdutil.Takes(1, -1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			return importPostman(ctx, env, file, account, args, force)
		},
		ValidArgsFunction: cobra.FixedCompletions([]cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace settings that differ")
	cmd.Flags().StringVar(&account, "account", "", "put it into the section of the account `NAME`")
	cmdutil.AddSettings(cmd)
	return cmd
}

func importPostman(ctx context.Context, env cmdutil.Environment, file, account string, paths []string, force bool) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	var exports []*postman.Export
	for _, path := range paths {
		e, err := readExport(env, path)
		if err != nil {
			return exitcode.Errorf(exitcode.Settings, "%s %w", path, err)
		}
		exports = append(exports, e)
	}
	found := postman.Settings(exports)
	// The guide has everybody fill in a contract, for requests about one. As a
	// setting it would hide all others.
	contract := found.Values[postman.KeyContract]
	delete(found.Values, postman.KeyContract)
	completeAddresses(found.Values)
	there, err := settings.KeysIn(file, account)
	if err != nil {
		return exitcode.Errorf(exitcode.Settings, "settings file: %w", err)
	}
	if err := askMissing(ctx, env, found, there, len(paths)); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(found.Values)) {
		if err := settings.Check(key, found.Values[key]); err != nil {
			return exitcode.Errorf(exitcode.Settings, "the %s in the files of Postman %w", key, err)
		}
	}
	done, err := configfile.Merge(file, account, found.Values, force)
	var taken *configfile.TakenError
	switch {
	case errors.As(err, &taken):
		return exitcode.Errorf(exitcode.Settings, "%w; nothing was written", err)
	case err != nil:
		return exitcode.Errorf(exitcode.Settings, "cannot write the settings: %w", err)
	}
	if err := tellImport(env, file, account, found.Values, done, contract); err != nil {
		return err
	}
	if account == "" { // the credentials of a section go before the environment
		tellOverriding(env, found.Values)
	}
	return nil
}

// readExport reads a file of Postman; "-" is standard input.
func readExport(env cmdutil.Environment, path string) (*postman.Export, error) {
	r := env.Stdin
	if path != "-" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(env.Dirs.Work, path)
		}
		f, err := os.Open(path)
		if err != nil {
			var p *os.PathError
			if errors.As(err, &p) {
				err = p.Err
			}
			return nil, fmt.Errorf("cannot be read: %w", err)
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, postman.MaxSize+1))
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return postman.Parse(data)
}

// completeAddresses makes the import say where the credentials are sent: what the
// files do not name is the default, never what an older settings file has.
func completeAddresses(values map[string]string) {
	for key, value := range map[string]string{postman.KeyAPIURL: apiclient.DefaultAPIURL, postman.KeyOAuthURL: apiclient.DefaultOAuthURL} {
		if values[key] == "" {
			values[key] = value
		}
	}
}

// wanted are the settings without which nothing works, in the order in which
// they are asked for.
func wanted() []struct{ key, name string } {
	return []struct{ key, name string }{
		{postman.KeyClientID, "client id (username of the request \"generate access token\")"},
		{postman.KeyClientSecret, "client secret (its password)"},
		{postman.KeyAPIKey, "API key (X-API-Key)"},
	}
}

// askMissing asks for what neither the files say nor the settings file has, where
// somebody can answer. files is how many there are.
func askMissing(ctx context.Context, env cmdutil.Environment, found postman.Found, there map[string]settings.Source, files int) error {
	ask := newPrompt(env)
	var missing []string
	for _, w := range wanted() {
		if _, given := there[w.key]; given || found.Values[w.key] != "" {
			continue
		}
		why := "is not in the files"
		if files == 0 {
			why = "is not there yet"
		}
		if p := found.Placeholders[w.key]; p != "" {
			why = p
		}
		if ask == nil {
			missing = append(missing, fmt.Sprintf("%s: the %s %s", w.key, w.name, why))
			continue
		}
		term.Say(env.Stderr, "the %s %s", w.name, why)
		text, err := ask.secret(ctx, w.key)
		if err != nil {
			return err
		}
		if err := settings.Check(w.key, text); err != nil {
			return exitcode.Errorf(exitcode.Settings, "the %s %w; nothing was written", w.key, err)
		}
		found.Values[w.key] = text
	}
	if len(missing) == 0 {
		return nil
	}
	hint := "Fill it in in Postman, where Orange's user guide says, export again, and name both\n" +
		"  files, environment and collection. On a terminal, ccsfs asks for what is missing."
	if files == 0 {
		hint = "Name the files of Postman, environment and collection, or run this on a terminal,\n" +
			"  where ccsfs asks for it."
	}
	return exitcode.Errorf(exitcode.Settings, "nothing was written, for something is missing:\n  %s\n  %s", strings.Join(missing, "\n  "), hint)
}

// tellImport says what was written, and what to try next. It shows no value but
// those of no secret.
func tellImport(env cmdutil.Environment, file, account string, values map[string]string, done configfile.Merged, contract string) error {
	there, err := settings.KeysIn(file, account)
	if err != nil {
		return exitcode.Errorf(exitcode.Settings, "settings file: %w", err)
	}
	return cmdutil.Printing(env, func(w io.Writer) error {
		var written []string
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if _, ok := there[key]; ok {
				written = append(written, key)
			}
		}
		if !done.Changed {
			fmt.Fprintf(w, "%s has all of this already\n", file)
		} else {
			fmt.Fprintf(w, "wrote %s: %s\n", file, strings.Join(written, ", "))
		}
		if kept := keptSecrets(values, there); len(kept) > 0 {
			fmt.Fprintf(w, "kept as they were, for the files have none: %s; if those are another account's, they do not fit\n", strings.Join(kept, ", "))
		}
		for _, key := range slices.Sorted(maps.Keys(done.Removed)) {
			fmt.Fprintf(w, "took %s = %q out of it: it is %s now\n", key, done.Removed[key], values[key])
		}
		switch from, filtered := there[postman.KeyContract]; {
		case filtered:
			fmt.Fprintf(w, "%s shows only some contracts; to see all, remove that line\n", from.Name)
		case contract != "":
			fmt.Fprintf(w, "all contracts are shown, not only %s, which the files name (--contract=%[1]s does that)\n", term.Plain(contract))
		}
		with := ""
		if account != "" {
			with = " --account=" + account
		}
		_, err := fmt.Fprintf(w, "next: ccsfs doctor%[1]s, then ccsfs ls%[1]s\n", with)
		return err
	})
}

// keptSecrets are the credentials that the settings file had before and the import did
// not name: two accounts may be mixed now.
func keptSecrets(values map[string]string, there map[string]settings.Source) []string {
	var kept []string
	for _, w := range wanted() {
		if _, ok := there[w.key]; ok && values[w.key] == "" {
			kept = append(kept, w.key)
		}
	}
	return kept
}

// tellOverriding warns of names in the environment that go before what was
// imported: the credentials may be used elsewhere than they belong.
func tellOverriding(env cmdutil.Environment, values map[string]string) {
	var names []string
	for _, s := range settings.Table() {
		for _, name := range []string{s.Environment(), s.Environment() + "_FILE"} {
			if values[s.Key()] != "" && env.Vars[name] != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) > 0 {
		term.Say(env.Stderr, "warning: in the environment there is %s, which goes before the settings file", strings.Join(names, ", "))
	}
}
