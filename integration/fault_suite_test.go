//go:build linux

package integration

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	// ledgerVariable is the file in which each fault is written down.
	ledgerVariable = "CCSFS_INTEGRATION_FAULTS"
	// reportVariable is a file for the last line, which go test only shows of
	// packages that fail or are asked for alone.
	reportVariable = "CCSFS_FAULTS_REPORT"
)

// survive runs a test of something that goes wrong, beside others, and counts
// it: tried when it begins, survived when it has passed.
func survive(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		counted(t)
		test(t)
	})
}

// counted counts the running test as a fault.
func counted(t *testing.T) {
	t.Helper()
	enter(t, "tried")
	t.Cleanup(func() {
		switch {
		case t.Skipped():
			enter(t, "skipped")
		case !t.Failed():
			enter(t, "survived")
		}
	})
}

func enter(t *testing.T, result string) {
	f, err := os.OpenFile(os.Getenv(ledgerVariable), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\t%s\n", result, t.Name()); err != nil {
		t.Error(err)
	}
}

// reportFaults ends the output of the package with what became of the faults.
func reportFaults(ledger string) {
	f, err := os.Open(ledger)
	if err != nil {
		return // none was tried
	}
	defer f.Close()
	results := make(map[string]string) // the last one of each counts
	for lines := bufio.NewScanner(f); lines.Scan(); {
		result, name, _ := strings.Cut(lines.Text(), "\t")
		results[name] = result
	}
	survived, tried := 0, 0
	for _, name := range slices.Sorted(maps.Keys(results)) {
		switch results[name] {
		case "skipped":
			fmt.Println("fault not tried here:", name)
			continue
		case "survived":
			survived++
		default:
			fmt.Println("fault not survived:", name)
		}
		tried++
	}
	line := fmt.Sprintf("faults survived: %d / %d\n", survived, tried)
	fmt.Print(line)
	if path := os.Getenv(reportVariable); path != "" {
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
