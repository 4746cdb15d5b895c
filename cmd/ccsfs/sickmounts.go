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
func mountsInSight(env environment) ([]mountEntry, error) {
	table, err := mountTable()
	if err != nil {
		return nil, fmt.Errorf("the table of mounts cannot be read: %w", err)
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
	return all, nil
}

// sickMounts asks all mounts of ccsfs at once whether they are served, and tells how
// many there are.
func sickMounts(env environment) (sick []sickMount, n int, err error) {
	all, err := mountsInSight(env)
	errs := make([]error, len(all))
	var asked sync.WaitGroup
	for i, m := range all {
		asked.Go(func() { errs[i] = fs.CheckMount(m.point) })
	}
	asked.Wait()
	for i, err := range errs {
		if err != nil {
			sick = append(sick, sickMount{all[i].point, err})
		}
	}
	return sick, len(all), err
}

// checkMounts is the check of doctor.
func (d *doctor) checkMounts(context.Context) (string, error) {
	sick, n, err := sickMounts(d.env)
	if err != nil {
		return "", fail(exitMount, "%w", err)
	}
	if len(sick) == 0 {
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
