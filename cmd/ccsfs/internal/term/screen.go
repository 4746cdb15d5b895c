// Package term writes for people: safe texts, whatever names and errors come from outside,
// colours where there are some, numbers and their nouns.
package term

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Screen is where output goes, and how it may look there.
type Screen struct {
	W        io.Writer
	Terminal bool
	Colours  bool
	Width    int // columns
}

// plainWidth is how wide output is where the width is not known.
const plainWidth = 80

// ScreenOf looks at what w is. Colours are for terminals that can show them,
// unless NO_COLOR is set to anything (no-color.org).
func ScreenOf(vars map[string]string, w io.Writer) Screen {
	s := Screen{W: w, Width: plainWidth}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.Terminal = true
	s.Colours = vars["NO_COLOR"] == "" && vars["TERM"] != "dumb" && vars["TERM"] != ""
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.Width = width
	}
	return s
}

// leastTable is how wide a table is at least, in columns: on less it could not be read.
const leastTable = 40

// TableWidth is how wide a table is at most there, in columns; 0 where nobody's screen ends
// it: whatever reads a pipe or a file gets whole lines.
func (s Screen) TableWidth() int {
	if !s.Terminal {
		return 0
	}
	return max(s.Width, leastTable)
}

// The colours of a screen, as parameters of SGR.
const (
	Bold   = "1"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
)

// Paint colours text, where there are colours.
func (s Screen) Paint(colour, text string) string {
	if !s.Colours || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Wrap breaks text into lines of at most width columns, at spaces where there
// are some.
func Wrap(text string, width int) []string {
	width = max(width, 1) // what an indentation leaves of a narrow terminal may be less
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		for {
			joined := word
			if line != "" {
				joined = line + " " + word
			}
			if runes := []rune(joined); len(runes) <= width {
				line = joined
				break
			}
			if line != "" {
				lines, line = append(lines, line), ""
				continue
			}
			runes := []rune(word) // longer than a line
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// IsTerminal tells whether somebody sees what is written there, now.
func IsTerminal(w io.Writer) bool {
	if c, ok := w.(interface{ Terminal() bool }); ok {
		return c.Terminal()
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
