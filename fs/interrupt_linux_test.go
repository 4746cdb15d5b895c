package fs

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// statusText is /proc/PID/status with the fields that matter, and some others.
func statusText(state string, own, shared, blocked, caught uint64) string {
	hex := func(n uint64) string { return strings.ToLower(strings.Repeat("0", 4) + hex64(n)) }
	return "Name:\tcat\nState:\t" + state + " (x)\nTgid:\t7\nSigQ:\t0/1\nSigPnd:\t" + hex(own) +
		"\nShdPnd:\t" + hex(shared) + "\nSigBlk:\t" + hex(blocked) + "\nSigIgn:\t0\nSigCgt:\t" + hex(caught) + "\n"
}

func hex64(n uint64) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 16)
	for i := range b {
		b[15-i] = digits[n>>(4*i)&15]
	}
	return string(b)
}

func mask(sigs ...unix.Signal) (n uint64) {
	for _, s := range sigs {
		n |= 1 << (s - 1)
	}
	return n
}

func TestEnding(t *testing.T) {
	for name, c := range map[string]struct {
		own, shared, blocked, caught uint64
		want                         bool
	}{
		"nothing":               {},
		"killed":                {own: mask(unix.SIGKILL), want: true},
		"Ctrl-C, caught":        {shared: mask(unix.SIGINT), caught: mask(unix.SIGINT), want: true},
		"Ctrl-C, blocked":       {shared: mask(unix.SIGINT), blocked: mask(unix.SIGINT), caught: mask(unix.SIGINT)},
		"Ctrl-\\, not caught":   {shared: mask(unix.SIGQUIT), want: true},
		"terminated, caught":    {own: mask(unix.SIGTERM), caught: mask(unix.SIGTERM), want: true},
		"a Go program's own":    {own: mask(unix.SIGURG), caught: mask(unix.SIGURG)},
		"window, child":         {shared: mask(unix.SIGWINCH, unix.SIGCHLD), caught: mask(unix.SIGCHLD)},
		"timers, caught":        {shared: mask(unix.SIGALRM, unix.SIGPROF, unix.SIGVTALRM, unix.SIGIO), caught: ^uint64(0)},
		"a timer, not caught":   {shared: mask(unix.SIGALRM), want: true},
		"stopped":               {shared: mask(unix.SIGTSTP)},
		"progress of dd":        {shared: mask(unix.SIGUSR1), caught: mask(unix.SIGUSR1)},
		"harmless and Ctrl-C":   {own: mask(unix.SIGURG), shared: mask(unix.SIGINT), caught: ^uint64(0), want: true},
		"real-time, caught":     {own: 1 << 33, caught: 1 << 33},
		"a thread of a library": {own: 1 << 32},
	} {
		st, ok := parseStatus([]byte(statusText("D", c.own, c.shared, c.blocked, c.caught)))
		if !ok || st.state != 'D' || st.ending() != c.want {
			t.Errorf("%s: ending %v (parsed %v), want %v", name, st.ending(), ok, c.want)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(statusText("S", 1, 2, 3, 4)))
	f.Add([]byte("State:\nSigPnd:\tzz\n"))
	if b, err := os.ReadFile("/proc/self/status"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		st, ok := parseStatus(b)
		if ending := st.ending(); ok && st.state == 0 {
			t.Errorf("parsed without a state (ending: %v)", ending)
		}
	})
}

func TestLookAt(t *testing.T) {
	if c := lookAt(uint32(os.Getpid())); c.hidden || c.gone || c.ending {
		t.Errorf("this process: %+v", c)
	}
	if c := lookAt(0); !c.hidden {
		t.Errorf("no process id: %+v", c)
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if c := lookAt(uint32(cmd.Process.Pid)); !c.gone {
		t.Errorf("a process that has ended: %+v", c)
	}
}

func TestPatience(t *testing.T) {
	asleep := caller{asleep: true}
	for name, c := range map[string]struct {
		interrupted bool
		seen        caller
		want        bool
	}{
		"left alone":                 {seen: asleep},
		"left alone, awake":          {},
		"hidden":                     {seen: caller{hidden: true}},
		"wants to end, no interrupt": {seen: caller{ending: true, asleep: true}, want: true},
		"gone":                       {seen: caller{gone: true}, want: true},
		"harmless interrupt":         {interrupted: true, seen: asleep},
		"real interrupt":             {interrupted: true, seen: caller{ending: true, asleep: true}, want: true},
		"hidden and interrupted":     {interrupted: true, seen: caller{hidden: true}, want: true},
		"let go by the kernel":       {interrupted: true, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := &patient{parent: parent, look: func() caller { return c.seen }}
				defer p.finish()
				select {
				case <-p.Done():
					t.Fatal("cancelled from the start")
				default:
				}
				if c.interrupted {
					cancel()
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if got := p.Err() != nil; got != c.want {
					t.Errorf("cancelled: %v, want %v", got, c.want)
				}
			})
		})
	}
}

