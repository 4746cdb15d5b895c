package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen is where output goes, and how it may look there.
type screen struct {
	w        io.Writer
	terminal bool
	colours  bool
	width    int // columns
}

// plainWidth is how wide output is where the width is not known.
const plainWidth = 80

// screenOf looks at what w is. Colours are for terminals that can show them,
// unless NO_COLOR is set to anything (no-color.org).
func screenOf(env environment, w io.Writer) screen {
	s := screen{w: w, width: plainWidth}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.terminal = true
	s.colours = env.vars["NO_COLOR"] == "" && env.vars["TERM"] != "dumb" && env.vars["TERM"] != ""
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.width = width
	}
	return s
}

// The colours of a screen, as parameters of SGR.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours text, where there are colours.
func (s screen) paint(colour, text string) string {
	if !s.colours || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// wrap breaks text into lines of at most width columns, at spaces where there
// are some.
func wrap(text string, width int) []string {
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
