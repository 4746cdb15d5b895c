package status

import (
	"encoding/json"
	"io"
	"time"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
)

// statusJSON is a mount in JSON. Its keys do not change. One that nobody serves has a
// mountpoint and its health alone.
type statusJSON struct {
	Mountpoint string     `json:"mountpoint"`
	Health     healthJSON `json:"health"`
	*control.Status
}

// healthJSON is what --check would say of this mount alone.
type healthJSON struct {
	ExitStatus int       `json:"exit_status"`
	Problem    string    `json:"problem,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	NextTry    time.Time `json:"next_try,omitzero"`
}

// printJSON prints one mount as an object, or all as a list.
func printJSON(w io.Writer, all []*control.Status, dead []mounts.SickMount, single bool) error {
	list := []statusJSON{}
	for _, s := range all {
		h := s.Health()
		list = append(list, statusJSON{s.Mountpoint, healthJSON{h.Code, h.Text, h.Cause, h.Since, h.Retry}, s})
	}
	for _, m := range dead {
		list = append(list, statusJSON{Mountpoint: m.Point(), Health: healthJSON{ExitStatus: exitcode.Mount, Problem: m.Unwrap().Error()}})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if single {
		return e.Encode(list[0])
	}
	return e.Encode(list)
}
