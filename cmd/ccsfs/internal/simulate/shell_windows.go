package simulate

// How PowerShell is told of a setting, and what is tried then.
const (
	exported = "$env:%s = '%s'\n"
	then     = "ccsfs ls"
)
