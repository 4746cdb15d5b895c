// Package simulate is `ccsfs simulate`: the simulated API, served on its own.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/observed"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/simulated"
	"ccsfs/cmd/ccsfs/internal/term"
)

// simulateOptions are the flags of `ccsfs simulate`.
type simulateOptions struct {
	listen      string
	allowRemote bool
	latency     time.Duration
	rateLimit   int
	quirks      []string
	like        string // "": like nothing in particular
}

// Command is `ccsfs simulate`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:        "simulate [flags]",
		Short:      "Serve the simulated API",
		SuggestFor: []string{"simulator", "mock", "server"},
		Long: `Serve a simulated Cloud Customer Space API, with an account of several contracts and
years of documents, and print the settings to use it with. What the real API does
in these points is not known; --quirk switches them: ` + strings.Join(simulated.QuirkNames(), ", ") + `.

--like takes a bundle of ` + "`ccsfs doctor --bundle`" + ` (or what its --json printed), and serves an
API that behaves as the one that was seen there; what cannot be simulated is said. The
account is the same as ever. Flags go before what the bundle says.`,
		Example: `  ccsfs simulate
  ccsfs simulate --latency=300ms --rate-limit=25 --quirk=range,etag
  ccsfs simulate --like=ccsfs-help.zip
  curl -u "$CCSFS_CLIENT_ID:$CCSFS_CLIENT_SECRET" -d grant_type=client_credentials \
       -H 'Accept: application/json' "$CCSFS_OAUTH_URL/token"`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return simulate(cmd.Context(), env, o, cmd.Flags().Changed("latency"))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8425", "serve at this `ADDRESS`, port 0 for any free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "allow an address that other machines can reach")
	f.DurationVar(&o.latency, "latency", 0, "wait this `DURATION` before each answer")
	f.IntVar(&o.rateLimit, "rate-limit", 0, "refuse more than `N` requests a second, as the real API does with 25 (0: no limit)")
	f.StringSliceVar(&o.quirks, "quirk", nil, "switch a `NAME` on (may be repeated)")
	f.StringVar(&o.like, "like", "", "behave as the API that is described in this `FILE`, a bundle of ccsfs doctor")
	// Fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("quirk", cobra.FixedCompletions(simulated.QuirkNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func simulate(ctx context.Context, env cmdutil.Environment, o simulateOptions, slow bool) error {
	ctx, done := env.Interruptible(ctx)
	defer done()
	if err := checkListen(o); err != nil {
		return err
	}
	api := &apisim.Server{Quirks: apisim.Quirks{RateLimit: o.rateLimit}}
	if o.like != "" {
		origin, err := behave(ctx, env, api, o.like)
		if err != nil {
			return err
		}
		defer origin.Close()
	}
	if o.like == "" || slow {
		api.Latency = o.latency
	}
	if err := simulated.SetQuirks(&api.Quirks, o.quirks); err != nil {
		return err
	}
	s, err := simulated.Serve(ctx, api, o.listen)
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot serve at %s: %w\n  Choose another address: ccsfs simulate --listen=127.0.0.1:0", o.listen, err)
	}
	printSettings(env, s)
	select {
	case <-ctx.Done():
		return s.Close()
	case err := <-s.Ended:
		return exitcode.Errorf(exitcode.Failed, "the simulated API stopped: %w", err)
	}
}

// behave makes an API like the one that a bundle describes. What it returns is the other
// host that documents come from, if they do.
func behave(ctx context.Context, env cmdutil.Environment, api *apisim.Server, bundle string) (io.Closer, error) {
	path := bundle
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dirs.Work, path)
	}
	table, err := observed.Read(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, exitcode.Errorf(exitcode.Usage, "--like %s: %w", term.Plain(bundle), err)
	}
	l := like(table, api)
	for _, what := range l.missing {
		term.Say(env.Stderr, "this cannot be simulated: %s", what)
	}
	if !l.redirect {
		return io.NopCloser(nil), nil
	}
	origin, err := simulated.Serve(ctx, api.Origin(), "127.0.0.1:0")
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Failed, "cannot serve the documents at another address: %w", err)
	}
	api.Quirks.Redirect = origin.Base()
	return origin, nil
}

// checkListen refuses addresses that other machines can reach, unless that is
// wanted: the credentials are known to everyone, and travel over plain http.
func checkListen(o simulateOptions) error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return exitcode.Errorf(exitcode.Usage, "--listen %q is no address; a good one is --listen=127.0.0.1:8425", o.listen)
	}
	ip := net.ParseIP(host)
	if local := host == "localhost" || ip != nil && ip.IsLoopback(); !local && !o.allowRemote {
		return exitcode.Errorf(exitcode.Usage, "--listen %q can be reached by other machines, with credentials that everyone knows; "+
			"if that is wanted (in a container, say), add --allow-remote", o.listen)
	}
	return nil
}

func printSettings(env cmdutil.Environment, s *simulated.Server) {
	var with settings.Settings
	s.Credentials(&with)
	term.Say(env.Stderr, "the simulated API is served at %s until Ctrl-C\nIn another shell:\n", s.Base())
	for _, v := range [][2]string{
		{"CCSFS_API_URL", with.API.URL}, {"CCSFS_OAUTH_URL", with.API.OAuthURL},
		{"CCSFS_CLIENT_ID", apisim.ClientID}, {"CCSFS_CLIENT_SECRET", apisim.ClientSecret}, {"CCSFS_API_KEY", apisim.APIKey},
	} {
		_, _ = fmt.Fprintf(env.Stdout, exported, v[0], v[1])
	}
	term.Say(env.Stderr, "then: %s", then)
}
