// Package diagnosis is what `ccsfs doctor` has found, as --json prints it and as a bundle hands
// it on: the outcomes of the checks, the calls that they took, versions, settings, mounts, and
// what the API was seen to do.
//
// How a check is made belongs to package doctor, what is taken out before it is handed on to
// package scrub.
package diagnosis

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/observed"
)

// The format of what doctor --json prints.
const (
	Format  = "ccsfs-doctor"
	Version = 1
)

// Report is all that doctor knows, as doctor --json tells it.
type Report struct {
	Format       string           `json:"format"`
	Version      int              `json:"version"`
	Time         time.Time        `json:"time"`
	ExitStatus   int              `json:"exit_status"`
	Checks       []Result         `json:"checks"`
	Calls        map[string]int64 `json:"calls"`   // sent, by kind, those tried again included
	Retries      int64            `json:"retries"` // of those
	Versions     Versions         `json:"versions"`
	Settings     []Setting        `json:"settings"` // empty if they cannot be loaded
	Proxy        bool             `json:"proxy"`    // one is set
	Mounts       []Mount          `json:"mounts"`
	Observations *observed.Table  `json:"observations"`
}

// The outcomes of a check.
const (
	OK      = "ok"
	Failed  = "failed"
	Skipped = "skipped"
)

// Result is the outcome of a check, as doctor --json tells it.
type Result struct {
	Name    string  `json:"name"`
	State   string  `json:"state"`
	Text    string  `json:"text"` // lines
	Seconds float64 `json:"seconds"`
}

// Versions says what runs where.
type Versions struct {
	CCSFS        string `json:"ccsfs"`
	Go           string `json:"go"`
	Platform     string `json:"platform"`
	Kernel       string `json:"kernel"`
	FUSE         string `json:"fuse3"`
	Distribution string `json:"distribution"`
	Root         bool   `json:"root"`
}

// Setting is one, as config show has it.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // "***" of a secret that is there
	Source string `json:"source"` // as config show has it
}

// Mount is a mount, or why it does not answer.
type Mount struct {
	Status *control.Status `json:"status,omitempty"`
	Error  string          `json:"error,omitempty"`
}

const unknown = "unknown"

// VersionsHere are those of this machine, with a ccsfs of the version that is given. What
// cannot be found out is "unknown". It waits two seconds at most, for fusermount3.
func VersionsHere(ctx context.Context, ccsfs string) Versions {
	v := Versions{
		CCSFS: ccsfs, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Kernel: kernel(), FUSE: "none", Distribution: distribution("/etc/os-release"), Root: os.Geteuid() == 0,
	}
	if helper, err := exec.LookPath("fusermount3"); err == nil {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, helper, "--version").Output()
		if v.FUSE = unknown; err == nil {
			line, _, _ := strings.Cut(string(bytes.TrimSpace(out)), "\n")
			v.FUSE = line
		}
	}
	return v
}

// distribution is what os-release calls this system.
func distribution(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return unknown
}
