package status

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
)

// troubled is a mount to which everything has happened.
func troubled() *control.Status {
	at := func(clock string) time.Time {
		t, err := time.ParseInLocation(time.DateTime, "2026-11-23 "+clock, time.Local)
		if err != nil {
			panic(err)
		}
		return t
	}
	return &control.Status{
		Mountpoint: "/home/u/bills", Version: "1.2.3", PID: 4711, Started: at("10:00:00"), UptimeSeconds: 7380,
		APIURL: "https://api.orange.com/cloud/b2b/v1",
		Catalog: control.CatalogStatus{
			Contracts: 4, Listings: 3, Documents: 12345, Refreshing: 1,
			Stale: []control.Problem{
				{Op: "listing", ContractID: "OCB0001234", Cause: "documents: timed out", Since: at("11:50:00"), Retry: at("12:04:00")},
				{Op: "contracts", Cause: "contracts: access denied, HTTP 403, code 50 [request id 1-2-3]", Denied: true},
			},
			Refused: []control.Problem{{Op: "listing", ContractID: "OCB0001871", Type: "invoices", Cause: "refused by the API"}},
			Suspect: []control.Problem{{Op: "listing", ContractID: "OCB0002410", Cause: "1000 documents, and as many were asked for"}},
			Gone:    []control.Problem{{Op: "contracts", ContractID: "OCB0003055", Cause: "contract OCB0003055 (Production) is not listed any more since 2026-11-20"}},
		},
		Content: control.ContentStatus{
			SizesKnown: 12000, Cached: 1, CachedBytes: 5 << 30, CacheLimitBytes: 10 << 30, Open: 2,
			Downloads: 345, DownloadedBytes: 1 << 20, Hits: 6789, Ahead: 300, Failures: 7, DiskErrors: 1,
		},
		API: control.APIStatus{
			Calls: map[string]map[string]int64{
				"token": {"ok": 2}, "contract": {"ok": 0}, "file": {"ok": 345, "rate_limited": 3, "network": 4, "server": 0},
			},
			Retries: 7, RateWaitSeconds: 75, RatePerSecond: 12.5, InFlight: 1, Waiting: 9,
			Token: control.Token{State: control.TokenRefused, NextTry: at("12:33:00")},
			Breaker: control.Breaker{State: "open", Since: at("11:59:00"), NextTry: at("12:03:30"),
				Cause: "file: API out of reach: dial tcp: lookup api.orange.com: no such host"},
		},
		LastErrors: []control.FailedRequest{
			{Time: at("12:00:00").AddDate(0, 0, -1), Op: "file", Text: "file: server error, HTTP 503"},
			{Time: at("12:02:59"), Op: "file", Text: "file: API out of reach"},
		},
	}
}

