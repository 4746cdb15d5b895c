package fs

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// walksKept is how many directories may be walked at once without forgetting
// where each walk was. A walk remembers all documents of its directory.
const walksKept = 64

// walks holds the walks of the directories that were last walked through.
type walks struct {
	byDir *lru.Cache[uint64, *dirWalk] // by inode number of the directory
}

// dirWalk is the walk of a directory as it was at one time.
type dirWalk struct {
	walk
	dir   *catalog.Dir
	index map[string]int // document id to its place among the directory's documents
}

func newWalks() *walks {
	c, err := lru.New[uint64, *dirWalk](walksKept)
	if err != nil {
		panic(err) // the size is a constant above 0
	}
	return &walks{byDir: c}
}

// touch says that a document of a directory was asked for. It never waits.
// Where nobody walks yet, only something that is not known begins a walk: what is
// known already needs nothing ahead. But a walk under way must hear of every step,
// also of those over documents that it has fetched ahead itself.
// Two that come first at the same time may each make a walk; one is kept.
func (w *walks) touch(src contentSource, ino uint64, dir *catalog.Dir, listed time.Time, id string, opened, known bool) {
	d, ok := w.byDir.Get(ino)
	if known && !opened && !ok {
		return
	}
	if !ok || d.dir != dir {
		d = newDirWalk(src, dir, listed)
		w.byDir.Add(ino, d)
	}
	if i, ok := d.index[id]; ok {
		d.Touch(i, opened)
	}
}

func newDirWalk(src contentSource, dir *catalog.Dir, listed time.Time) *dirWalk {
	n := len(dir.Entries)
	refs, inos := make([]content.Ref, 0, n), make([]uint64, 0, n)
	d := &dirWalk{dir: dir, index: make(map[string]int, n)}
	for _, e := range dir.Entries {
		if e.Doc == nil {
			continue
		}
		d.index[e.Doc.ID] = len(refs)
		refs = append(refs, refOf(e.Doc, listed))
		inos = append(inos, documentInode(e.Doc))
	}
	d.walk = src.NewWalk(refs, inos)
	return d
}
