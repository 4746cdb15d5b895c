package root

import (
	"testing"

	"go.uber.org/goleak"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
)

func TestMain(m *testing.M) {
	cmdtest.AtOnce(6)
	goleak.VerifyTestMain(m)
}
