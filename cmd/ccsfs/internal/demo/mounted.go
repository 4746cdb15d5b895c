//go:build !windows

package demo

import (
	"context"
	"fmt"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// demo mounts the account. picture is where a picture of the page is kept, "" for nowhere.
func demo(ctx context.Context, env cmdutil.Environment, s *settings.Settings, point string, command []string, picture string) error {
	switch {
	case command != nil:
		return mounting.RunMounted(ctx, env, s, command)
	case point != "":
		cmdutil.Quietly(s)
		return mounting.Account(ctx, env, s, point, nil, fmt.Sprintf("\nTry, in another shell:\n"+
			"  ls -l %[1]s/*\n  find %[1]s -name '*.pdf' -size +1k\n  cp -r %[1]s/OCB0001234 /tmp/copy", term.Quote(point)))
	default:
		return walkthrough(ctx, env, s, picture)
	}
}
