package mounts

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/term"
)

// SickMount is a mount of ccsfs that hangs or fails whoever comes near it.
type SickMount struct {
	point string
	err   error // Is fs.ErrDead or fs.ErrSilent
}

// Point is where it is mounted.
func (m SickMount) Point() string { return m.point }

// Unwrap is what it is: fs.ErrDead or fs.ErrSilent.
func (m SickMount) Unwrap() error { return m.err }

// String says what it is and how to get rid of it.
func (m SickMount) String() string {
	if isDead(m.err) {
		return fmt.Sprintf("%s is %s; to clear it: ccsfs unmount %s", m.point, m.err, term.Quote(m.point))
	}
	return fmt.Sprintf("%s: %s; to take it away: ccsfs unmount --lazy %s", m.point, m.err, term.Quote(m.point))
}

// mountsInSight are the mounts of ccsfs in the table; where tests meet in a directory
// of their own, those below it.
func mountsInSight(env cmdutil.Environment) ([]mountinfo.Entry, error) {
	table, err := mountinfo.Table()
	if err != nil {
		return nil, fmt.Errorf("the table of mounts cannot be read: %w", err)
	}
	only := "/"
	if dir := env.Vars[PlaceVariable]; dir != "" {
		only = filepath.Dir(filepath.Dir(dir))
	}
	var all []mountinfo.Entry
	for _, m := range table {
		if m.Ours() && mountinfo.Within(m.Point, only) {
			all = append(all, m)
		}
	}
	return all, nil
}

// SickMounts asks all mounts of ccsfs at once whether they are served, and tells how
// many there are.
func SickMounts(env cmdutil.Environment) (sick []SickMount, n int, err error) {
	all, err := mountsInSight(env)
	errs := make([]error, len(all))
	var asked sync.WaitGroup
	for i, m := range all {
		asked.Go(func() { errs[i] = checkMount(m.Point) })
	}
	asked.Wait()
	for i, err := range errs {
		if err != nil {
			sick = append(sick, SickMount{all[i].Point, err})
		}
	}
	return sick, len(all), err
}

// Joined is a line for each.
func Joined(sick []SickMount) string {
	lines := make([]string, 0, len(sick))
	for _, m := range sick {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}
