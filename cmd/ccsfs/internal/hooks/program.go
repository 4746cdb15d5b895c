package hooks

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/environment"
)

// Which program is run, and what it finds in its environment.

// find finds the program of a name, as a shell in the user's directory would.
func find(env cmdutil.Environment, name string) (string, error) {
	if filepath.Base(name) != name && !filepath.IsAbs(name) {
		name = filepath.Join(env.Dirs.Work, name)
	}
	return exec.LookPath(name)
}

// environmentFor is our environment without the secrets, which hooks have no need of. A
// ccsfs in a hook takes the same settings file, account and cache.
func environmentFor(env cmdutil.Environment, s *settings.Settings) map[string]string {
	vars := maps.Clone(env.Vars)
	for _, setting := range settings.Table() {
		name := setting.Environment()
		switch {
		case setting.Secret:
			delete(vars, name)
		case setting.Name == "account" && s.Account != "":
			vars[name] = s.Account
		case setting.Name == "cache-dir" && s.Cache.Dir != "":
			vars[name] = s.Cache.Dir
		}
	}
	if _, err := os.Stat(s.ConfigFile); err == nil {
		vars[environment.Config] = s.ConfigFile
	}
	delete(vars, cmdutil.ReadyVariable)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"} {
		delete(vars, name) // systemd's, for us alone
	}
	return vars
}
