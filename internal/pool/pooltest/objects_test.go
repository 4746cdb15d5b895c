package pooltest_test

import (
	"testing"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/pooltest"
)

func TestObjectsInMemory(t *testing.T) {
	o := memory.NewObjects()
	pooltest.RunObjects(t, func(*testing.T) pool.Objects { return o })
	if n := o.Opened(); n > 0 {
		t.Errorf("%d bodies are still open", n)
	}
}
