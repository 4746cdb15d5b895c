package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// prompt asks somebody at a terminal.
type prompt struct {
	in    *os.File
	out   io.Writer
	lines *term.Terminal // one for all questions: it holds what was typed ahead
}

// newPrompt returns nil if standard input is no terminal: then nobody can answer,
// and nothing may be read.
func newPrompt(env cmdutil.Environment) *prompt {
	in, ok := env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &prompt{in, env.Stderr, term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, env.Stderr}, "")}
}

// secret asks for a text without showing it. The terminal is in raw mode
// meanwhile: in its usual mode a line has at most 1024 bytes on some systems, and
// an API key is longer.
func (p *prompt) secret(ctx context.Context, name string) (string, error) {
	fd := int(p.in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", exitcode.Errorf(exitcode.Failed, "cannot ask on this terminal: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }()
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // a signal must not have to wait for the next key
		text, err := p.lines.ReadPassword(name + " (not shown): ")
		answers <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-answers:
		if errors.Is(a.err, io.EOF) { // Ctrl-C or Ctrl-D, in raw mode
			fmt.Fprint(p.out, "\r\n")
			return "", exitcode.Errorf(exitcode.Failed, "interrupted; nothing was written")
		}
		return a.text, a.err
	case <-ctx.Done():
		fmt.Fprint(p.out, "\r\n")
		return "", exitcode.Errorf(exitcode.Failed, "interrupted; nothing was written")
	}
}
