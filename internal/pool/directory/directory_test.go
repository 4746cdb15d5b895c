package directory_test

import (
	"testing"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/directory"
	"ccsfs/internal/pool/pooltest"
)

func open(t *testing.T, path string) *directory.Store {
	t.Helper()
	s := directory.Open(path)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestObjects(t *testing.T) {
	path := t.TempDir()
	pooltest.RunObjects(t, func(t *testing.T) pool.Objects { return open(t, path) })
}
