package doctor

import (
	"errors"
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/pool"
	"ccsfs/internal/pool/redis"
)

func TestCoordinatorText(t *testing.T) {
	good := redis.Report{Server: "redis", Version: "7.0.15", Role: "master", Policy: "noeviction", Persistence: "none"}
	with := func(change func(*redis.Report)) redis.Report {
		r := good
		change(&r)
		return r
	}
	for about, c := range map[string]struct {
		r      redis.Report
		remote bool
		want   string // in the text, or in the error where code is set
		code   int
	}{
		"good":       {good, false, "redis 7.0.15 answers", exitcode.Done},
		"without":    {good, true, "without TLS", exitcode.Done},
		"no policy":  {with(func(r *redis.Report) { r.Policy = "" }), false, "does not tell", exitcode.Done},
		"evicts":     {with(func(r *redis.Report) { r.Policy, r.MaxMemory = "allkeys-lru", 1 }), false, "noeviction", exitcode.Settings},
		"replica":    {with(func(r *redis.Report) { r.Role = "slave" }), false, "replica", exitcode.Settings},
		"cluster":    {with(func(r *redis.Report) { r.Cluster = true }), false, "cluster", exitcode.Settings},
		"sentinel":   {with(func(r *redis.Report) { r.Role, r.Sentinel = "sentinel", true }), false, "sentinel", exitcode.Settings},
		"not let to": {with(func(r *redis.Report) { r.Denied = []string{"eval", "keys"} }), false, "eval, keys", exitcode.Settings},
	} {
		text, err := coordinatorText(c.r, c.remote)
		if err != nil {
			text = err.Error()
		}
		if exitcode.Of(err) != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit code %d: %s", about, exitcode.Of(err), text)
		}
	}
}

func TestStoreText(t *testing.T) {
	yes := pool.Finding{About: "write", Says: "yes"}
	none := pool.Finding{About: "encryption at rest", Says: "none set"}
	for about, c := range map[string]struct {
		findings  []pool.Finding
		encrypted bool
		want      string
		code      int
	}{
		"plain":     {[]pool.Finding{yes, none}, false, "warning: encryption at rest", exitcode.Done},
		"encrypted": {[]pool.Finding{yes, none}, true, "shared-encrypt", exitcode.Done},
		"doubt":     {[]pool.Finding{yes, {About: "clock", Says: "differs", Doubt: true}}, true, "warning: clock: differs", exitcode.Done},
		"read-only": {[]pool.Finding{{About: "write", Err: pool.ErrRefused}}, false, "write: ", exitcode.Settings},
		"away":      {[]pool.Finding{{About: "write", Err: errors.Join(pool.ErrAway)}}, false, "write: ", exitcode.Unreachable},
	} {
		text, err := storeText(c.findings, c.encrypted)
		if err != nil {
			text = err.Error()
		}
		if exitcode.Of(err) != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit code %d: %s", about, exitcode.Of(err), text)
		}
	}
}
