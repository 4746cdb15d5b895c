//go:build linux

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// walks are what an outage comes in the way of: each as a command that makes
// something in a directory, and a look at what it has made.
type walk struct {
	name    string
	mounted bool
	served  bool
	command func(p *program, to string) *exec.Cmd
	made    func(t testing.TB, to string, files []file)
}

// archived is the walk that gets all documents as one ZIP.
const archived = "an archive"

func walks() []walk {
	overHTTP := func(what string) func(p *program, to string) *exec.Cmd {
		return func(p *program, to string) *exec.Cmd {
			argv := helper(p.t, what, p.rig.address, to)
			return exec.Command(argv[0], argv[1:]...)
		}
	}
	copied := func(t testing.TB, to string, files []file) { t.Helper(); sameTree(t, to, files) }
	return []walk{
		{"pull", false, false, func(p *program, to string) *exec.Cmd { return p.ccsfs(nil, "pull", to) }, copied},
		{"cp -r", true, false, func(p *program, to string) *exec.Cmd { return exec.Command("cp", "-r", p.dir, to) }, copied},
		{"ls -lR", true, false, func(p *program, to string) *exec.Cmd {
			return exec.Command("bash", "-euo", "pipefail", "-c", `cd "$0"; ls -lR . > "$1"`, p.dir, to)
		}, sizesListed},
		{"a copy of the drive", false, true, overHTTP("drive"), copied},
		{archived, false, true, overHTTP("archive"), copied},
	}
}

// sizesListed looks for each document, with its size, in the output of ls -lR.
func sizesListed(t testing.TB, to string, files []file) {
	t.Helper()
	out, err := os.ReadFile(to)
	if err != nil {
		t.Error(err)
		return
	}
	sizes := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 9 {
			sizes[f[8]] = f[4]
		}
	}
	for _, f := range files {
		if got := sizes[filepath.Base(f.path)]; got != fmt.Sprint(len(f.data)) {
			t.Errorf("%s: %s bytes in the listing, want %d", f.path, got, len(f.data))
		}
	}
}

// outageVariable is how long outages last at most, if not a few seconds.
const outageVariable = "CCSFS_OUTAGE"

// longest is how long they last at most.
func longest(t *testing.T) time.Duration {
	t.Helper()
	if v := os.Getenv(outageVariable); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return 2500 * time.Millisecond
}

// TestOutagesAtAnyMoment: the API is away for a while in the middle of a pull, a
// cp -r and an ls -lR, in every way in which it can be: all arrives with exit
// status 0, soon after it is back, and it is hardly called in between.
// CCSFS_OUTAGE=60s makes outages of up to a minute.
func TestOutagesAtAnyMoment(t *testing.T) {
	begin(t)
	t.Run("all", func(t *testing.T) { // ends when all that run at once have
		for _, w := range walks() {
			for i, way := range apisim.Outages() {
				if w.name == archived && os.Getenv(outageVariable) == "" && i%2 != 0 {
					continue // each document is asked for as by the others
				}
				survive(t, fmt.Sprintf("%v during %s", way, w.name), func(t *testing.T) {
					passOutage(t, w, way, apisim.Match{})
				})
			}
		}
	})
}

// TestOutagesOfSome: only listings, only tokens, only one contract are away.
func TestOutagesOfSome(t *testing.T) {
	begin(t)
	ways := []apisim.Outage{apisim.OutageReset, apisim.OutageHang, apisim.OutageUnavailable, apisim.OutageError}
	t.Run("all", func(t *testing.T) {
		for i, some := range []struct {
			what  string
			match apisim.Match
		}{
			{"listings", apisim.Match{Op: apisim.OpDocuments}}, {"tokens", apisim.Match{Op: apisim.OpToken}},
			{"documents", apisim.Match{Op: apisim.OpFile}}, {"one contract", apisim.Match{Contract: "OCB5000001"}},
		} {
			for j, w := range walks() {
				for k, way := range ways {
					if os.Getenv(outageVariable) == "" && (k != (i+j)%len(ways) || w.name == archived && some.match.Op != apisim.OpFile) {
						continue // one of them each
					}
					survive(t, fmt.Sprintf("%s %v during %s", some.what, way, w.name), func(t *testing.T) {
						passOutage(t, w, way, some.match)
					})
				}
			}
		}
	})
}

