package page

import (
	"time"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
)

// banner is what is not as it should be, in the words of status.
type banner struct {
	Grave    bool // what is shown may be old as a whole, or nothing is
	Offline  bool
	Standing string // of the API, "" if it is in use
	Cause    string
	Troubles []control.Trouble
	More     []control.Trouble // behind the first ones
}

// troublesMost bounds those that are shown at once.
const troublesMost = 4

// banner is nil if all is well.
func (o *overview) banner() *banner {
	s := o.look.Status
	h := s.Health()
	b := &banner{Offline: s.Offline, Grave: h.Code == exitcode.Settings || h.Code == exitcode.Unreachable}
	if b.Grave && !b.Offline {
		b.Standing, b.Cause = s.Standing(o.lang.Time), term.Plain(h.Cause)
	}
	for i, t := range s.Troubles(o.lang.Time) {
		t.Text = term.Plain(t.Text)
		if i < troublesMost {
			b.Troubles = append(b.Troubles, t)
		} else {
			b.More = append(b.More, t)
		}
	}
	if !b.Grave && !b.Offline && len(b.Troubles) == 0 && h.Code == exitcode.Done {
		return nil
	}
	return b
}

// wellFact says whether all is well, and how old what is shown is.
type wellFact struct {
	Key      string // of yes, not quite, no
	Sign     string
	Standing string
	Missing  int       // documents that are due
	Pending  bool      // something is being listed of which nothing is known
	Oldest   time.Time // of the listings; zero: there are none
}

func (o *overview) well(missing int) wellFact {
	f := wellFact{Key: "well.yes", Sign: "ok", Standing: o.look.Status.Standing(o.lang.Time), Missing: missing, Pending: o.look.Pending()}
	switch b := o.banner(); {
	case b == nil && o.look.Err != nil:
		f.Key, f.Sign = "well.no", "bad"
	case b == nil && missing > 0:
		f.Key, f.Sign = "well.some", "warn"
	case b == nil:
	case b.Offline:
		f.Key, f.Sign = "well.offline", "warn"
	case b.Grave:
		f.Key, f.Sign = "well.no", "bad"
	default:
		f.Key, f.Sign = "well.some", "warn"
	}
	for _, c := range o.look.Contracts {
		if c.Listing == nil {
			continue
		}
		if at := c.Listing.FetchedAt; f.Oldest.IsZero() || at.Before(f.Oldest) {
			f.Oldest = at
		}
	}
	return f
}
