package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// simulateOptions are the flags of `ccsfs simulate`.
type simulateOptions struct {
	listen      string
	allowRemote bool
	latency     time.Duration
	rateLimit   int
	quirks      []string
}

func simulateCommand(env environment) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate [flags]",
		Short: "Serve the simulated API",
		Long: `Serve a simulated Cloud Customer Space API, with an account of several contracts and
years of documents, and print the settings to use it with. What the real API does
in these points is not known; --quirk switches them: ` + strings.Join(quirkNames(), ", ") + `.`,
		Example: `  ccsfs simulate
  ccsfs simulate --latency=300ms --rate-limit=25 --quirk=range,etag
  curl -u "$CCSFS_CLIENT_ID:$CCSFS_CLIENT_SECRET" -d grant_type=client_credentials \
       -H 'Accept: application/json' "$CCSFS_OAUTH_URL/token"`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return simulate(cmd.Context(), env, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8425", "serve at this `ADDRESS`, port 0 for any free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "allow an address that other machines can reach")
	f.DurationVar(&o.latency, "latency", 0, "wait this `DURATION` before each answer")
	f.IntVar(&o.rateLimit, "rate-limit", 0, "refuse more than `N` requests a second, as the real API does with 25 (0: no limit)")
	f.StringSliceVar(&o.quirks, "quirk", nil, "switch a `NAME` on (may be repeated)")
	// Fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("quirk", cobra.FixedCompletions(quirkNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func simulate(ctx context.Context, env environment, o simulateOptions) error {
	ctx, done := env.interruptible(ctx)
	defer done()
	if err := checkListen(o); err != nil {
		return err
	}
	api := &apisim.Server{Latency: o.latency}
	if err := o.setQuirks(&api.Quirks); err != nil {
		return err
	}
	s, err := serveSimulated(ctx, api, o.listen)
	if err != nil {
		return fail(exitFailed, "cannot serve at %s: %w\n  Choose another address: ccsfs simulate --listen=127.0.0.1:0", o.listen, err)
	}
	printSettings(env, s)
	select {
	case <-ctx.Done():
		return s.Close()
	case err := <-s.ended:
		return fail(exitFailed, "the simulated API stopped: %w", err)
	}
}

// checkListen refuses addresses that other machines can reach, unless that is
// wanted: the credentials are known to everyone, and travel over plain http.
func checkListen(o simulateOptions) error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return fail(exitUsage, "--listen %q is no address; a good one is --listen=127.0.0.1:8425", o.listen)
	}
	ip := net.ParseIP(host)
	if local := host == "localhost" || ip != nil && ip.IsLoopback(); !local && !o.allowRemote {
		return fail(exitUsage, "--listen %q can be reached by other machines, with credentials that everyone knows; "+
			"if that is wanted (in a container, say), add --allow-remote", o.listen)
	}
	return nil
}

func printSettings(env environment, s *simulated) {
	var with settings.Settings
	s.credentials(&with)
	say(env.stderr, "the simulated API is served at %s until Ctrl-C\nIn another shell:\n", s.base())
	for _, v := range [][2]string{
		{"CCSFS_API_URL", with.API.URL}, {"CCSFS_OAUTH_URL", with.API.OAuthURL},
		{"CCSFS_CLIENT_ID", apisim.ClientID}, {"CCSFS_CLIENT_SECRET", apisim.ClientSecret}, {"CCSFS_API_KEY", apisim.APIKey},
	} {
		_, _ = fmt.Fprintf(env.stdout, "export %s='%s'\n", v[0], v[1])
	}
	say(env.stderr, "then: ccsfs mount DIRECTORY")
}

// quirks are the unknowns of the API that can be switched on by name.
func quirks() map[string]func(*apisim.Quirks) {
	return map[string]func(*apisim.Quirks){
		"head":            func(q *apisim.Quirks) { q.Head = true },
		"range":           func(q *apisim.Quirks) { q.Range = true },
		"etag":            func(q *apisim.Quirks) { q.ETag = true },
		"last-modified":   func(q *apisim.Quirks) { q.LastModified = true },
		"chunked":         func(q *apisim.Quirks) { q.Chunked = true },
		"gzip":            func(q *apisim.Quirks) { q.Gzip = true },
		"content-types":   func(q *apisim.Quirks) { q.ContentTypes = true },
		"document-type":   func(q *apisim.Quirks) { q.DocumentType = true },
		"dates":           func(q *apisim.Quirks) { q.Dates = true },
		"amounts":         func(q *apisim.Quirks) { q.Amounts = true },
		"zipped":          func(q *apisim.Quirks) { q.Zipped = true },
		"wrapped":         func(q *apisim.Quirks) { q.Wrap = "documents" },
		"null-when-empty": func(q *apisim.Quirks) { q.NullWhenEmpty = true },
		"paged":           func(q *apisim.Quirks) { q.LimitCap, q.LimitTold = 10, "next" },
		"shuffle":         func(q *apisim.Quirks) { q.Shuffle = true },
		"expires-string":  func(q *apisim.Quirks) { q.ExpiresString = true },
		"no-invoices":     func(q *apisim.Quirks) { q.RefusedTypes = []string{"invoices"} },
		"short-tokens":    func(q *apisim.Quirks) { q.TokenLifetime = 10 * time.Second },
	}
}

func quirkNames() []string { return slices.Sorted(maps.Keys(quirks())) }

func (o simulateOptions) setQuirks(q *apisim.Quirks) error {
	q.RateLimit = o.rateLimit
	known := quirks()
	for _, name := range o.quirks {
		set, ok := known[name]
		if !ok {
			hint := "there are " + strings.Join(quirkNames(), ", ")
			if near := settings.Nearest(name, quirkNames()); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return fail(exitUsage, "--quirk %q is unknown; %s", name, hint)
		}
		set(q)
	}
	return nil
}
