package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ccsfs/cmd/ccsfs/internal/control"
)

// shownErrors is how many of the latest failed requests are shown.
const shownErrors = 5

// labelWidth is the first column, of labels.
const labelWidth = 12

// statusText prints the state of mounts for people.
func statusText(s screen, all []*control.Status) error {
	var b strings.Builder
	for i, st := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		t := &statusWriter{b: &b, screen: s, now: st.Started.Add(time.Duration(st.UptimeSeconds * float64(time.Second)))}
		t.mount(st)
	}
	_, err := s.w.Write([]byte(b.String()))
	return err
}

// statusWriter writes the state of one mount.
type statusWriter struct {
	b      *strings.Builder
	screen screen
	now    time.Time // of the mount
}

func (t *statusWriter) mount(s *control.Status) {
	fmt.Fprintf(t.b, "%s\n", t.screen.paint(bold, plain(s.Mountpoint)))
	t.row("Mounted", "", fmt.Sprintf("for %s, by ccsfs %s, process %d", roughly(t.now.Sub(s.Started)), s.Version, s.PID))
	t.api(s)
	t.row("Contracts", "", listingsText(s.Catalog))
	t.row("Documents", "", fmt.Sprintf("%s known, %s with their size", number(s.Catalog.Documents), number(s.Content.SizesKnown)))
	t.row("Cache", "", cacheText(s.Content))
	t.row("Fetched", "", fetchedText(s.Content))
	t.row("API calls", "", callsText(s.API.Calls))
	t.row("Rate", "", rateText(s.API))
	t.trouble(s)
	t.lastErrors(s.LastErrors)
}

// row prints a label and a text, wrapped. Colour is that of the text.
func (t *statusWriter) row(label, colour, text string) {
	for i, line := range wrap(text, max(t.screen.width-labelWidth-2, 20)) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t.b, "  %-*s%s\n", labelWidth, label, t.screen.paint(colour, plain(line)))
	}
}

// api prints whether the API answers, and the token.
func (t *statusWriter) api(s *control.Status) {
	token, h := s.API.Token, healthOf(s)
	switch {
	case s.Offline:
		t.row("API", yellow, "offline: it is never asked")
		return
	case h.code == exitDone:
		t.row("API", green, "in use: "+s.APIURL)
	case h.code == exitSome:
		t.row("API", yellow, "in use, but not all is as it should be (below): "+s.APIURL)
	default:
		since := ""
		if !h.since.IsZero() {
			since = " since " + t.clock(h.since)
		}
		t.row("API", red, fmt.Sprintf("%s%s%s: %s", h.text, since, t.nextTry(h.retry), s.APIURL))
		if h.cause != "" {
			t.row("", red, h.cause)
		}
	}
	switch token.State {
	case control.TokenRefused:
		t.row("Token", red, "refused"+t.nextTry(token.NextTry))
	case control.TokenNone:
		t.row("Token", "", "none yet")
	case control.TokenExpired:
		t.row("Token", "", "expired, renewed when it is needed")
	default:
		t.row("Token", "", fmt.Sprintf("%s old, good for %s more",
			roughly(time.Duration(token.AgeSeconds*float64(time.Second))), roughly(token.Expires.Sub(t.now))))
	}
}

func listingsText(c control.CatalogStatus) string {
	text := fmt.Sprintf("%s, the listings of %s in memory", number(c.Contracts), number(c.Listings))
	if c.Refreshing > 0 {
		text += fmt.Sprintf(", %s being asked for", number(c.Refreshing))
	}
	return text
}

func cacheText(c control.ContentStatus) string {
	text := fmt.Sprintf("%s, %s of %s", count(int64(c.Cached), "document"), bytesText(c.CachedBytes), bytesText(c.CacheLimitBytes))
	if c.CacheLimitBytes > 0 {
		text += fmt.Sprintf(" (%d %%)", c.CachedBytes*100/c.CacheLimitBytes)
	}
	return text + fmt.Sprintf("; opened from it: %s", humanize.Comma(c.Hits))
}

func fetchedText(c control.ContentStatus) string {
	return fmt.Sprintf("%s, %s; %s ahead of their reader; %s failed; %s open now",
		count(c.Downloads, "document"), bytesText(c.DownloadedBytes), humanize.Comma(c.Ahead), humanize.Comma(c.Failures), number(c.Open))
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

func rateText(a control.APIStatus) string {
	text := "no limit"
	if a.RatePerSecond > 0 {
		text = fmt.Sprintf("at most %s a second", humanize.Ftoa(a.RatePerSecond))
	}
	return text + fmt.Sprintf("; waited for it: %s; repeated: %s; now under way: %d, waiting: %d",
		roughly(time.Duration(a.RateWaitSeconds*float64(time.Second))), humanize.Comma(a.Retries), a.InFlight, a.Waiting)
}

// trouble prints what is not as it should be.
func (t *statusWriter) trouble(s *control.Status) {
	for _, p := range s.Catalog.Stale {
		what, colour := "is as it was", yellow
		if p.Denied {
			what, colour = "is not shown", red
		}
		since := ""
		if !p.Since.IsZero() {
			since = " since " + t.clock(p.Since)
		}
		t.row("Stale", colour, fmt.Sprintf("%s %s%s%s: %s", subject(p), what, since, t.nextTry(p.Retry), p.Cause))
	}
	for _, p := range s.Catalog.Refused {
		t.row("Left out", yellow, fmt.Sprintf("%s of %s: %s", p.Type, p.ContractID, p.Cause))
	}
	for _, p := range s.Catalog.Suspect {
		t.row("Suspect", yellow, fmt.Sprintf("%s: %s", subject(p), p.Cause))
	}
	for _, p := range s.Catalog.Gone {
		t.row("Gone", yellow, p.Cause)
	}
	if n := s.Content.DiskErrors; n > 0 {
		t.row("Disk", red, fmt.Sprintf("%s to the cache; the log says which", count(n, "failed write")))
	}
}

// subject names what a problem is about.
func subject(p control.Problem) string {
	if p.ContractID == "" {
		return "the list of contracts"
	}
	if p.Absent {
		return "contract " + p.ContractID
	}
	return fmt.Sprintf("the %s of %s", p.Op, p.ContractID)
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

func (t *statusWriter) nextTry(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", next try " + t.clock(at)
}

func number(n int) string { return humanize.Comma(int64(n)) }

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// count is a number and what it counts.
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return humanize.Comma(n) + " " + what + "s"
}

// roughly is a duration in its two largest units.
func roughly(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
