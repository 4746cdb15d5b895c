package pull

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/folder"
)

// checkDestination makes of what was typed a directory, and refuses places where
// documents come from. A mount is told by the table of mounts, since the server of it
// may be dead or stand still.
func (p puller) checkDestination(typed string) (dir string, err error) {
	if point, _, ok := mounts.InsideMount(p.Env, typed); ok {
		return "", inMount(typed, point)
	}
	dir = resolveNew(typed, p.Env.Dirs.Work)
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "", exitcode.Errorf(exitcode.Usage, "%s is not a directory", typed)
	}
	return dir, p.checkPlace(dir, typed)
}

func inMount(typed, point string) error {
	return exitcode.Errorf(exitcode.Usage, "%s lies in a mount of ccsfs (%s), which is read-only; choose another directory", typed, point)
}

func (p puller) checkPlace(dir, typed string) error {
	if mountinfo.Within(dir, resolveNew(p.Settings.Cache.Dir, "/")) {
		return exitcode.Errorf(exitcode.Usage, "%s lies in the cache of ccsfs itself; choose another directory", typed)
	}
	table, err := mountinfo.Table()
	if err != nil {
		return nil // no table: writing will tell
	}
	for _, m := range table {
		if m.Ours() && mountinfo.Within(dir, m.Point) {
			return inMount(typed, m.Point)
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
	contracts, err := p.Catalog.Contracts(ctx)
	if err != nil {
		return session.ExplainAPI(p.Settings, err)
	}
	first, _, _ := strings.Cut(filepath.Clean(typed), "/")
	_, err = folder.Contract(contracts, first)
	if err != nil && looksLikeContract(first) && !errors.Is(err, folder.ErrHidden) {
		return exitcode.Errorf(exitcode.Usage, "%s looks like a contract, which the account does not have; if a directory is meant: ccsfs pull … ./%[1]s", first)
	}
	if err == nil || errors.Is(err, folder.ErrHidden) {
		all := make([]string, 0, len(paths)+1)
		for _, at := range append(paths, typed) {
			all = append(all, term.Quote(at))
		}
		return exitcode.Errorf(exitcode.Usage, "DEST is missing: %s is a contract; to copy into this directory: ccsfs pull %s .", first, strings.Join(all, " "))
	}
	return nil
}

// looksLikeContract tells whether a name is what ids of contracts are, as far as is known.
func looksLikeContract(name string) bool {
	digits, ok := strings.CutPrefix(strings.ToUpper(name), "OCB")
	return ok && len(digits) >= 6 && strings.Trim(digits, "0123456789") == ""
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
