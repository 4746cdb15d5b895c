package term

import (
	"fmt"
	"io"
	"strings"
)

// Say prints a message to the user. Texts from outside may be part of it, so
// it lets no control character through to the terminal.
func Say(w io.Writer, format string, args ...any) {
	_ = Tell(w, format, args...) // there is nobody else to tell
}

// Tell is say for what is noted as said: its error is that nobody heard it.
func Tell(w io.Writer, format string, args ...any) error {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	_, err := fmt.Fprintf(w, "ccsfs: %s\n", strings.Map(printable, text))
	return err
}

func printable(r rune) rune {
	if r != '\n' && r != '\t' && unsafeOnTerminal(r) {
		return '?'
	}
	return r
}
