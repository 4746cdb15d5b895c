package folder

import (
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// directoriesRead is how many directories may be read at once without forgetting where
// each reader was. All documents of a directory are remembered.
const directoriesRead = 64

// Ahead is told which documents of a directory are asked for, so that it can fetch the
// next ones ahead; *content.AccessPattern is one.
type Ahead interface {
	// Touch says that the size of document i was asked for, or that it was opened.
	Touch(i int, opened bool)
}

// ReadAhead follows how the documents of directories are asked for, of those directories
// that were last read from one end to the other. Its methods may be called concurrently.
type ReadAhead struct {
	follow    func(n int, ref func(int) content.Ref, order []uint64) Ahead
	order     func(*billing.Document) uint64
	directory *lru.Cache[uint64, *reading]
}

// reading is a directory, as it was at one time, that somebody reads. It may be of half a
// million documents: there is a number or two for each.
type reading struct {
	Ahead
	dir  *layout.Dir
	docs []uint32 // those entries of dir that are documents
	byID []uint32 // places in docs, in the order of the documents' ids
}

func (r *reading) doc(i int) *billing.Document { return r.dir.Entries[r.docs[i]].Doc }

// place is that of a document among the directory's documents.
func (r *reading) place(id string) (int, bool) {
	at, ok := slices.BinarySearchFunc(r.byID, id, func(i uint32, id string) int { return strings.Compare(r.doc(int(i)).ID, id) })
	if !ok {
		return 0, false
	}
	return int(r.byID[at]), true
}

// NewReadAhead makes a ReadAhead. follow is content.Store.NewAccessPattern; order gives the other
// order in which tools go through a directory, beside that of names: by inode number.
func NewReadAhead(follow func(n int, ref func(int) content.Ref, order []uint64) Ahead, order func(*billing.Document) uint64) *ReadAhead {
	c, err := lru.New[uint64, *reading](directoriesRead)
	if err != nil {
		panic(err) // the size is a constant above 0
	}
	return &ReadAhead{follow: follow, order: order, directory: c}
}

// Touch says that a document of a directory, which is known by a number of the caller's,
// was asked for. It never waits. Where nobody reads the directory yet, only something that
// is not known begins that: what is known already needs nothing ahead. But who follows
// must hear of every step, also of those over documents that were fetched ahead.
// Of two that come first at the same time one is kept.
func (a *ReadAhead) Touch(number uint64, dir *layout.Dir, listed time.Time, id string, opened, known bool) {
	r, ok := a.directory.Get(number)
	if known && !opened && !ok {
		return
	}
	if !ok || r.dir != dir {
		r = a.reading(dir, listed)
		a.directory.Add(number, r)
	}
	if i, ok := r.place(id); ok {
		r.Touch(i, opened)
	}
}

func (a *ReadAhead) reading(dir *layout.Dir, listed time.Time) *reading {
	n := len(dir.Entries)
	order := make([]uint64, 0, n)
	r := &reading{dir: dir, docs: make([]uint32, 0, n), byID: make([]uint32, 0, n)}
	for i, e := range dir.Entries {
		if e.Doc == nil {
			continue
		}
		r.byID = append(r.byID, uint32(len(r.docs)))
		r.docs = append(r.docs, uint32(i))
		order = append(order, a.order(e.Doc))
	}
	slices.SortFunc(r.byID, func(a, b uint32) int { return strings.Compare(r.doc(int(a)).ID, r.doc(int(b)).ID) })
	r.Ahead = a.follow(len(r.docs), func(i int) content.Ref { return Ref(r.doc(i), listed) }, order)
	return r
}
