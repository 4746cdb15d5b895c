package fresh

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Many values of one source.

// Map holds a value of a source for each key. Of those that were used most recently it has
// in memory what was fetched; of the others it keeps what is small, and must not be
// forgotten, such as a refusal.
type Map[T any] struct {
	source *Source[T]
	scope  *Scope

	mu     sync.Mutex
	values map[string]*Value[T]
	lru    *lru.Cache[string, *Value[T]]

	weightMu sync.Mutex // held for no longer than a sum
	weights  map[string]int
	weight   int // the sum
}

// dropsAtOnce is how many values are looked at, whether to drop them, for one that is used.
const dropsAtOnce = 8

// NewMap returns the values of a source, of which it keeps so many in memory, and of those
// that are saved no more than weigh Source.Most together. It asks nothing yet. It fails for
// a size that is not positive.
func NewMap[T any](s *Scope, from *Source[T], size int) (*Map[T], error) {
	m := &Map[T]{source: from, scope: s, values: make(map[string]*Value[T]), weights: make(map[string]int)}
	var err error
	m.lru, err = lru.NewWithEvict(size, func(key string, c *Value[T]) {
		m.weigh(key, 0)
		c.drop()
	})
	from.touched = m.touch
	return m, err
}

// touch makes a value the one that was used last, and drops others where all of them weigh
// too much: only such as are saved, for of any other the API would be asked again.
func (m *Map[T]) touch(c *Value[T]) {
	m.lru.Add(c.key, c)
	v := c.Peek()
	if m.source.Weight == nil || v == nil {
		return
	}
	over := m.weigh(c.key, m.source.Weight(v))
	if !m.lru.Contains(c.key) { // dropped meanwhile, before it was weighed
		over = m.weigh(c.key, 0)
	}
	if !over {
		return
	}
	oldest := m.lru.Keys()
	for _, key := range oldest[:min(len(oldest), dropsAtOnce)] {
		if key != c.key && m.scope.Store.exists(m.source.File(key)) {
			m.lru.Remove(key)
			if !m.weigh("", 0) {
				return
			}
		}
	}
}

// weigh sets the weight of a key, and tells whether all of them are too much.
func (m *Map[T]) weigh(key string, weight int) (over bool) {
	m.weightMu.Lock()
	defer m.weightMu.Unlock()
	m.weight += weight - m.weights[key]
	if m.weights[key] = weight; weight == 0 {
		delete(m.weights, key)
	}
	return m.weight > m.source.Most
}

func (m *Map[T]) at(key string) *Value[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.values[key]
	if c == nil {
		c = NewValue(m.scope, m.source, key)
		m.values[key] = c
	}
	return c
}

// Get, Known, Peek, Denied and Refresh are those of the value of a key.
func (m *Map[T]) Get(ctx context.Context, key string) (*T, error) { return m.at(key).Get(ctx) }
func (m *Map[T]) Known(key string) (*T, error)                    { return m.at(key).Known() }
func (m *Map[T]) Peek(key string) *T                              { return m.at(key).Peek() }
func (m *Map[T]) Denied(key string) error                         { return m.at(key).Denied() }
func (m *Map[T]) Refresh(ctx context.Context, key string) error   { return m.at(key).Refresh(ctx) }

// Has reports whether anything was ever learnt of key: in this process, or
// before and saved.
func (m *Map[T]) Has(key string) bool {
	c := m.at(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value != nil || c.evicted || c.fail.Err != nil || (!c.file.loaded && c.scope.Store.exists(m.source.File(key)))
}

// All returns the values there are.
func (m *Map[T]) All() []*Value[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	cells := make([]*Value[T], 0, len(m.values))
	for _, c := range m.values {
		cells = append(cells, c)
	}
	return cells
}
