//go:build !windows

package fs

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"pgregory.net/rapid"
)

func TestInodeNumbersStay(t *testing.T) {
	// Written down, since backup tools know files by them: a change of the
	// hash would make every file a new one.
	for _, c := range []struct {
		kind  nodeKind
		parts []string
		want  uint64
	}{
		{kindContract, []string{"OCB0001234"}, 0xc5e4ce6bf3053adf},
		{kindDocument, []string{"OCB0001234", "d1"}, 0x7c72dd33a946169c},
	} {
		if got := inodeNumber(c.kind, c.parts...); got != c.want {
			t.Errorf("%s %q: %#x, want %#x", c.kind, c.parts, got, c.want)
		}
	}
}

func TestInodeNumbersDiffer(t *testing.T) {
	id := rapid.StringN(0, 8, -1)
	type identity struct {
		kind nodeKind
		a, b string
	}
	kinds := rapid.SampledFrom([]nodeKind{kindContract, kindLayoutDir, kindDocument, kindGenerated})
	rapid.Check(t, func(t *rapid.T) {
		x := identity{kinds.Draw(t, "kind"), id.Draw(t, "a"), id.Draw(t, "b")}
		y := identity{kinds.Draw(t, "kind"), id.Draw(t, "a"), id.Draw(t, "b")}
		n, m := inodeNumber(x.kind, x.a, x.b), inodeNumber(y.kind, y.a, y.b)
		if (x == y) != (n == m) {
			t.Fatalf("%q has %d, %q has %d", x, n, y, m)
		}
		if n <= fuse.FUSE_ROOT_ID || n == ^uint64(0) {
			t.Fatalf("%q has the reserved number %d", x, n)
		}
		if x.a+x.b != "" && inodeNumber(x.kind, x.a+x.b) == n {
			t.Fatalf("%q is taken for %q", x, x.a+x.b)
		}
	})
}
