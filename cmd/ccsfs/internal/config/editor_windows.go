package config

import (
	"os/exec"
	"strings"
)

const usualEditor = "notepad"

// editorCommand opens a file in an editor: a program, or one with arguments behind spaces.
func editorCommand(editor, file string) *exec.Cmd {
	if _, err := exec.LookPath(editor); err == nil { // there are spaces in "Program Files"
		return exec.Command(editor, file)
	}
	words := strings.Fields(strings.ReplaceAll(editor, `"`, " "))
	if begin, rest, ok := strings.Cut(strings.TrimPrefix(editor, `"`), `"`); ok && strings.HasPrefix(editor, `"`) {
		words = append([]string{begin}, strings.Fields(rest)...)
	}
	return exec.Command(words[0], append(words[1:], file)...)
}
