package daemon

import (
	"errors"
	"time"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
)

// ready tells whether the folder can be used: it is mounted or served, and the API can be
// asked, or what was seen before can be shown. What it says is for whoever can reach the
// address.
func ready(s *control.Status) (note string, err error) {
	if m, ok := mountinfo.Find(s.Mountpoint); !s.Served && (!ok || !m.Ours()) {
		return "", errors.New("it is not mounted any more")
	}
	return readyToServe(s)
}

// readyToServe is ready, of a mount that is there.
func readyToServe(s *control.Status) (note string, err error) {
	h := s.Health()
	since := ""
	if !h.Since.IsZero() {
		since = " since " + h.Since.UTC().Format(time.RFC3339)
	}
	switch {
	case h.Code == exitcode.Settings && s.API.Token.State == control.TokenRefused:
		return "", errors.New("the API refuses the credentials")
	case h.Code == exitcode.Settings:
		return "", errors.New("the API refuses the account" + since)
	case h.Code == exitcode.Unreachable && servable(s) == 0:
		return "", errors.New("the API is out of reach" + since + ", and nothing that was seen before can be shown")
	case h.Code == exitcode.Unreachable:
		return "the API is out of reach" + since + "; what was seen before is shown", nil
	case h.Code != exitcode.Done:
		return "not all is as it should be; ccsfs status tells what", nil
	case s.Offline:
		return "offline; what was seen before is shown", nil
	}
	return "", nil
}

// servable is how many contracts are shown.
func servable(s *control.Status) int {
	n := s.Catalog.Contracts
	for _, p := range s.Catalog.Stale {
		if p.Op == "listing" && p.Denied {
			n--
		}
	}
	return n
}
