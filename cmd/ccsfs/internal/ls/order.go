package ls

import (
	"cmp"
	"slices"
)

// order is how the entries of a directory are sorted, as ls(1) does: by name, or the
// latest first, or the largest; what is not known comes last, names decide the rest.
type order struct{ byTime, bySize, reverse bool }

func (o order) sort(nodes []listed) {
	if o.byTime || o.bySize {
		slices.SortStableFunc(nodes, o.compare) // they come in the order of their names
	}
	if o.reverse {
		slices.Reverse(nodes)
	}
}

func (o order) compare(a, b listed) int {
	if o.bySize {
		return cmp.Compare(b.size, a.size)
	}
	return b.modified.Compare(a.modified)
}
