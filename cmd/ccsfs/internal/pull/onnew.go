package pull

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/mirror"
)

// onNew tells hooks of documents that come into DEST. What is to be told is on the disk
// before a document has its place: whatever happens then, it is told by this run or by the
// next.
type onNew struct {
	p     puller
	dir   string
	queue *hooks.Queue
	say   sync.Mutex
}

// tellHooks opens what waits for the hooks of DEST; nil if there are none.
func (p puller) tellHooks(dir string, all []*hooks.Hook) (*onNew, error) {
	if len(all) == 0 || p.options.dry {
		return nil, nil
	}
	queue, err := hooks.QueueFor(p.Env, dir, all)
	if err != nil {
		return nil, exitcode.With(exitcode.Failed, err)
	}
	// A run that was killed may have noted a document that has no place. Whoever copies it
	// tells of it then; that may not be this run, which may be for other documents.
	queue.Drop(func(c change.Change) bool {
		_, err := os.Lstat(c.File)
		return errors.Is(err, fs.ErrNotExist)
	})
	return &onNew{p: p, dir: dir, queue: queue}, nil
}

// placing is for mirror.Options; nil if there is nobody to tell.
func (o *onNew) placing() func(mirror.Copy) (func(bool), error) {
	if o == nil {
		return nil
	}
	return func(c mirror.Copy) (func(bool), error) {
		kind := change.New
		if c.Updated {
			kind = change.Changed
		}
		news := change.Of(kind, c.Path, c.Doc)
		news.File = filepath.Join(o.dir, filepath.FromSlash(c.Path))
		batch, err := o.queue.Stage(o.p.Env.Now(), []change.Change{news}, nil)
		if err != nil {
			return nil, err
		}
		return func(placed bool) {
			if placed {
				o.queue.Commit(batch)
			} else {
				o.queue.Discard(batch)
			}
		}, nil
	}
}

// deliver tells the hooks what waits, of this run or of one before, and reports whether
// something is left.
func (o *onNew) deliver(ctx context.Context) (short bool) {
	if o == nil {
		return false
	}
	say := func(format string, args ...any) {
		o.say.Lock()
		defer o.say.Unlock()
		term.Say(o.p.Env.Stderr, format, args...)
	}
	return hooks.Outcome(o.queue.Once(ctx, say), say)
}
