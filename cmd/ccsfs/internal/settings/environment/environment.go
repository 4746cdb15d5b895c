// Package environment has the names that ccsfs goes by in the environment: those of
// settings, and those by which a hook is told of a document. What they mean is none of its
// business.
package environment

import "strings"

// Prefix begins all names of ours.
const Prefix = "CCSFS_"

// Config names the settings file.
const Config = Prefix + "CONFIG"

// HookEvent is the name, without the prefix, that every hook gets, and nobody else has.
const HookEvent = "EVENT"

// HookNames are the names by which a hook is told of a document, without the prefix: a
// ccsfs that a hook runs finds them in its environment, and takes none for a slip.
func HookNames() []string {
	return []string{HookEvent, "SEEN", "CHANGE", "PATH", "NAME", "CONTRACT", "TYPE", "ID", "PERIOD",
		"AMOUNT", "CURRENCY", "CREATED", "UPDATED", "MODIFIED", "FILE"}
}

// Variable is the name in the environment of the setting with a name as in a flag.
func Variable(name string) string { return Prefix + strings.ToUpper(Key(name)) }

// Key is the name in config.toml of the setting with a name as in a flag.
func Key(name string) string { return strings.ReplaceAll(name, "-", "_") }
