package catalog

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the program of the processes that tests start.
func TestMain(m *testing.M) {
	if os.Getenv(processVariable) != "" {
		os.Exit(process())
	}
	goleak.VerifyTestMain(m)
}