// A Ctrl-C that comes after a harmless signal is not announced by the kernel.
func TestPatienceGoesOnLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, interrupt := context.WithCancel(t.Context())
		var looks atomic.Int64
		p := &patient{parent: parent, look: func() caller {
			return caller{asleep: true, ending: looks.Add(1) == 20}
		}}
		defer p.finish()
		done := p.Done()
		interrupt()
		<-done
		if looks.Load() != 20 {
			t.Errorf("%d looks", looks.Load())
		}
	})
}

func TestPatienceIsLazy(t *testing.T) {
	p := &patient{parent: t.Context(), look: func() caller { t.Error("looked at the caller"); return caller{} }}
	if p.Err() != nil {
		t.Error("cancelled from the start")
	}
	p.finish()
	if p.Err() == nil {
		t.Error("not cancelled at the end")
	}
	<-p.Done()
}

// start starts a program on the mount, and stops it at the latest at the end.
func (r *rig) start(argv ...string) (cmd *exec.Cmd, ended <-chan error) {
	r.t.Helper()
	cmd = exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = testWriter{r.t}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait(); close(done) }()
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
	})
	return cmd, done
}

// Ctrl-C ends what waits for the API, at a stat as well as at a read, whether
// the program catches it or not, and also after harmless signals.
func TestCtrlC(t *testing.T) {
	python := []string{"python3", "-c", "import sys\ntry:\n  open(sys.argv[1],'rb').read()\nexcept KeyboardInterrupt:\n  sys.exit(9)"}
	for _, c := range []struct {
		name  string
		argv  []string
		known bool // the size is known: it is the read that waits
		first unix.Signal
	}{
		{"cat, size", []string{"cat"}, false, 0},
		{"cat, bytes", []string{"cat"}, true, 0},
		{"stat", []string{"stat"}, false, 0},
		{"python, size", python, false, 0},
		{"python, bytes", python, true, 0},
		{"cat after SIGWINCH", []string{"cat"}, false, unix.SIGWINCH},
		{"python after SIGCHLD", python, false, unix.SIGCHLD},
		{"python after SIGWINCH, bytes", python, true, unix.SIGWINCH},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := simpleRig(t, Config{})
			if c.argv[0] == "python3" {
				if _, err := exec.LookPath("python3"); err != nil {
					t.Skip("no python3")
				}
			}
			if c.known {
				r.must("stat", r.path("C1", "a.pdf"))
			}
			waiting, _ := r.store.hold(t)
			cmd, ended := r.start(append(c.argv, r.path("C1", "a.pdf"))...)
			<-waiting
			if c.first != 0 {
				cmd.Process.Signal(c.first)
				time.Sleep(3 * interruptedPoll)
			}
			cmd.Process.Signal(unix.SIGINT)
			select {
			case err := <-ended:
				if err == nil {
					t.Error("it ended as if nothing had happened")
				}
			case <-time.After(20 * time.Second):
				t.Error("Ctrl-C did not end it")
			}
		})
	}
}

// Signals that end nothing must not fail anything, however many there are.
func TestHarmlessSignals(t *testing.T) {
	r := simpleRig(t, Config{})
	waiting, release := r.store.hold(t)
	argv := helper(t, "storm", r.path("C1", "b.pdf"))
	cmd := exec.Command(argv[0], argv[1:]...)
	in, out := pipes(t, cmd)
	defer in.Close()
	for _, want := range []string{"stat", "read"} {
		// Signals rain on it while it waits, first for the size, then for bytes.
		select {
		case got := <-waiting:
			if got != want {
				t.Fatalf("waits for %s, not for %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("does not wait for its %s: has it failed before?", want)
		}
		time.Sleep(4 * interruptedPoll)
		before := release
		if want == "stat" { // the read must meet the next hold, however soon it comes
			waiting, release = r.store.hold(t)
		}
		before()
	}
	expect(t, out, string(r.store.data["b"]))
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
