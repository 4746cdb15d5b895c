//go:build linux

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// TestStrangersFailuresAreTheirOwn: a command that is started in an outage gives up
// within seconds. Readers of a mount that wait for the same document, or the same
// listing, because that command asks for it, wait for the end of the outage.
func TestStrangersFailuresAreTheirOwn(t *testing.T) {
	begin(t)
	p := newProgram(t, options{account: apisim.Synthetic(2, 4, 5_000, ".pdf"), quirks: apisim.Quirks{Dates: true}})
	files := expected(t, p.sim, nil)
	p.start(nil)
	seen, unseen := files[0].path[:10], "OCB5000001"
	if _, err := os.ReadDir(p.path(seen)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(p.path(files[1].path)); err != nil { // the API is known to be in reach
		t.Fatal(err)
	}
	back := p.sim.GoAway(apisim.OutageRefused, apisim.Match{}, 0)
	var strangers []*exec.Cmd
	for _, args := range [][]string{{"cat", files[0].path}, {"ls", unseen}} {
		cmd, out := p.ccsfs(nil, args...), &logBook{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		strangers = append(strangers, cmd)
		within(t, 30*time.Second, "the command's first call", func() {
			for !strings.Contains(out.text(), "API request") {
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	done := make(chan error, 2)
	go func() {
		got, err := os.ReadFile(p.path(files[0].path))
		if err == nil && !bytes.Equal(got, files[0].data) {
			t.Errorf("%s: %d bytes, which are not its own", files[0].path, len(got))
		}
		done <- err
	}()
	go func() {
		_, err := os.ReadDir(p.path(unseen))
		done <- err
	}()
	within(t, 90*time.Second, "the commands", func() {
		for _, cmd := range strangers {
			if err := cmd.Wait(); err == nil {
				t.Errorf("%v succeeded without an API", cmd.Args)
			}
		}
	})
	back()
	within(t, 60*time.Second, "the readers", func() {
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}
