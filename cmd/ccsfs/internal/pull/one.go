package pull

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/folder"
	"ccsfs/internal/mirror"
)

// mayBeFile tells whether DEST may be meant as the file of one document: there is a file,
// or nothing, and the name ends as that of the document does. Anything else is a
// directory: whether that is there must not change what a command means.
func (p puller) mayBeFile(paths []string, typed string) bool {
	if len(paths) != 1 || folder.IsPattern(paths[0]) || strings.HasSuffix(typed, "/") {
		return false
	}
	if info, err := os.Stat(absolute(typed, p.Env.Dirs.Work)); err == nil {
		return !info.IsDir()
	}
	ext := path.Ext(path.Clean(paths[0]))
	return ext != "" && strings.EqualFold(ext, filepath.Ext(typed))
}

// one copies the document that a path leads to into a file; done is false if it is none,
// and DEST is not there: then it is a directory.
func (p puller) one(ctx context.Context, paths []string, typed string) (done bool, err error) {
	begun := time.Now()
	if p.options.hooks.Given() {
		return true, exitcode.Errorf(exitcode.Usage, "--on-new is for directories: %s is a file, or would be one", typed)
	}
	if p.options.delete != "" {
		return true, exitcode.Errorf(exitcode.Usage, "--delete is for directories: %s is a file, or would be one", typed)
	}
	if point, _, ok := mounts.InsideMount(p.Env, typed); ok {
		return true, inMount(typed, point)
	}
	file := absolute(typed, p.Env.Dirs.Work)
	_, missing := os.Lstat(file)
	if err := p.mistaken(ctx, paths, typed, file); err != nil {
		return true, err
	}
	var failed session.Failures
	found := p.Match(ctx, paths, &failed)
	switch {
	case ctx.Err() != nil:
		return true, exitcode.Errorf(exitcode.Failed, "interrupted; nothing was copied")
	case len(failed.All) > 0:
		return true, p.Session.Ended(&failed)
	case len(found) != 1 || found[0].Doc == nil:
		if missing != nil {
			return false, nil
		}
		return true, exitcode.Errorf(exitcode.Usage, "%s is not a directory, and %s is no document", typed, paths[0])
	}
	if err := p.checkPlace(resolveNew(filepath.Dir(file), "/"), typed); err != nil {
		return true, err
	}
	failed = session.Failures{}
	items := p.choose(ctx, paths, &failed)
	if p.note != "" && !p.options.quiet {
		term.Say(p.Env.Stderr, "%s", p.note)
	}
	var result mirror.Result
	unprinted := p.printing(func(out *report) error {
		result = p.copyOne(ctx, items, file, typed, out)
		return out.end(p, result, failed.All, 0, time.Since(begun))
	})
	for _, f := range result.Failed {
		failed.Add(f.Path, f.Err)
	}
	failed.Succeeded += result.Copied + result.UpToDate + result.Unsure
	return true, p.ended(result, file, p.Printed(unprinted, &failed))
}

// copyOne copies what was chosen, which is one document or none, into a file.
func (p puller) copyOne(ctx context.Context, items []mirror.Item, file, typed string, out *report) (r mirror.Result) {
	for _, item := range items {
		console := p.meterConsole(out)
		meter := console.Start("copied", 1)
		o := mirror.Options{Force: p.options.force, Prefetch: p.Settings.Cache.PrefetchLimit}
		c, err := mirror.One(ctx, p.Content, item, file, o, p.options.dry, meter)
		meter.Done()
		meter.Close()
		switch {
		case err != nil && ctx.Err() != nil, errors.Is(err, mirror.ErrDestination):
			r.Stopped, r.Left = err, 1
		case err != nil:
			at := item.Path
			if errors.Is(err, mirror.ErrOccupied) {
				at = typed
			}
			r.Failed = append(r.Failed, mirror.Failure{Path: at, Err: err})
		case c == nil:
			r.UpToDate++
		default:
			r.Add(*c, p.Content.Has(item.Ref))
			out.copied(*c)
		}
	}
	return r
}

// absolute makes a path absolute, and leaves its links.
func absolute(typed, work string) string {
	if !filepath.IsAbs(typed) {
		typed = filepath.Join(work, typed)
	}
	return filepath.Clean(typed)
}
