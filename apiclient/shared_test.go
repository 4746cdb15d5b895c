package apiclient

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/osfile"
	"ccsfs/internal/osfile/osfiletest"
)

const sharedChild = "APICLIENT_TEST_SHARED"

// takeTurns is a process that goes as fast as the file lets it, and writes when
// it went.
func takeTurns(path string) {
	p := newPacer(nil, 20, 3)
	p.share(newSharedFile(path, sharedClock, slog.New(slog.NewTextHandler(os.Stderr, nil))))
	for {
		if _, err := p.wait(context.Background(), nil); err != nil {
			os.Exit(1)
		}
		fmt.Println(int64(sharedClock()))
	}
}

// standstills notes when this process stood still for long, by the clock of the file,
// as all do on a machine that was stopped for a while. The function returned ends it,
// and says how much of a time that was.
func standstills() (within func(from, to time.Duration) time.Duration) {
	const long = 500 * time.Millisecond
	type gap struct{ from, to time.Duration }
	var gaps []gap
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for last := sharedClock(); ; {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			now := sharedClock()
			if now-last > long {
				gaps = append(gaps, gap{last, now})
			}
			last = now
		}
	}()
	return func(from, to time.Duration) (sum time.Duration) {
		close(stop)
		<-done
		for _, g := range gaps {
			sum += max(0, min(g.to, to)-max(g.from, from))
		}
		return sum
	}
}

// Four processes share one rate; one that is killed, at any moment, costs the
// others nothing.
func TestProcessesShareTheRate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	var mu sync.Mutex
	var times []time.Duration
	var wg sync.WaitGroup
	stood := standstills()
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), sharedChild+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				n, err := strconv.ParseInt(lines.Text(), 10, 64)
				if err != nil {
					continue // cut short by the kill
				}
				mu.Lock()
				times = append(times, time.Duration(n))
				mu.Unlock()
			}
			cmd.Wait()
		})
		return cmd
	}
	children := []*exec.Cmd{start(), start(), start(), start()}
	for range 8 {
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		i := rand.IntN(len(children))
		children[i].Process.Kill()
		children[i] = start()
	}
	for _, c := range children {
		c.Process.Kill()
	}
	wg.Wait()
	slices.Sort(times)
	worst := 0
	for i, from := range times {
		n, _ := slices.BinarySearch(times, from+time.Second)
		worst = max(worst, n-i)
	}
	took := times[len(times)-1] - times[0]
	still := stood(times[0], times[len(times)-1]) // in which nobody could take a turn
	ideal, least := 3+int(20*took.Seconds()), (3+int(20*(took-still).Seconds()))/2
	t.Logf("%d turns in %v, stood still for %v, ideal %d, %d in the worst second", len(times), took, still, ideal, worst)
	if worst > 25 || len(times) > ideal+1 || len(times) < least {
		t.Errorf("%d turns in %v, stood still for %v, ideal %d, at least %d, %d in the worst second", len(times), took, still, ideal, least, worst)
	}
}

// sharing returns pacers that use one file, with clocks of the test's.
func sharing(t *testing.T, path string, next http.RoundTripper, rates ...float64) ([]*pacer, *bytes.Buffer) {
	start := time.Now()
	var log bytes.Buffer
	var list []*pacer
	for _, perSecond := range rates {
		p := newPacer(next, perSecond, 3)
		p.share(newSharedFile(path, func() time.Duration { return 1000*time.Hour + time.Since(start) }, slog.New(slog.NewTextHandler(&log, nil))))
		// Of the real time: the others wait for a mutex meanwhile, which stops the bubble's.
		p.shared.sleep = reallySleep
		t.Cleanup(p.shared.close)
		list = append(list, p)
	}
	return list, &log
}

func flood(t *testing.T, p *pacer, name string, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { ask(t.Context(), p, name) })
	}
	return &wg
}

func TestSharedRate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, _ := sharing(t, path, next, 20, 20, 20)
		var groups []*sync.WaitGroup
		for i, p := range list {
			groups = append(groups, flood(t, p, fmt.Sprint("/", i), 40))
		}
		for _, g := range groups {
			g.Wait()
		}
		if d := next.times[len(next.times)-1]; d < 5850*time.Millisecond || d > 6*time.Second {
			t.Errorf("120 requests took %v", d)
		}
	})
}

