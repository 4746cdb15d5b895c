//go:build linux

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// agent is another process that does system calls for a test, and tells their
// errno.
type agent struct {
	t     testing.TB
	drive *rig // whose drive it asks instead
	cmd   *exec.Cmd
	in    *json.Encoder
	end   func() // may be called again

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
}

// newAgent starts one that ends with the test.
func newAgent(t testing.TB) *agent {
	t.Helper()
	argv := helper(t, "agent")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, cmd: cmd, in: json.NewEncoder(in), waiting: make(map[int]chan answer)}
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		for d := json.NewDecoder(out); ; {
			var x answer
			if d.Decode(&x) != nil {
				a.giveUp()
				return
			}
			a.deliver(x)
		}
	}()
	a.end = sync.OnceFunc(func() {
		cmd.Process.Kill() // it may hang in a system call
		<-listening
		cmd.Wait()
		in.Close()
	})
	t.Cleanup(a.end)
	return a
}

// close ends it before the test does.
func (a *agent) close() { a.end() }

func (a *agent) deliver(x answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[x.ID] <- x
	delete(a.waiting, x.ID)
}

// giveUp answers for an agent that has ended.
func (a *agent) giveUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, c := range a.waiting {
		c <- answer{ID: id, Errno: "the agent has ended"}
	}
	clear(a.waiting)
}

// ask begins a system call; the channel gets what comes of it.
func (a *agent) ask(q question) <-chan answer {
	if a.drive != nil {
		c := make(chan answer, 1)
		go func() { c <- a.drive.do(q) }()
		return c
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	q.ID = a.last
	c := make(chan answer, 1)
	a.waiting[q.ID] = c
	if err := a.in.Encode(q); err != nil {
		a.t.Errorf("agent: %v", err)
		c <- answer{Errno: err.Error()}
		delete(a.waiting, q.ID)
	}
	return c
}

func (a *agent) stat(path string) answer { return <-a.ask(question{Op: "stat", Path: path}) }
func (a *agent) list(path string) answer { return <-a.ask(question{Op: "list", Path: path}) }
func (a *agent) readAll(path string) answer {
	return <-a.ask(question{Op: "read", Path: path, Len: -1})
}
func (a *agent) read(path string, off int64, n int) answer {
	return <-a.ask(question{Op: "read", Path: path, Off: off, Len: n})
}
