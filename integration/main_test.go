//go:build linux

package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// helperVariable makes the test binary be one of the programs of
	// helpers_test.go.
	helperVariable = "CCSFS_INTEGRATION_HELPER"
	// binaryVariable is the path of ccsfs as users run it, without -race.
	binaryVariable = "CCSFS_INTEGRATION_BINARY"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		os.Exit(runHelper(name, os.Args[1:]))
	}
	flag.Parse()
	if signal.Ignored(unix.SIGINT) { // as in the background of a script, and programs would inherit that
		signal.Notify(make(chan os.Signal, 1), unix.SIGINT)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	// Everything lies below one directory, so that what is left of it at the
	// end, mounts included, can be told from what other processes do.
	dir, err := os.MkdirTemp("", "ccsfs-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "ccsfs")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "ccsfs/cmd/ccsfs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building ccsfs: %v\n%s", err, out)
		return 1
	}
	for name, value := range map[string]string{
		binaryVariable: binary,
		"TMPDIR":       dir,
		"LC_ALL":       "C.UTF-8",
		"TZ":           "UTC",
		"GORACE":       os.Getenv("GORACE") + " atexit_sleep_ms=0", // else each helper takes a second to end
	} {
		os.Setenv(name, value)
	}
	ledger := filepath.Join(dir, "faults")
	os.Setenv(ledgerVariable, ledger)
	defer reportFaults(ledger) // last of all
	// Tests wait for other programs more than they compute.
	setUnlessGiven("test.parallel", "8")
	setUnlessGiven("rapid.checks", "12")
	setUnlessGiven("rapid.steps", "25")
	return m.Run()
}

// setUnlessGiven sets a flag that the command line does not.
func setUnlessGiven(name, value string) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if !given {
		flag.Set(name, value)
	}
}