// A process that was told to go slower does, and leaves the rest to the others.
func TestLowerRateOfOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, _ := sharing(t, path, next, 20, 0.5)
		fast, slow := flood(t, list[0], "/fast", 200), flood(t, list[1], "/slow", 4)
		fast.Wait()
		slow.Wait()
		n := 0
		for i, at := range next.times {
			if at < 3*time.Second && next.names[i] == "/slow" {
				n++
			}
		}
		if n > 3+1 {
			t.Errorf("%d slow ones in 3 s", n)
		}
	})
}

// What the API says to one of them holds for all: the pause, and the halved rate.
func TestPauseHoldsForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, _ := sharing(t, path, next, 16, 16, 0)
		ask(t.Context(), list[1], "/")
		next.err = &Error{kind: ErrRateLimited, retryAfter: 7 * time.Second}
		ask(t.Context(), list[0], "/")
		next.err = nil
		for _, p := range list[1:] {
			ask(t.Context(), p, "/")
			if d := time.Since(next.start); d < 7*time.Second || d > 7500*time.Millisecond {
				t.Errorf("went after %v", d)
			}
			if _, _, perSecond := p.load(); perSecond != 8 && perSecond != slowUnlimited/2 {
				t.Errorf("%v a second", perSecond)
			}
		}
	})
}

// Commands that end after one call each, one after the other for minutes, do not
// ask for more tokens than the endpoint allows, which is 50 a minute.
func TestProcessesShareTheTokenEndpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		start := time.Now()
		clock := func() time.Duration { return 1000*time.Hour + time.Since(start) }
		var times []time.Duration
		for time.Since(start) < 5*time.Minute {
			p := newPacer(nil, 20, 3)
			f := newSharedFile(path, clock, slog.New(slog.DiscardHandler))
			p.share(f)
			if err := p.tokenTurn(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.close()
			times = append(times, time.Since(start))
		}
		for i, from := range times {
			if n, _ := slices.BinarySearch(times, from+time.Minute); n-i > 50 {
				t.Fatalf("%d in the minute from %v on", n-i, from)
			}
		}
		if len(times) < 200 {
			t.Errorf("%d in five minutes", len(times))
		}
	})
}

// The urgent ones of a process go first, of those that it has.
func TestUrgentGoFirstForTheSharedRate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, _ := sharing(t, path, next, 1)
		var wg sync.WaitGroup
		for i, u := range []*Priority{LowPriority(), LowPriority(), nil} {
			wg.Go(func() { ask(WithPriority(t.Context(), u), list[0], fmt.Sprint("/", i)) })
			synctest.Wait()
		}
		wg.Wait()
		if got := fmt.Sprint(next.names); got != "[/0 /2 /1]" {
			t.Error(got)
		}
	})
}