func render(t *testing.T, s term.Screen, all ...*control.Status) string {
	t.Helper()
	var b bytes.Buffer
	s.W = &b
	if err := statusText(s, all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStatusText(t *testing.T) {
	const want = `/home/u/bills
  Mounted     for 2 h 3 min, by ccsfs 1.2.3, process 4711
  API         CREDENTIALS REFUSED, next try 12:33:00:
              https://api.orange.com/cloud/b2b/v1
  Token       refused, next try 12:33:00
  Contracts   4, the listings of 3 in memory, 1 being asked for
  Documents   12,345 known, 12,000 with their size
  Cache       1 document, 5.0 GiB of 10 GiB (50 %); opened from it: 6,789
  Fetched     345 documents, 1.0 MiB; 300 ahead of their reader; 7 failed; 2
              open now
  API calls   file 352 (4 network, 3 rate limited), token 2
  Rate        at most 12.5 a second; waited for it: 1 min 15 s; repeated: 7; now
              under way: 1, waiting: 9
  Stale       the listing of OCB0001234 is as it was since 11:50:00, next try
              12:04:00: documents: timed out
  Stale       the list of contracts is not shown: contracts: access denied, HTTP
              403, code 50 [request id 1-2-3]
  Left out    invoices of OCB0001871: refused by the API
  Suspect     the listing of OCB0002410: 1000 documents, and as many were asked
              for
  Gone        contract OCB0003055 (Production) is not listed any more since
              2026-11-20
  Disk        1 failed write to the cache; the log says which
  Last errors 2026-11-22 12:00:00 file: server error, HTTP 503
              12:02:59 file: API out of reach
`
	if d := cmp.Diff(want, render(t, term.Screen{Width: 80}, troubled())); d != "" {
		t.Error(d)
	}
}

// Colours change nothing but the colour, and what is wrong is red.
func TestStatusColours(t *testing.T) {
	plain, coloured := render(t, term.Screen{Width: 80}, troubled()), render(t, term.Screen{Width: 80, Colours: true}, troubled())
	if got := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(coloured, ""); got != plain {
		t.Error(cmp.Diff(plain, got))
	}
	for _, want := range []string{"\x1b[31mCREDENTIALS REFUSED", "\x1b[31mrefused, next try", "\x1b[33mthe listing of OCB0001234", "\x1b[1m/home/u/bills\x1b[0m"} {
		if !strings.Contains(coloured, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(plain, "\x1b") {
		t.Error("colours without colours")
	}
}

// Whatever the API calls its contracts, and whatever it says: no line is longer
// than the terminal is wide, and nothing moves the cursor.
func TestStatusTextOfHostileNames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, hostile := troubled(), rapid.StringN(0, 200, -1).Draw(rt, "text")
		width := rapid.IntRange(40, 200).Draw(rt, "width")
		s.Catalog.Stale[0].ContractID, s.Catalog.Refused[0].Type, s.API.Breaker.Cause = hostile, hostile, hostile
		s.LastErrors[0].Text, s.Catalog.Suspect[0].Cause, s.LogFile = hostile, hostile, hostile
		var b bytes.Buffer
		if err := statusText(term.Screen{W: &b, Width: width}, []*control.Status{s, s}); err != nil {
			rt.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if n := len([]rune(line)); n > width {
				rt.Fatalf("%d columns of %d: %q", n, width, line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
				rt.Fatalf("%q", line)
			}
		}
	})
}

// What status shows and what it exits with is one judgement: it never says that
// the API is in use, and exits as if it were not, or the other way round.
func TestStatusAndCheckAgree(t *testing.T) {
	well := control.Status{Catalog: control.CatalogStatus{Listings: 2}, API: control.APIStatus{Breaker: control.Breaker{State: control.Closed}}}
	with := func(change func(*control.Status)) *control.Status {
		s := well
		s.Mountpoint = "/m"
		change(&s)
		return &s
	}
	problems := func(all ...control.Problem) *control.Status {
		return with(func(s *control.Status) { s.Catalog.Stale = all })
	}
	for _, c := range []struct {
		name string
		s    *control.Status
		code int
		want string // in the text
	}{
		{"well", &well, exitcode.Done, "in use:"},
		{"breaker open", with(func(s *control.Status) { s.API.Breaker = control.Breaker{State: "open", Cause: "x"} }), exitcode.Unreachable, "OUT OF REACH"},
		{"breaker tries", with(func(s *control.Status) { s.API.Breaker.State = "half-open" }), exitcode.Unreachable, "OUT OF REACH"},
		{"credentials", with(func(s *control.Status) { s.API.Token.State = control.TokenRefused }), exitcode.Settings, "CREDENTIALS REFUSED"},
		{"old contracts", problems(control.Problem{Op: "contracts", Cause: "HTTP 500"}), exitcode.Unreachable, "OUT OF REACH"},
		{"account refused", problems(control.Problem{Op: "contracts", Denied: true}, control.Problem{Op: "listing", ContractID: "A"}), exitcode.Settings, "ACCESS REFUSED"},
		{"one of two old", problems(control.Problem{Op: "listing", ContractID: "A"}), exitcode.Some, "in use, but"},
		{"all old", problems(control.Problem{Op: "listing", ContractID: "A"}, control.Problem{Op: "listing", ContractID: "B"}), exitcode.Unreachable, "OUT OF REACH"},
		{"one refused", problems(control.Problem{Op: "listing", ContractID: "A", Denied: true}), exitcode.Some, "in use, but"},
		{"refused type", with(func(s *control.Status) { s.Catalog.Refused = []control.Problem{{ContractID: "A", Type: "invoices"}} }), exitcode.Done, "in use:"},
		{"refused type, named", with(func(s *control.Status) {
			s.Catalog.Named, s.Catalog.Refused = true, []control.Problem{{ContractID: "A", Type: "invoices"}}
		}), exitcode.Some, "in use, but"},
		{"emptied", with(func(s *control.Status) { s.Catalog.Suspect = []control.Problem{{Op: "contracts", Old: true}} }), exitcode.Some, "in use, but"},
		{"empty", with(func(s *control.Status) { s.Catalog.Suspect = []control.Problem{{Op: "contracts", Empty: true}} }), exitcode.Some, "in use, but"},
		{"a sign", with(func(s *control.Status) { s.Catalog.Suspect = []control.Problem{{Op: "contracts"}} }), exitcode.Done, "in use:"},
		{"a contract gone", with(func(s *control.Status) {
			s.Catalog.Gone = []control.Problem{{ContractID: "A", Cause: "contract A is not listed any more since 2026-11-20"}}
		}), exitcode.Some, "in use, but"},
		{"a description old", problems(control.Problem{Op: "detail", ContractID: "A"}), exitcode.Some, "in use, but"},
	} {
		text := render(t, term.Screen{Width: 80}, c.s)
		env, _, stderr := cmdtest.Environment(t)
		code := exitcode.Of(checked(env, []*control.Status{&well, c.s}, nil))
		if code != c.code || !strings.Contains(text, "  API         "+c.want) || (stderr.Len() > 0) != (code != exitcode.Done) {
			t.Errorf("%s: code %d, want %d; %s\n%s", c.name, code, c.code, stderr, text)
		}
	}
	env, _, stderr := cmdtest.Environment(t)
	all := []*control.Status{problems(control.Problem{Op: "listing", ContractID: "A"}), &well, troubled()}
	if code := exitcode.Of(checked(env, all, nil)); code != exitcode.Settings || strings.Count(stderr.String(), "\n") != 2 {
		t.Errorf("of several: code %d\n%s", code, stderr)
	}
}
