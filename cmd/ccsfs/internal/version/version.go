// Package version is `ccsfs version`, and tells which version this build is.
package version

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
)

// Of is the version of this build: what the linker was told, or the module's,
// or "devel" if nothing tells it.
func Of(linked string) string {
	if linked != "" {
		return linked
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// versionReport is what `ccsfs version --json` prints.
type versionReport struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	GoFUSE   string `json:"go_fuse"`
}

func newVersionReport(env cmdutil.Environment) versionReport {
	r := versionReport{Version: env.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, GoFUSE: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	r.GoFUSE = "none" // as on Windows
	for _, d := range info.Deps {
		if d.Path == "github.com/hanwen/go-fuse/v2" {
			r.GoFUSE = d.Version
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			r.Revision = s.Value
		}
	}
	return r
}

// Line is what is printed of the version.
func Line(env cmdutil.Environment) string {
	r := newVersionReport(env)
	return fmt.Sprintf("ccsfs %s (%s, %s, go-fuse %s)", r.Version, r.Go, r.Platform, r.GoFUSE)
}

// Command is `ccsfs version`.
func Command(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  ccsfs version --json",
		Args:    cmdutil.Takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			r := newVersionReport(env)
			if asJSON {
				return json.NewEncoder(env.Stdout).Encode(r)
			}
			_, err := fmt.Fprintln(env.Stdout, Line(env))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