// Whatever lies at the path: requests go, not faster than this process may, and
// not much slower; what is wrong is said once.
func TestBadSharedFiles(t *testing.T) {
	huge := fmt.Sprintf(`{"tat":%d,"paused":%d,"slowed":%d,"recover":%d,"halved":99}`, int64(1)<<62, int64(1)<<62, int64(1)<<62, int64(1)<<62)
	pad := func(s string) string { return s + strings.Repeat(" ", sharedBytes-1-len(s)) + "\n" }
	write := func(s string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(s), 0o600) }
	}
	boot := `"boot":"` + bootID() + `",`
	tests := []struct {
		name   string
		make   func(path string) error
		usable bool
		most   time.Duration // for 8 requests at 10 a second
		wine   bool          // Wine cannot
	}{
		{"missing", func(string) error { return nil }, true, time.Second, false},
		{"empty", write(""), true, time.Second, false},
		{"cut", write(`{"tat":12`), true, time.Second, false},
		{"rubbish", write(strings.Repeat("\x00\xff{[", 10000)), true, time.Second, false},
		{"other types", write(pad(`{"tat":"x","halved":{}}`)), true, time.Second, false},
		{"of another boot", write(pad(`{"boot":"x",` + huge[1:])), true, time.Second, false},
		{"far in the future", write(pad("{" + boot + huge[1:])), true, pauseMost + 20*time.Second, false},
		{"far in the past", write(pad("{" + boot + strings.ReplaceAll(huge[1:], ":4", ":-4"))), true, 20 * time.Second, false},
		{"pipe", nil, false, time.Second, false},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, false, time.Second, false},
		{"symbolic link", func(path string) error { return os.Symlink("/etc/hostname", path) }, false, time.Second, true},
		{"no directory", func(path string) error { return os.Remove(filepath.Dir(path)) }, true, time.Second, false},
		{"no directory to be had", func(path string) error {
			return errors.Join(os.Remove(filepath.Dir(path)), os.WriteFile(filepath.Dir(path), nil, 0o600))
		}, false, time.Second, false},
		{"held by a stopped process", holdLock(t), true, 2 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.wine {
				osfiletest.SkipWine(t)
			}
			path := filepath.Join(t.TempDir(), "dir", "shared")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if tt.make == nil {
				tt.make = func(path string) error { return osfiletest.Pipe(t, path) }
			}
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			inBubble(t, func(t *testing.T) {
				next := &passed{start: time.Now()}
				list, log := sharing(t, path, next, 10)
				flood(t, list[0], "/", 8).Wait()
				if d := time.Since(next.start); d < 500*time.Millisecond || d > tt.most {
					t.Errorf("took %v", d)
				}
				if n := strings.Count(log.String(), "cannot share"); (n == 0) != tt.usable || n > 1 {
					t.Errorf("said %d times: %s", n, log)
				}
			})
		})
	}
}

// holdLock makes a file and keeps it locked.
func holdLock(t *testing.T) func(string) error {
	return func(path string) error {
		f, err := osfile.Open(path, os.O_RDWR|os.O_CREATE, 0o600) // as a process of ours has it
		if err != nil {
			return err
		}
		t.Cleanup(func() { f.Close() })
		return osfile.TryLock(f)
	}
}

// A file that is removed, replaced or damaged while it is in use is one for all
// again at the next request.
func TestSharedFileVanishes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, log := sharing(t, path, next, 20, 20)
		a, b := flood(t, list[0], "/a", 100), flood(t, list[1], "/b", 100)
		for i := range 8 {
			time.Sleep(time.Second)
			switch i % 3 {
			case 0:
				os.Remove(path)
			case 1:
				os.Truncate(path, 3)
			case 2:
				os.Rename(path, path+".old")
			}
		}
		a.Wait()
		b.Wait()
		if log.Len() > 0 {
			t.Error(log)
		}
		for i, from := range next.times {
			n, _ := slices.BinarySearch(next.times, from+time.Second)
			if n-i > 25 {
				t.Fatalf("%d in the second from %v on", n-i, from)
			}
		}
	})
}

// Clocks that jump, here and there, cost a few seconds at most.
func TestSharedClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{-100 * time.Hour, -time.Minute, time.Minute, 100 * time.Hour} {
		path := filepath.Join(t.TempDir(), "shared")
		inBubble(t, func(t *testing.T) {
			next := &passed{start: time.Now()}
			list, _ := sharing(t, path, next, 20, 20)
			flood(t, list[0], "/a", 30).Wait()
			clock := list[0].clock
			jumped := func() time.Duration { return clock() + jump }
			list[1].clock, list[1].shared.clock = jumped, jumped
			before := time.Now()
			flood(t, list[1], "/b", 30).Wait()
			flood(t, list[0], "/a", 30).Wait()
			if d := time.Since(before); d > 2*(aheadMost+2*time.Second) {
				t.Errorf("%v: took %v", jump, d)
			}
		})
	}
}

