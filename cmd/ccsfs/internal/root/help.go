package root

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/settings/flags"
	"ccsfs/cmd/ccsfs/internal/term"
)

// The groups of commands in `ccsfs --help`.
const (
	groupDocuments = "documents"
	groupMounts    = "mounts"
	groupSetUp     = "set-up"
)

func commandGroups() []*cobra.Group {
	return []*cobra.Group{
		{ID: groupDocuments, Title: "Documents, without a mount"},
		{ID: groupMounts, Title: "Mounts"},
		{ID: groupSetUp, Title: "Setting up, and trying out"},
	}
}

// grouped puts commands into a group of the help.
func grouped(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = group
	}
	return commands
}

// widestHelp is how wide help is at most, in columns: longer lines read badly.
const widestHelp = 100

// help writes the help of commands: what one does, how it is called, its own flags, then
// those settings that are set from day to day. On a terminal lines end where it does;
// elsewhere those that are searched by programs stay whole.
type help struct{ env cmdutil.Environment }

// width is that of the terminal, 0 where there is none.
func (h help) width(w io.Writer) int {
	if s := term.ScreenOf(h.env.Vars, w); s.Terminal {
		return min(s.Width, widestHelp)
	}
	return 0
}

func (h help) write(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	if about := strings.TrimSpace(cmd.Long); about != "" {
		fmt.Fprintf(w, "%s\n\n", h.wrapped(about, h.width(w)))
	} else if cmd.Short != "" {
		fmt.Fprintf(w, "%s\n\n", cmd.Short)
	}
	if cmd.Runnable() || cmd.HasSubCommands() {
		h.usage(w, cmd)
	}
}

// wrapped breaks the paragraphs of a text at a width, 0 for none. Those that begin with
// spaces, such as tables and examples, stay as they are.
func (h help) wrapped(text string, width int) string {
	if width == 0 {
		return text
	}
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = strings.Join(term.Wrap(p, width), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func (h help) usage(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintln(w, "Usage:")
	if cmd.Runnable() {
		fmt.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	h.commands(w, cmd)
	h.flags(w, cmd)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n`%s COMMAND --help` tells more about a command.\n", cmd.CommandPath())
	}
}

func (h help) commands(w io.Writer, cmd *cobra.Command) {
	list := func(title string, is func(c *cobra.Command) bool) {
		for _, c := range cmd.Commands() {
			if !is(c) || !c.IsAvailableCommand() && !c.IsAdditionalHelpTopicCommand() {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s:\n", title)
				title = ""
			}
			fmt.Fprintf(w, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
		}
	}
	for _, g := range cmd.Groups() {
		list(g.Title, func(c *cobra.Command) bool { return c.GroupID == g.ID })
	}
	rest := "Commands"
	if len(cmd.Groups()) > 0 {
		rest = "More"
	}
	list(rest, func(c *cobra.Command) bool { return c.GroupID == "" && !c.IsAdditionalHelpTopicCommand() })
	list("Topics of `ccsfs help`", (*cobra.Command).IsAdditionalHelpTopicCommand)
}

// flags lists the flags of a command itself, and apart from them those that every command
// has which works with an account. Settings that are rarely touched are in a topic of
// their own.
func (h help) flags(w io.Writer, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	own, daily, rare := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError), 0
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		s, is := flags.Of(f)
		switch {
		case is && s.Rare:
			rare++
		case is:
			daily.AddFlag(f)
		default:
			own.AddFlag(f)
		}
	})
	for _, part := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"Flags", own}, {"Settings, as flags here, in the environment, or in config.toml", daily}} {
		if part.flags.HasAvailableFlags() {
			fmt.Fprintf(w, "\n%s:\n%s", part.title, part.flags.FlagUsagesWrapped(h.width(w)))
		}
	}
	if rare > 0 {
		fmt.Fprintf(w, "\n%s, which few need: `ccsfs help settings`.\n", term.Count(int64(rare), "more setting"))
	}
}
