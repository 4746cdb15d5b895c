package config

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/pooling"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/configfile"
	"ccsfs/cmd/ccsfs/internal/settings/flags"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/authorities"
	"ccsfs/internal/catalog/layout"
)

func getCommand(env cmdutil.Environment) *cobra.Command {
	var verbose, asJSON bool
	cmd := &cobra.Command{
		Use:   "get [flags] KEY",
		Short: "Print the value of a setting",
		Long: `Print the value of a setting, wherever it comes from: the environment, the settings
file, a systemd credential, or the default. With -v also where that is. Of a secret it
prints only that it is set. Of what has no value it prints nothing, and the exit status
is 1.`,
		Example: `  ccsfs config get layout
  ccsfs config get --account=holding layout
  ccsfs config get -v api_key`,
		Args:              cmdutil.Takes(1, 1, "KEY"),
		ValidArgsFunction: completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			setting, err := keyOf(args[0])
			if err != nil {
				return err
			}
			s, err := cmdutil.Load(env, cmd)
			if err != nil {
				return err
			}
			cmdutil.Warn(env, s)
			for _, one := range s.Show() {
				if one.Setting.Name == setting.Name {
					return printOne(env, describe(one), verbose, asJSON)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print where the value comes from, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, as config show has it")
	cmdutil.AddSettings(cmd)
	flags.AddAccount(cmd.Flags())
	return cmd
}

func printOne(env cmdutil.Environment, one shownJSON, verbose, asJSON bool) error {
	err := cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, one)
		}
		if one.Value == nil {
			return nil
		}
		text := term.Plain(one.text())
		if verbose {
			text += "\t" + term.Plain(one.Source)
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
	if err == nil && one.Value == nil {
		return exitcode.Errorf(exitcode.Failed, "%s is not set", one.Key)
	}
	return err
}

func setCommand(env cmdutil.Environment) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "set [flags] KEY [VALUE]",
		Short: "Put a setting into the settings file",
		Long: `Check a value and put it into the settings file, which is made if it is not there, and
which you alone can read. Everything else in the file stays, comments and order too.

A secret is never an argument, for a command line shows in ps and in the history of the
shell: without VALUE it is asked for on a terminal, without showing what is typed, or else
read from standard input.`,
		Example: `  ccsfs config set layout period
  ccsfs config set types bills,invoices
  ccsfs config set --account=holding layout type
  ccsfs config set api_key
  pass show orange/api-key | ccsfs config set api_key`,
		Args:              cmdutil.Takes(1, 2, "KEY"),
		ValidArgsFunction: completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			setting, err := keyOf(args[0])
			if err != nil {
				return err
			}
			file, err := configFile(env, cmd)
			if err == nil {
				err = checkSection(file, account, setting)
			}
			if err != nil {
				return err
			}
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			text, err := valueOf(ctx, env, setting, args[1:])
			if err != nil {
				return err
			}
			return set(env, file, account, setting, text)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "put it into the section of the account `NAME`")
	cmdutil.AddSettings(cmd)
	return cmd
}

// checkSection refuses to begin the section of an account with anything but a secret: a name
// that is misspelt would be one more account, of which nobody knows.
func checkSection(file, account string, s settings.Setting) error {
	if err := checkAccount(account); account == "" || err != nil || s.Secret {
		return err
	}
	if err := settings.CheckAccount(file, account); err != nil {
		return exitcode.Errorf(exitcode.Settings, "nothing was written: %w\n  To make it: ccsfs config account add %s", err, account)
	}
	return nil
}

// valueOf is the value of a setting: an argument, or what is read if it is a secret.
func valueOf(ctx context.Context, env cmdutil.Environment, s settings.Setting, args []string) (string, error) {
	switch {
	case s.Secret && len(args) > 0:
		return "", exitcode.Errorf(exitcode.Usage, "%s is a secret, and a command line shows in ps and in the history of the shell; nothing was written\n"+
			"  On a terminal it is asked for: ccsfs config set %[1]s; else it is read: ccsfs config set %[1]s <FILE", s.Key())
	case !s.Secret && len(args) == 0:
		return "", exitcode.Errorf(exitcode.Usage, "VALUE is missing; a good one is: ccsfs config set %s %s", s.Key(), term.Quote(s.Example))
	case !s.Secret:
		return args[0], nil
	}
	if ask := newPrompt(env); ask != nil {
		return ask.secret(ctx, s.Key())
	}
	return readSecret(ctx, env.Stdin, s.Key())
}

// maxSecret bounds what is read for a secret, in bytes; the longest there is has 1,300.
const maxSecret = 64 << 10

