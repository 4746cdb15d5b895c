package status

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
)

// shownErrors is how many of the latest failed requests are shown.
const shownErrors = 5

// labelWidth is the first column, of labels.
const labelWidth = 12

// statusText prints the state of mounts for people.
func statusText(s term.Screen, all []*control.Status) error {
	var b strings.Builder
	for i, st := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		t := &statusWriter{b: &b, screen: s, now: st.Started.Add(time.Duration(st.UptimeSeconds * float64(time.Second)))}
		t.mount(st)
	}
	_, err := s.W.Write([]byte(b.String()))
	return err
}

// statusWriter writes the state of one mount.
type statusWriter struct {
	b      *strings.Builder
	screen term.Screen
	now    time.Time // of the mount
}

func (t *statusWriter) mount(s *control.Status) {
	fmt.Fprintf(t.b, "%s\n", t.screen.Paint(term.Bold, term.Plain(s.Mountpoint)))
	t.row("Mounted", "", fmt.Sprintf("for %s, by ccsfs %s, process %d", term.Roughly(t.now.Sub(s.Started)), s.Version, s.PID))
	if s.AccountName != "" {
		t.row("Account", "", s.AccountName)
	}
	t.api(s)
	t.row("Contracts", "", listingsText(s.Catalog))
	t.row("Documents", "", fmt.Sprintf("%s known, %s with their size", term.Number(s.Catalog.Documents), term.Number(s.Content.SizesKnown)))
	t.row("Cache", "", cacheText(s.Content))
	t.row("Fetched", "", fetchedText(s.Content))
	t.row("API calls", "", callsText(s.API.Calls))
	t.row("Rate", "", rateText(s.API))
	if s.Pool != nil {
		t.row("Shared", "", sharedText(s.Pool))
	}
	if s.LogFile != "" {
		t.row("Log", "", s.LogFile)
	}
	t.trouble(s)
	t.lastErrors(s.LastErrors)
}

// row prints a label and a text, wrapped. Colour is that of the text.
func (t *statusWriter) row(label, colour, text string) {
	for i, line := range term.Wrap(text, max(t.screen.Width-labelWidth-2, 20)) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t.b, "  %-*s%s\n", labelWidth, label, t.screen.Paint(colour, term.Plain(line)))
	}
}

// api prints whether the API answers, and the token.
func (t *statusWriter) api(s *control.Status) {
	token, h := s.API.Token, s.Health()
	standing := s.Standing(t.clock)
	switch {
	case s.Offline:
		t.row("API", term.Yellow, standing)
		return
	case h.Code == exitcode.Done:
		t.row("API", term.Green, standing+": "+s.APIURL)
	case h.Code == exitcode.Some:
		t.row("API", term.Yellow, standing+" (below): "+s.APIURL)
	default:
		t.row("API", term.Red, standing+": "+s.APIURL)
		if h.Cause != "" {
			t.row("", term.Red, h.Cause)
		}
	}
	switch token.State {
	case control.TokenRefused:
		t.row("Token", term.Red, "refused"+t.nextTry(token.NextTry))
	case control.TokenNone:
		t.row("Token", "", "none yet")
	case control.TokenExpired:
		t.row("Token", "", "expired, renewed when it is needed")
	default:
		t.row("Token", "", fmt.Sprintf("%s old, good for %s more",
			term.Roughly(time.Duration(token.AgeSeconds*float64(time.Second))), term.Roughly(token.Expires.Sub(t.now))))
	}
}

func listingsText(c control.CatalogStatus) string {
	text := fmt.Sprintf("%s, the listings of %s in memory", term.Number(c.Contracts), term.Number(c.Listings))
	if c.Refreshing > 0 {
		text += fmt.Sprintf(", %s being asked for", term.Number(c.Refreshing))
	}
	return text
}

func cacheText(c control.ContentStatus) string {
	text := fmt.Sprintf("%s, %s of %s", term.Count(int64(c.Cached), "document"), term.BytesText(c.CachedBytes), term.BytesText(c.CacheLimitBytes))
	if c.CacheLimitBytes > 0 {
		text += fmt.Sprintf(" (%d %%)", c.CachedBytes*100/c.CacheLimitBytes)
	}
	return text + fmt.Sprintf("; opened from it: %s", humanize.Comma(c.Hits))
}

func fetchedText(c control.ContentStatus) string {
	return fmt.Sprintf("%s, %s; %s ahead of their reader; %s failed; %s open now",
		term.Count(c.Downloads, "document"), term.BytesText(c.DownloadedBytes), humanize.Comma(c.Ahead), humanize.Comma(c.Failures), term.Number(c.Open))
}

// callsText tells of each kind of call how many there were, and how many of
// them were no good.
func callsText(calls map[string]map[string]int64) string {
	var kinds []string
	for _, op := range slices.Sorted(maps.Keys(calls)) {
		var all int64
		var bad []string
		for _, result := range slices.Sorted(maps.Keys(calls[op])) {
			n := calls[op][result]
			all += n
			if n > 0 && result != "ok" {
				bad = append(bad, fmt.Sprintf("%s %s", humanize.Comma(n), strings.ReplaceAll(result, "_", " ")))
			}
		}
		if all == 0 {
			continue
		}
		kind := fmt.Sprintf("%s %s", op, humanize.Comma(all))
		if len(bad) > 0 {
			kind += " (" + strings.Join(bad, ", ") + ")"
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) == 0 {
		return "none"
	}
	return strings.Join(kinds, ", ")
}

func sharedText(p *control.PoolStatus) string {
	with := "not counted yet who shares the account"
	if p.Members > 0 {
		with = fmt.Sprintf("%s of the account", term.Count(p.Members, "member"))
	}
	return fmt.Sprintf("%s; had from the shared store: %s; given to it: %s; requests at the rate of all: %s; waited for another member: %s; leases lost: %s",
		with, term.Count(p.Taken, "document"), humanize.Comma(p.Given), humanize.Comma(p.Turns), term.Count(p.Waited, "time"), humanize.Comma(p.Lost))
}

func rateText(a control.APIStatus) string {
	text := "no limit"
	if a.RatePerSecond > 0 {
		text = fmt.Sprintf("at most %s a second", humanize.Ftoa(a.RatePerSecond))
	}
	return text + fmt.Sprintf("; waited for it: %s; repeated: %s; now under way: %d, waiting: %d",
		term.Roughly(time.Duration(a.RateWaitSeconds*float64(time.Second))), humanize.Comma(a.Retries), a.InFlight, a.Waiting)
}

// trouble prints what is not as it should be.
func (t *statusWriter) trouble(s *control.Status) {
	for _, one := range s.Troubles(t.clock) {
		colour := term.Yellow
		if one.Grave {
			colour = term.Red
		}
		t.row(one.Label, colour, one.Text)
	}
}

func (t *statusWriter) lastErrors(list []control.FailedRequest) {
	label := "Last errors"
	for _, e := range list[max(0, len(list)-shownErrors):] {
		t.row(label, "", fmt.Sprintf("%s %s", t.clock(e.Time), e.Text))
		label = ""
	}
}

// clock tells a time of day, with the date if that is not today's.
func (t *statusWriter) clock(at time.Time) string {
	at = at.Local()
	if at.Format(time.DateOnly) == t.now.Local().Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}

func (t *statusWriter) nextTry(at time.Time) string { return control.NextTry(at, t.clock) }
