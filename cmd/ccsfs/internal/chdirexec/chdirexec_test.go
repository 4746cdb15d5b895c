//go:build !windows

package chdirexec

import (
	"slices"
	"testing"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
)

func TestChildEnvironmentHasNoSecrets(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	env.Vars = map[string]string{
		"CCSFS_CLIENT_ID": "secret", "CCSFS_CLIENT_SECRET": "secret", "CCSFS_API_KEY": "secret",
		"CCSFS_API_KEY_FILE": "/run/key", "CCSFS_LAYOUT": "flat", "PATH": "/bin", "PWD": "/old", cmdutil.ReadyVariable: "3",
	}
	got := childEnvironment(env, "/mnt")
	slices.Sort(got)
	want := []string{"CCSFS_API_KEY_FILE=/run/key", "CCSFS_LAYOUT=flat", "CCSFS_MOUNTPOINT=/mnt", "PATH=/bin", "PWD=/mnt"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
