package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/observed"
)

// The format of what doctor --json prints.
const (
	reportFormat  = "ccsfs-doctor"
	reportVersion = 1
)

// report is all that doctor knows, as doctor --json tells it.
type report struct {
	Format       string           `json:"format"`
	Version      int              `json:"version"`
	Time         time.Time        `json:"time"`
	ExitStatus   int              `json:"exit_status"`
	Checks       []result         `json:"checks"`
	Calls        map[string]int64 `json:"calls"`   // sent, by kind, those tried again included
	Retries      int64            `json:"retries"` // of those
	Versions     versions         `json:"versions"`
	Settings     []setting        `json:"settings"` // empty if they cannot be loaded
	Proxy        bool             `json:"proxy"`    // one is set
	Mounts       []mountState     `json:"mounts"`
	Observations *observed.Table  `json:"observations"`
}

// versions says what runs where.
type versions struct {
	CCSFS        string `json:"ccsfs"`
	Go           string `json:"go"`
	Platform     string `json:"platform"`
	Kernel       string `json:"kernel"`
	FUSE         string `json:"fuse3"`
	Distribution string `json:"distribution"`
	Root         bool   `json:"root"`
}

// setting is one, as config show has it.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // "***" of a secret that is there
	Source string `json:"source"` // as config show has it
}

// mountState is a mount, or why it does not answer.
type mountState struct {
	Status *control.Status `json:"status,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// collect gathers what there is to tell.
func (d *doctor) collect(ctx context.Context, exit int) *report {
	r := &report{
		Format: reportFormat, Version: reportVersion, Time: d.env.Now().UTC().Truncate(time.Second), ExitStatus: exit,
		Checks: d.results, Calls: map[string]int64{}, Versions: d.versions(ctx), Settings: []setting{}, Mounts: []mountState{},
		Observations: d.observer.Table(),
	}
	if d.client != nil {
		stats := d.client.Stats()
		r.Retries = stats.Retries
		for op, results := range stats.Calls {
			for _, n := range results {
				r.Calls[op] += n
			}
		}
	}
	if d.settings != nil {
		for _, s := range d.settings.Show() {
			r.Settings = append(r.Settings, setting{s.Setting.Key(), s.Value, s.Source.String()})
		}
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		r.Proxy = r.Proxy || d.env.Vars[name] != ""
	}
	for _, m := range mounts.AskMounts(ctx, d.env) {
		state := mountState{Status: m.Status}
		if m.Err != nil {
			state.Error = m.Err.Error()
		}
		r.Mounts = append(r.Mounts, state)
	}
	return r
}

const unknown = "unknown"

func (d *doctor) versions(ctx context.Context) versions {
	v := versions{
		CCSFS: d.env.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Kernel: unknown, FUSE: "none", Distribution: distribution("/etc/os-release"), Root: os.Geteuid() == 0,
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		v.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
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

// handedOn is the report as it is handed on: without names.
func (r *report) handedOn(c *scrubber) (map[string]any, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	table := all["observations"]
	delete(all, "observations") // it has a file of its own, and no names
	delete(all, "versions")     // nor have these
	settings := all["settings"] // their values are of many kinds
	delete(all, "settings")     //
	c.value("", all)
	all["settings"] = c.settings(settings)
	all["versions"], all["observations"] = r.Versions, table
	return all, nil
}

// settings are those without what they name: paths, contracts.
func (c *scrubber) settings(list any) any {
	all, _ := list.([]any)
	for _, one := range all {
		s, _ := one.(map[string]any)
		value, _ := s["value"].(string)
		source, _ := s["source"].(string)
		if key := s["key"]; (key == "contract" || key == "account" || key == "default_account") && value != "" && c.data != nil {
			value = gone
		} else if strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://") {
			value = c.secretless(value) // the path says which API it is
		} else {
			value = c.text(value)
		}
		s["value"], s["source"] = value, c.text(source)
	}
	return all
}