func passOutage(t *testing.T, w walk, way apisim.Outage, match apisim.Match) {
	t.Helper()
	r := seeded(t)
	p := newProgram(t, options{account: apisim.Synthetic(2, 20, 20_000, ".pdf"), quirks: apisim.Quirks{Dates: true}})
	p.env = append(p.env, "CCSFS_RATE_LIMIT=20", "CCSFS_TIMEOUT=30s") // the defaults
	p.sim.Latency = 30 * time.Millisecond
	files := expected(t, p.sim, nil)
	switch {
	case w.mounted:
		p.start(nil)
	case w.served:
		d := &drive{program: p}
		d.password()
		d.serve("127.0.0.1:0")
	}
	to := filepath.Join(t.TempDir(), "x")
	cmd := w.command(p, to)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	d := disturb(t, p, r, way, match)
	// Undisturbed it takes some three seconds.
	within(t, d+25*time.Second, w.name, func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
	})
	w.made(t, to, files)
	if w.mounted || w.served {
		p.kill(unix.SIGTERM)
	}
	p.calm(d, way)
	t.Logf("%d calls met it", p.sim.Calls().Away)
	if t.Failed() {
		t.Logf("outage of %v; the end of the log:\n%s", d, tail(p.out.text(), 400))
	}
}

// disturb lets the API be away for a while, beginning soon. A contract that
// answers with pages does so once it was listed: one that never was cannot be told from one
// that is broken for good, and fails like it (docs/decisions, 12). Documents do so once one was
// had: TestOutageBeforeTheFirst has the others.
func disturb(t *testing.T, p *program, r *rand.Rand, way apisim.Outage, match apisim.Match) time.Duration {
	t.Helper()
	after := time.Duration(r.Int64N(int64(1500 * time.Millisecond)))
	least := 50 * time.Millisecond
	d := least + time.Duration(r.Int64N(int64(longest(t)-least)))
	if match.Contract != "" && slices.Contains(apisim.Disguised(), way) {
		eventually(t, "it is listed", func() bool { return len(p.sim.Calls().Listings[match.Contract]) >= 7 })
		time.Sleep(3 * p.sim.Latency) // the last of its answers
	}
	if (match.Op == apisim.OpFile || match.Contract != "") && slices.Contains(apisim.Disguised(), way) {
		all := expected(t, p.sim, nil)
		eventually(t, "a document is had", func() bool {
			had := p.sim.Calls().Files
			return slices.ContainsFunc(all, func(f file) bool {
				return had[f.id] > 0 && (match.Contract == "" || f.contract == match.Contract)
			})
		})
		time.Sleep(3 * p.sim.Latency)
	}
	time.Sleep(after)
	if match.Op == apisim.OpToken {
		p.sim.RevokeTokens()
	}
	p.sim.GoAway(way, match, d)
	t.Logf("%v after %v, for %v", way, after, d)
	return d
}

// calm fails if the API was called more than a handful of times a second while
// it was away, besides what was on its way when that began.
func (p *program) calm(d time.Duration, way apisim.Outage) {
	p.t.Helper()
	const inFlight = 16 // documents that one process asks for at once, at most
	n := p.sim.Calls().Away
	if way == apisim.OutageRefused { // those never reach it
		n = strings.Count(p.out.text(), "connection refused")
	}
	if most := inFlight + 5*(1+int(d.Seconds())); n > most {
		p.t.Errorf("%d calls in an outage of %v, want at most %d", n, d, most)
	}
}

// tail is the end of a text.
func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}