// readSecret reads a secret from what is no terminal. It is one line.
func readSecret(ctx context.Context, r io.Reader, key string) (string, error) {
	type answer struct {
		data []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // a signal must not have to wait for the end
		data, err := io.ReadAll(io.LimitReader(bufio.NewReader(r), maxSecret+1))
		answers <- answer{data, err}
	}()
	select {
	case a := <-answers:
		text := strings.TrimSpace(string(a.data))
		switch {
		case a.err != nil:
			return "", exitcode.Errorf(exitcode.Failed, "cannot read %s from standard input: %w", key, a.err)
		case len(a.data) > maxSecret:
			return "", exitcode.Errorf(exitcode.Settings, "%s: there is too much on standard input for a secret; nothing was written", key)
		case text == "":
			return "", exitcode.Errorf(exitcode.Settings, "%s: there is nothing on standard input; nothing was written", key)
		}
		return text, nil
	case <-ctx.Done():
		return "", exitcode.Errorf(exitcode.Failed, "interrupted; nothing was written")
	}
}

// accountSetting is the name of the setting that names an account.
const accountSetting = "account"

func set(env cmdutil.Environment, file, account string, s settings.Setting, text string) error {
	if s.IsPath() && !strings.HasPrefix(text, "~/") && !filepath.IsAbs(text) && text != "" {
		text = filepath.Join(env.Dirs.Work, text) // in the file it would count from there
	}
	err := settings.Check(s.Key(), text)
	if err == nil {
		at := text
		if rest, ok := strings.CutPrefix(at, "~/"); ok && s.IsPath() {
			at = filepath.Join(env.Dirs.Home, rest)
		}
		err = alsoCheck(s, at)
	}
	if err != nil {
		return unusable(s, text, err)
	}
	if s.Name == accountSetting {
		if err := settings.CheckAccount(file, text); err != nil {
			return exitcode.Errorf(exitcode.Settings, "nothing was written: %w", err)
		}
	}
	if _, err := configfile.Set(file, account, s, text); err != nil {
		return exitcode.Errorf(exitcode.Settings, "nothing was written: %w", err)
	}
	tellOverriding(env, map[string]string{s.Key(): text})
	return nil
}

// unusable says why a value was refused, without it if it is a secret.
func unusable(s settings.Setting, text string, err error) error {
	if s.Secret {
		return exitcode.Errorf(exitcode.Settings, "%s: it %w; nothing was written", s.Key(), err)
	}
	return exitcode.Errorf(exitcode.Usage, "%s = %q: %w; a good one is %s; nothing was written", s.Key(), s.Public(text), err, term.Quote(s.Example))
}

// alsoCheck checks what only the rest of the program can tell.
func alsoCheck(s settings.Setting, text string) error {
	switch s.Name {
	case "layout":
		_, err := layout.Parse(text)
		return err
	case "ca-file":
		_, err := authorities.In(text)
		return err
	}
	return pooling.Check(s.Name, text)
}

func unsetCommand(env cmdutil.Environment) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "unset [flags] KEY",
		Short: "Take a setting out of the settings file",
		Long: `Take a setting out of the settings file; then the default holds, or what the
environment says. Everything else in the file stays. What is not in there is no error.`,
		Example:           `  ccsfs config unset contract`,
		Args:              cmdutil.Takes(1, 1, "KEY"),
		ValidArgsFunction: completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			setting, err := keyOf(args[0])
			if err != nil {
				return err
			}
			file, err := configFile(env, cmd)
			if err != nil {
				return err
			}
			changed, err := configfile.Unset(file, account, setting)
			switch {
			case err != nil:
				return exitcode.Errorf(exitcode.Settings, "nothing was written: %w", err)
			case !changed:
				term.Say(env.Stderr, "%s is not in %s", setting.Key(), file)
			}
			tellOverriding(env, map[string]string{setting.Key(): "?"})
			return nil
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "take it out of the section of the account `NAME`")
	cmdutil.AddSettings(cmd)
	return cmd
}

func keyOf(name string) (settings.Setting, error) {
	s, err := settings.Lookup(name)
	if err != nil {
		return s, exitcode.With(exitcode.Usage, err)
	}
	return s, nil
}

// completeKeys completes keys, and the values of those that have a choice.
func completeKeys(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var words []cobra.Completion
	switch {
	case len(args) == 0:
		for _, s := range settings.Table() {
			words = append(words, cobra.CompletionWithDesc(s.Key(), s.Help))
		}
	case len(args) == 1 && cmd.Name() == "set":
		if s, err := settings.Lookup(args[0]); err == nil {
			words = s.Choices
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
