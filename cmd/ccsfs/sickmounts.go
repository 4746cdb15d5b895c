package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"ccsfs/fs"
)

// sickMount is a mount of ccsfs that hangs or fails whoever comes near it.
type sickMount struct {
	point string
	err   error // Is fs.ErrDead or fs.ErrSilent
}

// String says what it is and how to get rid of it.
func (m sickMount) String() string {
	if errors.Is(m.err, fs.ErrDead) {
		return fmt.Sprintf("%s is %s; to clear it: ccsfs unmount %s", m.point, m.err, quote(m.point))
	}
	return fmt.Sprintf("%s: %s; to take it away: ccsfs unmount --lazy %s", m.point, m.err, quote(m.point))
}

// mountsInSight are the mounts of ccsfs in the table; where tests meet in a directory
// of their own, those below it.
func mountsInSight(env environment) []mountEntry {
	table, err := mountTable()
	if err != nil {
		return nil
	}
	only := "/"
	if dir := env.vars[placeVariable]; dir != "" {
		only = filepath.Dir(filepath.Dir(dir))
	}
	var all []mountEntry
	for _, m := range table {
		if m.ours() && within(m.point, only) {
			all = append(all, m)
		}
	}
	return all
}

// sickMounts asks all mounts of ccsfs at once whether they are served.
func sickMounts(env environment) []sickMount {
	all := mountsInSight(env)
	errs := make([]error, len(all))
	var asked sync.WaitGroup
	for i, m := range all {
		asked.Go(func() { errs[i] = fs.CheckMount(m.point) })
	}
	asked.Wait()
	var sick []sickMount
	for i, err := range errs {
		if err != nil {
			sick = append(sick, sickMount{all[i].point, err})
		}
	}
	return sick
}

// checkMounts is the check of doctor.
func (d *doctor) checkMounts(context.Context) (string, error) {
	sick := sickMounts(d.env)
	if n := len(mountsInSight(d.env)); len(sick) == 0 {
		return fmt.Sprintf("%s, all of them answer", plural(n, "mount")), nil
	}
	return "", fail(exitMount, "%s", joined(sick))
}

// joined is a line for each.
func joined(sick []sickMount) string {
	lines := make([]string, 0, len(sick))
	for _, m := range sick {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}