// On a busy machine a process loses the processor while it holds the lock: the
// others wait for it, and do not go at a rate of their own meanwhile.
func TestASlowHolderIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := osfile.TryLock(f); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := newSharedFile(path, sharedClock, slog.New(slog.NewTextHandler(&log, nil)))
	defer s.close()
	time.AfterFunc(200*time.Millisecond, func() { f.Close() })
	p := newPacer(nil, 20, 3)
	p.share(s)
	for range 3 {
		if _, err := p.wait(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	if log.Len() > 0 {
		t.Error(log.String())
	}
}

// A process that is stopped while it holds the lock is not waited for, and those that
// go on keep to one rate together, and to what the API told before.
func TestAStoppedHolderLeavesOneRate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	if err := holdLock(t)(path); err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, log := sharing(t, path, next, 20, 20, 20, 20)
		var groups []*sync.WaitGroup
		for i, p := range list {
			groups = append(groups, flood(t, p, fmt.Sprint("/", i), 30))
		}
		for _, g := range groups {
			g.Wait()
		}
		for i, from := range next.times {
			n, _ := slices.BinarySearch(next.times, from+time.Second)
			if n-i > 25 {
				t.Fatalf("%d in the second from %v on", n-i, from)
			}
		}
		if strings.Contains(log.String(), "cannot share") {
			t.Error(log)
		}
	})
}

// What a file said of a pause holds for the one that takes its place.
func TestAPauseOutlivesAStoppedHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared")
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, _ := sharing(t, path, next, 20, 20)
		next.err = &Error{kind: ErrRateLimited, retryAfter: 30 * time.Second}
		ask(t.Context(), list[0], "/")
		next.err = nil
		if err := osfile.TryLock(list[0].shared.f); err != nil { // and stops here
			t.Fatal(err)
		}
		ask(t.Context(), list[1], "/")
		if d := time.Since(next.start); d < 30*time.Second {
			t.Errorf("went after %v", d)
		}
	})
}

// A file that cannot be used for a moment, as where the cache is replaced, is tried
// again a second later: until then each process goes at a rate of its own.
func TestSharingGoesOnSoon(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Hour
	s := newSharedFile(filepath.Join(dir, "rate"), func() time.Duration { return now }, slog.New(slog.DiscardHandler))
	defer s.close()
	shared := func() bool {
		return s.update(func(time.Duration) sharedState { return sharedState{} }, func(*sharedState, time.Duration) {})
	}
	if !shared() {
		t.Fatal("not shared")
	}
	if err := errors.Join(os.Rename(dir, dir+"-old"), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if shared() {
		t.Fatal("shared although the directory is a file")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if shared() {
		t.Error("tried again at once")
	}
	now += time.Second
	if !shared() {
		t.Error("not tried again after a second")
	}
}

// Commands that are run again and again with credentials that are refused ask with them
// five times, and then twice a minute, however many there are; with others at once.
func TestRefusedCredentialsAreShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rate")
	inBubble(t, func(t *testing.T) {
		began := time.Now()
		secret := testSecret
		f, _ := newFake(t)
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			if _, got, _ := r.BasicAuth(); got != "another-one" {
				writeJSON(w, 401, map[string]any{"error": "invalid_client"})
				return
			}
			writeJSON(w, 200, map[string]any{"access_token": testToken + "1", "expires_in": 3600})
		})
		f.answer("/contracts", 200, `[]`)
		command := func() error {
			cfg := f.config()
			cfg.ClientSecret = secret
			c, err := newClient(cfg, f.net.dial)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.wire.share(newSharedFile(path, func() time.Duration { return time.Hour + time.Since(began) }, c.log))
			defer c.wire.shared.close()
			_, err = c.Contracts(t.Context())
			return err
		}
		for n := range 300 {
			if err := command(); !errors.Is(err, ErrCredentials) {
				t.Fatal(n, err)
			}
			time.Sleep(time.Second)
		}
		if n := f.tokens(); n < refusedAtOnce+8 || n > refusedAtOnce+11 {
			t.Errorf("%d tokens were asked for in five minutes", n)
		}
		secret = "another-one"
		if err := command(); err != nil {
			t.Error(err)
		}
		secret = testSecret
		before := f.tokens()
		time.Sleep(time.Hour)
		for range refusedAtOnce + 3 {
			if err := command(); !errors.Is(err, ErrCredentials) {
				t.Error(err)
			}
		}
		if n := f.tokens() - before; n != refusedAtOnce {
			t.Errorf("%d tokens were asked for an hour later", n)
		}
	})
}
