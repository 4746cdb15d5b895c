//go:build !windows

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/mount"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/fs"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"ccsfs": main, mount.HelperName: main})
}

// leakChecked fails the whole run if a goroutine outlives the tests.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	cmdtest.AtOnce(6)
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScript runs testdata/script. Besides the usual ones, scripts have the
// commands of script_commands_test.go and the condition [fuse].
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setupScript,
		Condition:           scriptCondition,
		Deadline:            time.Now().Add(20 * cmdtest.Patience), // for all of them, on a machine that does other things, too
		Cmds:                scriptCommands(),
	})
}

// scriptCommands are those of scripts besides the usual ones.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"simulator": simulatorCommand,
		"fault":     faultCommand,
		"publish":   publishCommand,
		"withdraw":  withdrawCommand,
		"list":      listCommand,

		"credentials": credentialsCommand,
		"calls":       callsCommand,
		"status":      statusCommand,
		"sig":         sigCommand,
		"mounted":     mountedCommand,
		"secretless":  secretlessCommand,
		"supervise":   superviseCommand,
		"notified":    notifiedCommand,
	}
}

// setupScript gives each script a home of its own, and unmounts what a failed
// script leaves.
func setupScript(e *testscript.Env) error {
	packaging, err := filepath.Abs("../../packaging")
	if err != nil {
		return err
	}
	e.Vars = append(e.Vars, "HOME="+e.WorkDir, "GORACE=atexit_sleep_ms=0", // else each program takes a second to end
		"XDG_CONFIG_HOME="+e.WorkDir+"/config", "XDG_CACHE_HOME="+e.WorkDir+"/cache",
		"XDG_STATE_HOME="+e.WorkDir+"/state", "XDG_RUNTIME_DIR="+e.WorkDir+"/run",
		mounts.PlaceVariable+"="+e.WorkDir+"/run/ccsfs", "PACKAGING="+packaging)
	for _, dir := range []string{"config/ccsfs", "run"} {
		if err := os.MkdirAll(filepath.Join(e.WorkDir, dir), 0o700); err != nil {
			return err
		}
	}
	s := &scriptSimulator{withdrawn: map[string]apisim.Contract{}}
	e.Values[simulatorKey{}] = s
	e.Values[supervisorKey{}] = &supervisor{}
	e.Defer(func() {
		table, _ := mountinfo.Table() // none: nothing to clean up
		for _, m := range table {
			if m.Ours() && mountinfo.Within(m.Point, e.WorkDir) {
				_ = fs.Unmount(context.Background(), m.Point, true)
			}
		}
		s.stop()
	})
	return nil
}

// scriptCondition knows [fuse], [redis] and [root]. With CCSFS_REQUIRE_FUSE=1 a script
// is not skipped for want of FUSE: it fails.
func scriptCondition(name string) (bool, error) {
	switch name {
	case "fuse":
		return canMount() || os.Getenv("CCSFS_REQUIRE_FUSE") == "1", nil
	case "redis":
		_, err := exec.LookPath("redis-server")
		return err == nil || os.Getenv("CCSFS_REQUIRE_ENGINES") == "1", nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

func canMount() bool {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	return os.Geteuid() == 0 || mounting.Fusermount() != ""
}
