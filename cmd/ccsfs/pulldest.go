package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"ccsfs/cmd/ccsfs/internal/tree"
)

// checkDestination makes of what was typed a directory, and refuses places where
// documents come from. A mount is told by the table of mounts, since the server of it
// may be dead or stand still.
func (p puller) checkDestination(typed string) (dir string, err error) {
	if point, _, ok := insideMount(p.env, typed); ok {
		return "", inMount(typed, point)
	}
	dir = resolveNew(typed, p.env.dirs.work)
	return dir, p.checkPlace(dir, typed)
}

func inMount(typed, point string) error {
	return fail(exitUsage, "%s lies in a mount of ccsfs (%s), which is read-only; choose another directory", typed, point)
}

func (p puller) checkPlace(dir, typed string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fail(exitUsage, "%s is not a directory", typed)
	}
	if within(dir, resolveNew(p.settings.Cache.Dir, "/")) {
		return fail(exitUsage, "%s lies in the cache of ccsfs itself; choose another directory", typed)
	}
	table, err := mountTable()
	if err != nil {
		return nil // no table: writing will tell
	}
	for _, m := range table {
		if m.ours() && within(dir, m.point) {
			return inMount(typed, m.point)
		}
	}
	return nil
}

// mistaken refuses a last argument that is a contract and no directory: DEST was
// forgotten. ./OCB0001234 is a directory.
func (p puller) mistaken(ctx context.Context, paths []string, typed, dir string) error {
	if _, err := os.Stat(dir); err == nil || filepath.IsAbs(typed) || strings.HasPrefix(typed, ".") {
		return nil
	}
	contracts, err := p.catalog.Contracts(ctx)
	if err != nil {
		return explainAPI(p.settings, err)
	}
	first, _, _ := strings.Cut(filepath.Clean(typed), "/")
	if _, ok := tree.Contract(contracts, first); ok {
		all := make([]string, 0, len(paths)+1)
		for _, at := range append(paths, typed) {
			all = append(all, quote(at))
		}
		return fail(exitUsage, "DEST is missing: %s is a contract; to copy into this directory: ccsfs pull %s .", first, strings.Join(all, " "))
	}
	return nil
}

// resolveNew makes a path absolute and follows its links, as far as it exists.
func resolveNew(at, work string) string {
	if !filepath.IsAbs(at) {
		at = filepath.Join(work, at)
	}
	rest := ""
	for dir := filepath.Clean(at); ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return at
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
