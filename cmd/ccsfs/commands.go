package main

import "github.com/spf13/cobra"

// withoutMount are the commands that need no mount.
func withoutMount(env environment) []*cobra.Command {
	return []*cobra.Command{lsCommand(env), catCommand(env), pullCommand(env), verifyCommand(env), reportCommand(env), configCommand(env), doctorCommand(env)}
}
