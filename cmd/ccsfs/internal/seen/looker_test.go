package seen

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/lease"
	"ccsfs/internal/turn"
)

// said is what is written, a text for each write.
type said chan string

func (s said) Write(p []byte) (int, error) {
	s <- string(p)
	return len(p), nil
}

// TestALookerThatStandsStill: who is waited for is said after a moment, and one that does
// nothing for long is given up: jobs of cron would wait for it one after the other.
func TestALookerThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stderr := make(said, 10)
		env := cmdutil.Environment{Stderr: stderr, Stdout: io.Discard, Dirs: cmdutil.Directories{State: t.TempDir()}}
		l, err := OpenLooker(env, &settings.Settings{}, "default")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		path := filepath.Join(l.dir, "default.lock")
		if err := os.WriteFile(path, []byte("process 7 on here\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		other := lease.Open(path)
		defer other.Close()
		stopped, ok := other.Try("look")
		if !ok {
			t.Fatal("not locked")
		}
		defer stopped.Release()
		got := make(chan error, 1)
		go func() {
			_, _, err := l.Turn(t.Context(), env)
			got <- err
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(stderr) > 0 {
			t.Errorf("said of a short wait: %s", <-stderr)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(stderr) != 1 || !strings.Contains(<-stderr, "process 7 on here") {
			t.Error("it is not said who it is")
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		select {
		case err := <-got:
			if still := (turn.StandsStillError{}); !errors.As(err, &still) || !strings.Contains(err.Error(), "process 7 on here; it has shown no sign of life for 5m") {
				t.Error(err)
			}
		default:
			t.Error("it is waited for still")
			stopped.Release()
			<-got
		}
	})
}
