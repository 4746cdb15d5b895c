// Package localpath makes of arguments that are paths of this machine, into a mount, paths
// of the account: what is seen in a mount can be named to ls, cat and pull as it is seen.
package localpath

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Help is the paragraph on it for the help of a command.
const Help = `A PATH may also lead into a mount (~/bills/OCB0001234), or be relative to a directory of
one; it is then looked up under the names that the mount shows.`

// WithAccount is session.WithAccount for a command that takes paths: use gets them as
// paths of the account. The layout is that of the mount that they lead into, unless
// --layout says another.
func WithAccount(env cmdutil.Environment, cmd *cobra.Command, purpose session.Purpose, args []string, use func(ctx context.Context, a session.Session, args []string) error) error {
	r := resolved{env: env, args: append([]string(nil), args...)}
	return session.WithSettings(env, cmd, purpose,
		func(s *settings.Settings) error { return r.resolve(cmd.Context(), s) },
		func(ctx context.Context, a session.Session) error {
			a.OwnLayout = r.layout
			return use(ctx, a, r.args)
		})
}

// resolved are arguments, and the mount that some of them lead into.
type resolved struct {
	env    cmdutil.Environment
	args   []string
	point  string // "": none
	named  string // the argument that did
	layout string // that of the settings, if that of the mount is another one
}

func (r *resolved) resolve(ctx context.Context, s *settings.Settings) error {
	for i, arg := range r.args {
		if s.Listings.PortableNames { // no name has a backslash then
			r.args[i] = filepath.ToSlash(arg)
		}
		if arg == "" { // the root of the account
			continue
		}
		point, below, ok := mounts.InsideMount(r.env, arg)
		switch {
		case !ok:
			continue
		case r.point != "" && r.point != point:
			return exitcode.Errorf(exitcode.Usage, "%s and %s lie in different mounts; name one at a time", r.named, arg)
		}
		r.point, r.named, r.args[i] = point, arg, below
	}
	if r.point == "" {
		return nil
	}
	state, err := mounts.StateOf(ctx, r.env, r.point)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		term.Say(r.env.Stderr, "%s: what is there is looked up by the settings of this command: %s", r.point, firstLine(err))
		return nil
	}
	return r.adopt(s, state)
}

// adopt takes over how the mount names documents.
func (r *resolved) adopt(s *settings.Settings, state *control.Status) error {
	if its := filepath.Base(session.AccountPath(s)); state.Account != its {
		return exitcode.Errorf(exitcode.Settings, "%s lies in a mount of another account (%s) than that of the settings; give this command the settings of the mount, such as --config", r.named, state.APIURL)
	}
	if s.Source("layout").Origin != settings.FromFlag && s.Listings.Layout != state.Layout {
		r.layout = s.Listings.Layout
		s.Listings.Layout = state.Layout
	}
	if s.Source("contract-names").Origin != settings.FromFlag {
		s.Listings.ContractNames = state.ContractNames
	}
	if s.Source("portable-names").Origin != settings.FromFlag {
		s.Listings.PortableNames = state.PortableNames
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}
