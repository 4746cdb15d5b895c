package memory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/internal/pool"
)

// Objects is a [pool.Objects] in memory. Members share one, and each may close it.
type Objects struct {
	mu   sync.Mutex
	all  map[string]object
	open atomic.Int64
}

var _ pool.Objects = (*Objects)(nil)

type object struct {
	data     []byte // never changed
	modified time.Time
}

// NewObjects makes an empty bucket.
func NewObjects() *Objects { return &Objects{all: make(map[string]object)} }

// Opened tells how many bodies are open now: who has done its work leaves none.
func (o *Objects) Opened() int { return int(o.open.Load()) }

// Close does nothing: others have the bucket, too.
func (o *Objects) Close() error { return nil }

// Get implements [pool.Objects].
func (o *Objects) Get(ctx context.Context, name string) (pool.Object, error) {
	if err := admit(ctx, "get", name); err != nil {
		return pool.Object{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	there, ok := o.all[name]
	if !ok {
		return pool.Object{}, &fs.PathError{Op: "get", Path: name, Err: fs.ErrNotExist}
	}
	o.open.Add(1)
	return pool.Object{Body: &body{reader: bytes.NewReader(there.data), open: &o.open}, Size: int64(len(there.data))}, nil
}

// Put implements [pool.Objects].
func (o *Objects) Put(ctx context.Context, name string, from io.ReaderAt, size int64) error {
	if err := admit(ctx, "put", name); err != nil {
		return err
	}
	data, err := io.ReadAll(io.NewSectionReader(from, 0, size))
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[name] = object{data, time.Now()}
	return nil
}

// Remove implements [pool.Objects].
func (o *Objects) Remove(ctx context.Context, name string) error {
	if err := admit(ctx, "remove", name); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, name)
	return nil
}

// List implements [pool.Objects]. It tells what is there when it begins.
func (o *Objects) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return func(yield func(pool.ObjectInfo, error) bool) {
		for _, info := range o.infos(prefix) {
			if err := ctx.Err(); err != nil {
				yield(pool.ObjectInfo{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(pool.ObjectInfo{}, err)
		}
	}
}

func (o *Objects) infos(prefix string) []pool.ObjectInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	var infos []pool.ObjectInfo
	for name, there := range o.all {
		if strings.HasPrefix(name, prefix) {
			infos = append(infos, pool.ObjectInfo{Name: name, Size: int64(len(there.data)), Modified: there.modified})
		}
	}
	slices.SortFunc(infos, func(a, b pool.ObjectInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// nameMost is the longest name of an object, in bytes.
const nameMost = 200

// admit returns the error of a context that has ended, or of a name that no bucket need take.
func admit(ctx context.Context, op, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/-_.", r))
	}
	if name == "" || len(name) > nameMost || strings.ContainsFunc(name, odd) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}

// body is an object that is open.
type body struct {
	reader *bytes.Reader
	open   *atomic.Int64
	closed atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, fs.ErrClosed
	}
	return b.reader.Read(p)
}

func (b *body) Close() error {
	if b.closed.Swap(true) {
		return fs.ErrClosed
	}
	b.open.Add(-1)
	return nil
}
