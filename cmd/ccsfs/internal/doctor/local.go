package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/account"
	"ccsfs/internal/osfile"
)

func (d *doctor) checkCache(context.Context) (string, error) {
	dir := d.settings.Cache.Dir
	info, err := os.Lstat(dir)
	used := int64(0)
	switch {
	case err == nil:
		if problem := account.NotPrivate(dir, info); problem != "" {
			return "", exitcode.Errorf(exitcode.Settings, "the cache directory %s", problem)
		}
		if err := durable.Try(dir); err != nil {
			return "", exitcode.Errorf(exitcode.Settings, "%s cannot be written to: %w\nChoose another with --cache-dir.", dir, err)
		}
		used = sizeOf(dir)
	case errors.Is(err, fs.ErrNotExist):
		if err := osfile.Writable(existing(dir)); err != nil {
			return "", exitcode.Errorf(exitcode.Settings, "%s cannot be made: %s: %w\nChoose another with --cache-dir.", dir, existing(dir), err)
		}
	default:
		return "", exitcode.Errorf(exitcode.Settings, "cache directory: %w\nChoose another with --cache-dir.", err)
	}
	free, err := osfile.Free(existing(dir))
	if err != nil {
		return "", exitcode.Errorf(exitcode.Settings, "cache directory: %w", err)
	}
	text := fmt.Sprintf("%s, %s used of %s, %s free on the disk", dir, humanize.IBytes(uint64(used)),
		humanize.IBytes(uint64(d.settings.Cache.Size)), humanize.IBytes(uint64(free)))
	if free < d.settings.Cache.Size-used {
		text += "\nwarning: the disk is full before the cache is; lower --cache-size"
	}
	return text, nil
}

// existing returns the nearest directory above, or dir itself, that exists.
func existing(dir string) string {
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// sizeOf adds up the files below dir. Those that vanish meanwhile do not count.
func sizeOf(dir string) int64 {
	total := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// checkMounts is the check of doctor.
func (d *doctor) checkMounts(context.Context) (string, error) {
	sick, n, err := mounts.SickMounts(d.env)
	if err != nil {
		return "", exitcode.Errorf(exitcode.Mount, "%w", err)
	}
	if len(sick) == 0 {
		return fmt.Sprintf("%s, all of them answer", term.Plural(n, "mount")), nil
	}
	return "", exitcode.Errorf(exitcode.Mount, "%s", mounts.Joined(sick))
}
