package memory_test

import (
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/pooltest"
)

func TestCoordinator(t *testing.T) {
	pooltest.RunCoordinator(t, pooltest.Kind{
		Open: func(*testing.T) pooltest.Engine {
			c := memory.NewCoordinator()
			return pooltest.Engine{Coordinator: c, Sleep: time.Sleep, Exact: true, Forget: c.Forget}
		},
		Within: func(t *testing.T, test func(*testing.T)) { synctest.Test(t, test) },
	})
}
