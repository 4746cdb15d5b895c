//go:build !windows

package mounts

import (
	"errors"

	"ccsfs/fs"
)

// howToStart is what starts what a command needs.
const howToStart = "`ccsfs mount DIRECTORY` starts one"

func checkMount(point string) error { return fs.CheckMount(point) }

func isDead(err error) bool { return errors.Is(err, fs.ErrDead) }
