// Package shared is `ccsfs shared`: beginning, watching and checking what the machines that
// share an account have in common. What a pool does is for internal/pool to know, by what it
// is opened for package pooling.
package shared

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/pooling"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/authorities"
	"ccsfs/internal/pool"
)

// Command is `ccsfs shared`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "shared",
		Short:      "Set up and look after what several machines share",
		SuggestFor: []string{"pool", "cluster", "redis"},
		Long: `Machines that use one application can share it: Redis or Valkey (shared) keeps all of
them together to one rate and has each document asked for by one of them, and a bucket of
S3 or a directory that all have mounted (shared-store) keeps what they were given. They
need one key in common (CCSFS_SHARED_KEY_FILE), which "ccsfs shared init" makes.`,
		Example: `  ccsfs shared init
  ccsfs shared status
  ccsfs shared verify
  ccsfs shared prune --dry-run`,
		Args: cmdutil.KnownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(initCommand(env), statusCommand(env), verifyCommand(env), pruneCommand(env))
	return cmd
}

// addSettings gives cmd the settings by which a pool is found.
func addSettings(cmd *cobra.Command) {
	cmdutil.AddSettings(cmd, settings.GroupAccount, settings.GroupCache, settings.GroupTraffic)
}

// join opens the pool that the settings name. It asks nothing of the network.
func join(env cmdutil.Environment, s *settings.Settings) (*pool.Pool, error) {
	switch {
	case s.API.Offline:
		return nil, exitcode.Errorf(exitcode.Usage, "offline nobody is asked, and so is not what the machines share")
	case !pooling.Named(s):
		return nil, exitcode.Errorf(exitcode.Settings, "nothing is shared with other machines: shared is not set\n  It is the address of Redis or Valkey: ccsfs config set shared rediss://HOST:6379, or CCSFS_SHARED")
	}
	if err := s.CheckCredentials(); err != nil { // the client id tells accounts apart
		return nil, exitcode.With(exitcode.Settings, err)
	}
	var roots *x509.CertPool
	if s.API.CAFile != "" {
		var err error
		if roots, err = authorities.In(s.API.CAFile); err != nil {
			return nil, cmdutil.SettingsError(s.Reject("ca-file", err))
		}
	}
	return pooling.Open(env, s, filepath.Base(session.AccountPath(s)), roots, nil) // what is wrong the command itself says
}

// withPool runs use with the pool of the settings, until it is done or interrupted.
func withPool(env cmdutil.Environment, cmd *cobra.Command, use func(ctx context.Context, p *pool.Pool) error) error {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return err
	}
	cmdutil.Warn(env, s)
	ctx, done := env.Interruptible(cmd.Context())
	defer done()
	p, err := join(env, s)
	if err != nil {
		return err
	}
	err = use(ctx, p)
	closed := p.Close()
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return exitcode.Also(err, closed)
}

// failure gives an error of a pool its exit code.
func failure(err error) error {
	var said *exitcode.Error
	switch {
	case err == nil, errors.As(err, &said):
		return err
	case errors.Is(err, pool.ErrRefused):
		return exitcode.With(exitcode.Settings, err)
	case errors.Is(err, pool.ErrAway):
		return exitcode.With(exitcode.Unreachable, err)
	}
	return exitcode.With(exitcode.Failed, err)
}

// oneLine is an error as a cell of a table or a key of JSON has it.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprint(err), "\n", "; ")
}
