package daemon

import (
	"strings"
	"testing"
	"time"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
)

func TestReadyToServe(t *testing.T) {
	since := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	down := control.Breaker{State: "open", Since: since, Cause: "Get https://api.example.com: SECRET"}
	forbidden := control.Problem{Op: "listing", ContractID: "OCB0001234", Denied: true, Cause: "SECRET"}
	for name, c := range map[string]struct {
		change func(*control.Status)
		want   string // begins with "!" if it is not ready
	}{
		"well":        {func(*control.Status) {}, ""},
		"offline":     {func(s *control.Status) { s.Offline = true }, "offline; what was seen before is shown"},
		"credentials": {func(s *control.Status) { s.API.Token.State = control.TokenRefused }, "!the API refuses the credentials"},
		"account": {func(s *control.Status) {
			s.Catalog.Stale = []control.Problem{{Op: "contracts", Denied: true, Since: since, Cause: "SECRET"}}
		}, "!the API refuses the account since 2026-11-23T10:00:00Z"},
		"away, something to show": {func(s *control.Status) { s.API.Breaker = down },
			"the API is out of reach since 2026-11-23T10:00:00Z; what was seen before is shown"},
		"away, nothing to show": {func(s *control.Status) { s.API.Breaker, s.Catalog.Contracts = down, 0 },
			"!the API is out of reach since 2026-11-23T10:00:00Z, and nothing that was seen before can be shown"},
		"away, all refused": {func(s *control.Status) {
			s.API.Breaker, s.Catalog.Stale = down, []control.Problem{forbidden, forbidden}
		}, "!the API is out of reach since 2026-11-23T10:00:00Z, and nothing that was seen before can be shown"},
		"one refused": {func(s *control.Status) { s.Catalog.Stale = []control.Problem{forbidden} },
			"not all is as it should be; ccsfs status tells what"},
		"the shared store is away": {func(s *control.Status) {
			s.Started, s.UptimeSeconds = since, 60
			s.Pool = &control.PoolStatus{Store: control.Engine{AwaySince: since, Cause: "SECRET"}}
		}, "not all is as it should be; ccsfs status tells what"},
		"Redis has just gone": {func(s *control.Status) {
			s.Started, s.UptimeSeconds = since, 1
			s.Pool = &control.PoolStatus{Coordinator: control.Engine{AwaySince: since, Cause: "SECRET"}}
		}, ""},
		"one gone": {func(s *control.Status) {
			s.Catalog.Gone = []control.Problem{{ContractID: "OCB0001234", Cause: "contract OCB0001234 is SECRET"}}
		}, "not all is as it should be; ccsfs status tells what"},
	} {
		s := &control.Status{Catalog: control.CatalogStatus{Contracts: 2, Listings: 2}, API: control.APIStatus{Breaker: control.Breaker{State: control.Closed}}}
		c.change(s)
		note, err := readyToServe(s)
		got := note
		if err != nil {
			got = "!" + err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if strings.Contains(got, "SECRET") || strings.Contains(got, "OCB") {
			t.Errorf("%s: tells everybody %q", name, got)
		}
	}
}

func TestNotReadyWhereNothingIsMounted(t *testing.T) {
	if _, err := ready(&control.Status{Mountpoint: t.TempDir()}); err == nil || err.Error() != "it is not mounted any more" {
		t.Errorf("%v", err)
	}
	served := &control.Status{Mountpoint: "http://127.0.0.1:8427/", Served: true}
	served.API.Breaker.State = control.Closed
	if _, err := ready(served); err != nil {
		t.Errorf("of a server: %v", err)
	}
}
