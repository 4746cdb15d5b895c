package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"syscall"
)

// prompt asks somebody at a terminal.
type prompt struct {
	in    *os.File
	out   io.Writer
	lines *term.Terminal // one for all questions: it holds what was typed ahead
	keys  *keys
}

// keys are what is typed. In raw mode Ctrl-C is one of them, and no signal.
type keys struct {
	io.Reader
	interrupted bool // by Ctrl-C
}

// Read implements io.Reader.
func (k *keys) Read(b []byte) (int, error) {
	n, err := k.Reader.Read(b)
	k.interrupted = k.interrupted || bytes.IndexByte(b[:n], ctrlC) >= 0
	return n, err
}

const ctrlC = 3

// newPrompt returns nil if standard input is no terminal: then nobody can answer,
// and nothing may be read.
func newPrompt(env cmdutil.Environment) *prompt {
	in, ok := env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	p := ask(in, env.Stderr)
	p.in = in
	return p
}

// ask asks whoever types into r. It is in raw mode.
func ask(r io.Reader, w io.Writer) *prompt {
	k := &keys{Reader: r}
	return &prompt{out: w, keys: k, lines: term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{k, w}, "")}
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
		text, err := p.line(name)
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		fmt.Fprint(p.out, "\r\n")
		return "", exitcode.Errorf(exitcode.Failed, "interrupted; nothing was written")
	}
}

// line reads a line without showing it. Ctrl-C ends it with the exit code of the signal that
// it is elsewhere, Ctrl-D as a failure.
func (p *prompt) line(name string) (string, error) {
	text, err := p.lines.ReadPassword(name + " (not shown): ")
	if !errors.Is(err, io.EOF) {
		return strings.TrimSpace(text), err
	}
	fmt.Fprint(p.out, "\r\n")
	code := exitcode.Failed
	if p.keys.interrupted {
		code = exitcode.Signal + int(syscall.SIGINT)
	}
	return "", exitcode.Errorf(code, "interrupted; nothing was written")
}
