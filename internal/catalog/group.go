package catalog

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// group holds a cell for each contract, and the values of the most recently
// used of them in memory. Cells stay: they are small, and know what must not
// be forgotten, such as a refusal.
type group[T any] struct {
	kind *kind[T]
	env  *env

	mu    sync.Mutex
	cells map[string]*cell[T]
	lru   *lru.Cache[string, *cell[T]]
}

func newGroup[T any](e *env, k *kind[T], size int) (*group[T], error) {
	g := &group[T]{kind: k, env: e, cells: make(map[string]*cell[T])}
	var err error
	g.lru, err = lru.NewWithEvict(size, func(_ string, c *cell[T]) { c.drop() })
	k.touched = func(c *cell[T]) { g.lru.Add(c.key, c) }
	return g, err
}

func (g *group[T]) cell(key string) *cell[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.cells[key]
	if c == nil {
		c = &cell[T]{key: key, kind: g.kind, env: g.env}
		g.cells[key] = c
	}
	return c
}

func (g *group[T]) get(ctx context.Context, key string) (*T, error) { return g.cell(key).get(ctx) }
func (g *group[T]) known(key string) (*T, error)                    { return g.cell(key).known() }
func (g *group[T]) refresh(ctx context.Context, key string) error   { return g.cell(key).refresh(ctx) }

// has reports whether anything was ever learnt of key: in this process, or
// before and saved.
func (g *group[T]) has(key string) bool {
	c := g.cell(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value != nil || c.left || c.fail.err != nil || (!c.disk.loaded && c.env.saved.exists(g.kind.file(key)))
}

// all returns the cells there are.
func (g *group[T]) all() []*cell[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	cells := make([]*cell[T], 0, len(g.cells))
	for _, c := range g.cells {
		cells = append(cells, c)
	}
	return cells
}
