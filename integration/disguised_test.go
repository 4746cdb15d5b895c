//go:build linux

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// TestDisguisedOutages: something answers in the place of the API for a while, with the
// status of an answer, in the middle of a pull, a cp -r and an ls -lR: all arrives with
// exit status 0, soon after that is over, and it is hardly called in between.
func TestDisguisedOutages(t *testing.T) {
	begin(t)
	t.Run("all", func(t *testing.T) { // ends when all that run at once have
		for i, w := range walks() {
			for j, way := range apisim.Disguised() {
				for k, match := range []apisim.Match{{Op: apisim.OpFile}, {Op: apisim.OpDocuments}, {Contract: "OCB5000001"}} {
					if os.Getenv(outageVariable) == "" && ((i+j+k)%3 != 0 || w.name == archived) && match.Op != apisim.OpFile {
						continue
					}
					survive(t, fmt.Sprintf("%v in place of %+v during %s", way, match, w.name), func(t *testing.T) {
						passOutage(t, w, way, match)
					})
				}
			}
		}
	})
}

// TestOutageBeforeTheFirst: documents alone, all or those of one contract, are away from before
// the first of them is asked for, by a command that has had none: all arrives, and few calls
// are made. (One contract is away for a short time: where others are well for long it is taken
// for broken, see docs/decisions, 12.)
func TestOutageBeforeTheFirst(t *testing.T) {
	begin(t)
	ways := append(apisim.Disguised(), apisim.OutageError, apisim.OutageGateway)
	t.Run("all", func(t *testing.T) {
		for _, way := range ways {
			for _, c := range []struct {
				seen   bool
				match  apisim.Match
				length time.Duration
			}{
				{false, apisim.Match{Op: apisim.OpFile}, 8 * time.Second},
				{true, apisim.Match{Op: apisim.OpFile}, 8 * time.Second},
				{false, apisim.Match{Op: apisim.OpFile, Contract: "OCB5000000"}, 2500 * time.Millisecond},
			} {
				survive(t, fmt.Sprintf("%v in place of %+v, some in the cache: %v", way, c.match, c.seen), func(t *testing.T) {
					p := newProgram(t, options{account: apisim.Synthetic(2, 10, 20_000, ".pdf"), quirks: apisim.Quirks{Dates: true}})
					p.env = append(p.env, "CCSFS_RATE_LIMIT=20", "CCSFS_TIMEOUT=30s") // the defaults
					p.sim.Latency = 30 * time.Millisecond
					files := expected(t, p.sim, nil)
					if c.seen {
						if out, err := p.ccsfs(nil, "cat", files[0].path).CombinedOutput(); err != nil {
							t.Fatalf("%v: %.500s", err, out)
						}
					}
					p.sim.GoAway(way, c.match, c.length)
					to := filepath.Join(t.TempDir(), "x")
					cmd := p.ccsfs(nil, "exec", "--", "cp", "-r", ".", to)
					cmd.Stdout, cmd.Stderr = p.out, p.out
					within(t, c.length+25*time.Second, "exec", func() {
						if err := cmd.Run(); err != nil {
							t.Errorf("exec: %v", err)
						}
					})
					sameTree(t, to, files)
					p.calm(c.length, way)
					t.Logf("%d calls met it", p.sim.Calls().Away)
					if t.Failed() {
						t.Logf("the end of the log:\n%s", tail(p.out.text(), 400))
					}
				})
			}
		}
	})
}

// TestPagesInPlaceOfTheVeryFirst: the first token, the first list of contracts, or the
// first listings that a program ever asks for meet a page for a second: all arrives.
func TestPagesInPlaceOfTheVeryFirst(t *testing.T) {
	begin(t)
	t.Run("all", func(t *testing.T) {
		for i, match := range []apisim.Match{{Op: apisim.OpToken}, {Op: apisim.OpContracts}, {Op: apisim.OpDocuments}} {
			for j, way := range apisim.Disguised() {
				if match.Op == apisim.OpToken && way != apisim.OutagePage { // the rest is no answer of its kind
					continue
				}
				for k, name := range []string{"pull", "exec"} {
					if os.Getenv(outageVariable) == "" && (i+j+k)%2 != 0 && match.Op != apisim.OpToken {
						continue
					}
					survive(t, fmt.Sprintf("%v in place of %+v, %s", way, match, name), func(t *testing.T) {
						p := newProgram(t, options{account: apisim.Synthetic(2, 5, 20_000, ".pdf"), quirks: apisim.Quirks{Dates: true}})
						p.env = append(p.env, "CCSFS_RATE_LIMIT=20", "CCSFS_TIMEOUT=30s") // the defaults
						p.sim.Latency = 30 * time.Millisecond
						files := expected(t, p.sim, nil)
						to := filepath.Join(t.TempDir(), "x")
						cmd := p.ccsfs(nil, "pull", to)
						if name == "exec" {
							cmd = p.ccsfs(nil, "exec", "--", "cp", "-r", ".", to)
						}
						cmd.Stdout, cmd.Stderr = p.out, p.out
						p.sim.GoAway(way, match, time.Second)
						if err := cmd.Start(); err != nil {
							t.Fatal(err)
						}
						defer cmd.Process.Kill()
						within(t, 25*time.Second, name, func() {
							if err := cmd.Wait(); err != nil {
								t.Errorf("%s: %v", name, err)
							}
						})
						sameTree(t, to, files)
						p.calm(time.Second, way)
						t.Logf("%d calls met it", p.sim.Calls().Away)
						if t.Failed() {
							t.Logf("the log:\n%s", tail(p.out.text(), 400))
						}
					})
				}
			}
		}
	})
}

// TestPagesForGoodHarmNoOther: a contract of which half of the documents are pages for
// good is copied but for those.
func TestPagesForGoodHarmNoOther(t *testing.T) {
	begin(t)
	const documents = 60
	p := newProgram(t, options{account: apisim.Synthetic(1, documents, 2_000, ".pdf"), quirks: apisim.Quirks{Dates: true}})
	p.env = append(p.env, "CCSFS_RATE_LIMIT=20", "CCSFS_TIMEOUT=30s")
	files := expected(t, p.sim, nil)
	var good []file
	for i, f := range files {
		if i < documents/2 { // those that are read first
			p.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: f.id}, 0, apisim.Fault{Body: apisim.HTMLPage})
		} else {
			good = append(good, f)
		}
	}
	p.start(nil)
	to := filepath.Join(t.TempDir(), "x")
	within(t, 2*time.Minute, "cp -r", func() {
		cmd := exec.Command("cp", "-r", p.dir, to)
		if err := cmd.Run(); err == nil {
			t.Error("cp tells of no failure")
		}
	})
	sameTree(t, to, good)
	if n := p.sim.Calls().File; n > 3*documents {
		t.Errorf("%d calls for %d documents", n, documents)
	}
	p.kill(unix.SIGTERM)
}
