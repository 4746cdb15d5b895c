//go:build unix

package config

import "os/exec"

const usualEditor = "vi"

// editorCommand opens a file in an editor, which is words for a shell.
func editorCommand(editor, file string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", editor+` "$1"`, "sh", file)
}
