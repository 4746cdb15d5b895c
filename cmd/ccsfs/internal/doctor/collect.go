package doctor

import (
	"context"
	"time"

	"ccsfs/cmd/ccsfs/internal/doctor/diagnosis"
	"ccsfs/cmd/ccsfs/internal/mounts"
)

// collect gathers what there is to tell.
func (d *doctor) collect(ctx context.Context, exit int) *diagnosis.Report {
	r := &diagnosis.Report{
		Format: diagnosis.Format, Version: diagnosis.Version, Time: d.env.Now().UTC().Truncate(time.Second), ExitStatus: exit,
		Checks: d.results, Calls: map[string]int64{}, Versions: diagnosis.VersionsHere(ctx, d.env.Version), Settings: []diagnosis.Setting{}, Mounts: []diagnosis.Mount{},
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
			r.Settings = append(r.Settings, diagnosis.Setting{Key: s.Setting.Key(), Value: s.Value, Source: s.Source.String()})
		}
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		r.Proxy = r.Proxy || d.env.Vars[name] != ""
	}
	for _, m := range mounts.AskMounts(ctx, d.env) {
		state := diagnosis.Mount{Status: m.Status}
		if m.Err != nil {
			state.Error = m.Err.Error()
		}
		r.Mounts = append(r.Mounts, state)
	}
	return r
}
