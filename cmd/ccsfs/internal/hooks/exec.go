package hooks

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks/program"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/environment"
	"ccsfs/cmd/ccsfs/internal/term"
)

// newExec makes the hook that runs a command for each change. The command is split into
// words as a shell does, and run without one: nothing is expanded, so that what is written
// is what is run. What the API tells is in the environment and on standard input, never in
// the command: no name can become an option or a command.
func newExec(env cmdutil.Environment, s *settings.Settings, flag, command string) (*Hook, error) {
	words, err := shellquote.Split(command)
	switch {
	case err != nil:
		return nil, exitcode.Errorf(exitcode.Usage, "--%s %s: %w", flag, term.Quote(command), err)
	case len(words) == 0 || words[0] == "":
		return nil, exitcode.Errorf(exitcode.Usage, "--%s is empty: give it a command, or leave it out", flag)
	}
	if word := forShell(words); word != "" {
		return nil, exitcode.Errorf(exitcode.Usage, "--%[1]s is run without a shell, and %[2]q means something to one only: write --%[1]s \"sh -c '…'\"", flag, word)
	}
	file, err := find(env, words[0])
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Usage, "--%s: %s cannot be run: %w", flag, term.Quote(words[0]), err)
	}
	h := &Hook{program: true}
	h.deliver = func(ctx context.Context, m Message, say Say) error {
		p := program.Program{Path: file, Args: words, Dir: env.Dirs.Work, Vars: environmentFor(env, s), Timeout: h.timeout, Inherits: h.running.inherited()}
		stdin, err := json.Marshal(m.Changes[0])
		if err != nil {
			return err
		}
		return p.Run(ctx, facts(m), append(stdin, '\n'), say)
	}
	return h, nil
}

// forShell is a word of a command that only makes sense to a shell, "" if none is. In what
// a shell or another interpreter is given itself, anything goes.
func forShell(words []string) string {
	if i := slices.Index(words, "-c"); i > 0 {
		words = words[:i]
	}
	for _, w := range words {
		if slices.Contains([]string{"|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1"}, w) || strings.Contains(w, "$"+environment.Prefix) || strings.Contains(w, "${"+environment.Prefix) {
			return w
		}
	}
	return ""
}

// mostFact bounds a value in the environment, in bytes: the kernel takes 128 KiB, and
// refuses to start what gets more.
const mostFact = 4 << 10

// facts are the variables of a command: all of them each time, empty where nothing is
// known, so that none comes from elsewhere.
func facts(m Message) map[string]string {
	c := m.Changes[0]
	modified := ""
	if !c.Modified.IsZero() {
		modified = c.Modified.UTC().Format(time.RFC3339)
	}
	vars := map[string]string{}
	for name, value := range map[string]string{
		"EVENT": m.ID, "SEEN": m.At.UTC().Format(time.RFC3339),
		"CHANGE": c.Kind, "CONTRACT": c.Contract, "TYPE": c.Type, "ID": c.ID, "PERIOD": c.Period,
		"AMOUNT": c.Amount, "CURRENCY": c.Currency, "CREATED": c.CreatedAt, "UPDATED": c.UpdatedAt, "MODIFIED": modified,
	} {
		value = term.Plain(value) // no end of a line, and no NUL, which no environment can hold
		vars[environment.Prefix+name] = strings.ToValidUTF8(value[:min(len(value), mostFact)], "")
	}
	for name, value := range map[string]string{"PATH": c.Path, "NAME": path.Base(c.Path), "FILE": c.File} {
		vars[environment.Prefix+name] = strings.ReplaceAll(value, "\x00", "?") // else as they are, or nothing is found there
	}
	return vars
}
