package cmdutil

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/suggest"
)

// KnownCommand refuses what is no command, and tells the one that was meant: by another
// word for it (SuggestFor), or by a name that is near.
func KnownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exitcode.Errorf(exitcode.Usage, "unknown command %q%s", args[0], commandHint(cmd, args[0]))
}

func commandHint(cmd *cobra.Command, word string) string {
	var candidates []string
	meant := map[string]*cobra.Command{}
	add := func(name string, c *cobra.Command, far bool) {
		if _, taken := meant[name]; !taken {
			meant[name] = c
			if far {
				candidates = append(candidates, name)
			}
		}
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			add(c.Name(), c, true)
		}
	}
	for _, c := range cmd.Commands() {
		for _, w := range c.SuggestFor {
			add(w, c, len(w) > shortWord)
		}
	}
	word = strings.ToLower(word)
	c := meant[word]
	if c == nil {
		c = meant[suggest.Nearest(word, candidates)]
	}
	switch {
	case c == nil:
		return fmt.Sprintf("; `%s --help` lists the commands", cmd.CommandPath())
	case suggest.Nearest(word, []string{c.Name()}) != "":
		return fmt.Sprintf("; did you mean `%s`?", c.CommandPath())
	}
	return fmt.Sprintf("; that is `%s`: %s", c.CommandPath(), c.Short)
}

// shortWord is up to how many letters another word for a command must be written right:
// too much is near to a short one.
const shortWord = 4

// HelpCommand is `help`, for a tree of commands: what is neither a command nor a topic is
// an error.
func HelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND…]",
		Short: "Help about any command or topic",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := cmd.Root().Find(args)
			if err != nil || at == nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range at.Commands() {
				if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, rest, err := cmd.Root().Find(args)
			if err != nil || at == nil || len(rest) > 0 && at.HasSubCommands() {
				word := strings.Join(args, " ")
				if len(rest) > 0 && at != nil {
					word = rest[0]
				} else {
					at = cmd.Root()
				}
				return exitcode.Errorf(exitcode.Usage, "no help about %q%s", word, commandHint(at, word))
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// FlagError words an error of the flag parser.
func FlagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	hint := fmt.Sprintf("; `%s --help` lists the flags", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := suggest.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = fmt.Sprintf("; did you mean --%s?", near)
		} else if s := secretNamed(unknown.GetSpecifiedName()); s != "" {
			hint = fmt.Sprintf(": a command line shows in ps; set %s or %s_FILE in the environment", s, s)
		}
	}
	return exitcode.Errorf(exitcode.Usage, "%w%s", err, hint)
}

// secretNamed returns the environment name of the secret that someone tried
// to give as a flag, "" if it is none.
func secretNamed(flag string) string {
	for _, s := range settings.Table() {
		if s.Secret && s.Name == flag {
			return s.Environment()
		}
	}
	return ""
}

// Takes checks the number of arguments; names says what they are. None may be empty,
// nor may a flag that was given: "$DEST" of a script that never set it would be the
// working directory, and --since="$MONTH" all months.
func Takes(low, high int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch i := slices.Index(args, ""); {
		case len(args) < low:
			return exitcode.Errorf(exitcode.Usage, "%s is missing: %s", names, cmd.UseLine())
		case high >= 0 && len(args) > high:
			return exitcode.Errorf(exitcode.Usage, "unexpected argument %q: %s", args[high], cmd.UseLine())
		case i >= 0:
			return exitcode.Errorf(exitcode.Usage, "argument %d is empty: %s", i+1, cmd.UseLine())
		}
		return noEmptyFlag(cmd)
	}
}

// TakesCommand is takes for what passes its arguments on: those may be anything.
func TakesCommand(low int, names string) cobra.PositionalArgs {
	count := Takes(low, -1, names)
	return func(cmd *cobra.Command, args []string) error { return count(cmd, args[:min(low, len(args))]) }
}

func noEmptyFlag(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = exitcode.Errorf(exitcode.Usage, "--%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	return err
}
