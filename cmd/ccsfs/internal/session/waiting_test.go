package session

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
)

// TestRefreshSaysThatItWaits, and so does doctor: once, to somebody at a terminal, and not where the API
// answers soon.
func TestRefreshSaysThatItWaits(t *testing.T) {
	for _, tt := range []struct {
		title    string
		terminal bool
		takes    time.Duration
		lines    int
	}{
		{"soon", true, waitingAfter - time.Second, 0},
		{"late", true, 90 * time.Second, 1},
		{"late, and nobody is there", false, 90 * time.Second, 0},
	} {
		t.Run(tt.title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				done := TellWaiting(&out, tt.terminal, "waiting; Ctrl-C leaves")
				time.Sleep(tt.takes)
				done()
				time.Sleep(time.Hour)
				if n := strings.Count(out.String(), "\n"); n != tt.lines || n == 1 && !strings.Contains(out.String(), "Ctrl-C") {
					t.Errorf("it says %q", out.String())
				}
			})
		})
	}
}

// TestSaysWhatIsWaitedFor: each time that nothing comes for a while, and not while
// something does, or nothing is asked for.
func TestSaysWhatIsWaitedFor(t *testing.T) {
	answers := func(n int64) map[string]map[string]int64 {
		return map[string]map[string]int64{"file": {"ok": n, "network": 9}}
	}
	silent := stand{api: apiclient.Stats{InFlight: 1, Breaker: "closed", Calls: answers(3)}, asking: true}
	for _, tt := range []struct {
		title    string
		terminal bool
		look     func(at time.Duration) stand
		want     []string
	}{
		{"no answer", true, func(time.Duration) stand { return silent }, []string{"waiting for the API to answer"}},
		{"nobody is there", false, func(time.Duration) stand { return silent }, nil},
		{"nothing is asked for", true, func(time.Duration) stand { return stand{} }, nil},
		{"answers all the time", true, func(at time.Duration) stand {
			return stand{api: apiclient.Stats{InFlight: 1, Calls: answers(int64(at / time.Second))}, asking: true}
		}, []string{"2 answers of the API so far", "17 answers", "32 answers", "47 answers"}},
		{"answers, and a bar that shows them", true, func(at time.Duration) stand {
			return stand{api: apiclient.Stats{InFlight: 1, Calls: answers(int64(at / time.Second))}, asking: true, shows: true}
		}, nil},
		{"answers that are printed", true, func(at time.Duration) stand {
			return stand{api: apiclient.Stats{InFlight: 1, Calls: answers(int64(at / time.Second))}, asking: true, printed: time.Now()}
		}, nil},
		{"answers to somebody who is not there", false, func(at time.Duration) stand {
			return stand{api: apiclient.Stats{InFlight: 1, Calls: answers(int64(at / time.Second))}, asking: true}
		}, nil},
		{"contracts", true, func(at time.Duration) stand {
			n := int64(at / time.Second)
			return stand{api: apiclient.Stats{InFlight: 1, Calls: answers(n * 7)}, listed: n, contracts: 30, asking: n < 30}
		}, []string{"listed 2 of 30 contracts", "listed 17 of 30 contracts"}},
		{"a long document", true, func(at time.Duration) stand { return stand{api: silent.api, bytes: int64(at), asking: true} },
			[]string{"3 answers of the API so far, 1.9 GiB of documents", "16 GiB", "30 GiB", "44 GiB"}},
		{"twice", true, func(at time.Duration) stand {
			return stand{api: apiclient.Stats{InFlight: 1, Breaker: "closed", Calls: answers(int64(at / (35 * time.Second)))}, asking: true}
		}, []string{"to answer", "to answer"}},
		{"an outage", true, func(time.Duration) stand {
			return stand{api: apiclient.Stats{Breaker: "open", WaitingForAPI: 4, Errors: []apiclient.Failure{{Text: "before"}, {Text: "documents: refused\x1b[2J"}}}, asking: true}
		}, []string{"the API is out of reach, and waited for: documents: refused?[2J; Ctrl-C"}},
		{"a limit", true, func(time.Duration) stand {
			return stand{api: apiclient.Stats{Breaker: "closed", Waiting: 4}, asking: true}
		}, []string{"more slowly"}},
		{"another process", true, func(time.Duration) stand { return stand{api: apiclient.Stats{Breaker: "closed"}, asking: true} }, []string{"another process"}},
	} {
		t.Run(tt.title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				start := time.Now()
				done := watchAPI(&out, tt.terminal, func() stand { return tt.look(time.Since(start)) })
				time.Sleep(time.Minute)
				done()
				lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
				if out.Len() == 0 {
					lines = nil
				}
				if len(lines) != len(tt.want) {
					t.Fatalf("it says %q", out.String())
				}
				for i, want := range tt.want {
					if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "Ctrl-C") {
						t.Errorf("it says %q, want %q", lines[i], want)
					}
				}
			})
		})
	}
}
