// Package serve is `ccsfs serve`: the folder for browsers and network drives.
package serve

import (
	"slices"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/serve/server"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// Command is `ccsfs serve`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o server.Options
	var api bool
	cmd := &cobra.Command{
		Use:        "serve [flags]",
		Short:      "Show the documents in a browser, and as a network drive",
		SuggestFor: []string{"web", "webdav", "http", "browse", "share", "ui", "gui", "server"},
		Long: `Show the documents of the account in a browser, and as a network drive (WebDAV) for
Windows, macOS and Linux, without FUSE, until Ctrl-C: the page at /, the drive at /dav/.

Only this machine can connect, unless --listen names another address; then a certificate
is needed (--tls-cert, --tls-key). Everybody needs a password. Without --password-file and
--users-file one is made up at each start and printed, with an address that lets one
browser in without it, once. In a file of users, each may be given contracts of their own.
Behind a reverse proxy that knows its users: --trusted-proxy.

With --api, or --faces=api alone, it is a gateway: programs and other machines ask it in
place of Orange, at /cloud/b2b/v1 and /oauth/v3, with credentials of their own, which
"ccsfs gateway client add" makes.

Each document that leaves is a line of the log: who, from where, which, how many bytes.
/healthz answers without a password; --metrics-listen has metrics for Prometheus.

The drive is read-only. The size of each document is right, or waited for: the first look
into a large directory takes as long as the API needs. SIGHUP begins another log file, and
asks for everything anew; certificates and files of users are read again by themselves.`,
		Example: `  ccsfs serve --open
  ccsfs serve --listen=0.0.0.0:8443 --tls-cert=cert.pem --tls-key=key.pem --users-file=users
  ccsfs serve --faces=api --listen=0.0.0.0:8443 --tls-cert=cert.pem --tls-key=key.pem
  ccsfs serve --listen=unix:/run/ccsfs/serve.sock --trusted-proxy=unix`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := cmdutil.Load(env, cmd)
			if err != nil {
				return err
			}
			if api && !slices.Contains(s.Serve.Faces, settings.FaceAPI) {
				s.Serve.Faces = append(s.Serve.Faces, settings.FaceAPI)
			}
			return server.Run(cmd.Context(), env, s, o)
		},
	}
	cmd.Flags().BoolVar(&api, "api", false, "serve the API itself, too, to the clients of ccsfs gateway client")
	cmd.Flags().BoolVar(&o.Open, "open", false, "have the desktop show the page")
	cmdutil.AddSettings(cmd, append(cmdutil.AccountGroups(), settings.GroupServe, settings.GroupClients, settings.GroupMetrics)...)
	return cmd
}
