package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases (-X main.version=1.2.3), never here.
var version string

// buildVersion is the version of this build, "devel" if nothing tells it.
func buildVersion() string {
	if version != "" {
		return version
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

func newVersionReport(env environment) versionReport {
	r := versionReport{Version: env.version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, GoFUSE: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
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

func versionCommand(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  ccsfs version --json",
		Args:    takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			r := newVersionReport(env)
			if asJSON {
				return json.NewEncoder(env.stdout).Encode(r)
			}
			_, err := fmt.Fprintf(env.stdout, "ccsfs %s (%s, %s, go-fuse %s)\n", r.Version, r.Go, r.Platform, r.GoFUSE)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
