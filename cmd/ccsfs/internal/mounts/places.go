package mounts

import (
	"os"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
)

// PlaceVariable has tests meet in a directory of their own: root's sockets
// lie in one place for the whole machine.
const PlaceVariable = "CCSFS_INTERNAL_CONTROL_DIR"

// Places are where the sockets of this user lie.
func Places(env cmdutil.Environment) control.Places {
	if dir := env.Vars[PlaceVariable]; dir != "" {
		return control.Places{dir}
	}
	return control.NewPlaces(env.Vars["XDG_RUNTIME_DIR"], env.Dirs.Cache, os.Geteuid())
}
