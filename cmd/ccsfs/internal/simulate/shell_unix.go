//go:build unix

package simulate

// How a shell is told of a setting, and what is tried then.
const (
	exported = "export %s='%s'\n"
	then     = "ccsfs mount DIRECTORY"
)
