// Package verify is `ccsfs verify`: every cached document against its hash.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/progress"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/account"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// Command is `ccsfs verify`.
func Command(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "verify [flags]",
		Short:      "Check every cached document against its hash",
		SuggestFor: []string{"fsck", "scrub", "validate"},
		Long: `Read every document in the cache directory and compare it with the SHA-256 that it
was stored with, for all accounts that have documents there. What is damaged is
removed from the cache, and fetched again when it is next asked for. Needs neither
credentials nor the network; a mount may use the same cache meanwhile.`,
		Example: `  ccsfs verify
  ccsfs verify --cache-dir=/var/cache/ccsfs
  ccsfs verify --json | jq -r '.damaged[].path'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			console := progress.NewConsole(env.Stderr, env.Vars["TERM"])
			env := env
			env.Stderr = console
			s, err := cmdutil.Load(env, cmd)
			if err != nil {
				return err
			}
			cmdutil.Warn(env, s)
			cmdutil.Quietly(s)
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			return verify(ctx, env, s, console, asJSON)
		},
	}
	cmdutil.AddSettings(cmd, settings.GroupCache, settings.GroupLog)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

// verification counts what verify finds. Its keys in JSON do not change.
type verification struct {
	CacheDir string    `json:"cache_dir"`
	Verified int       `json:"verified"` // documents, damaged ones included
	Bytes    int64     `json:"bytes"`    // of these
	Damaged  []damaged `json:"damaged"`  // and removed

	failed session.Failures
}

// damaged is a document that was not what it should be.
type damaged struct {
	Path     string `json:"path"` // in the folder, "" where no listing is saved
	Contract string `json:"contract"`
	ID       string `json:"id"`
	Size     int64  `json:"size"`
	Error    string `json:"error"`
}

func verify(ctx context.Context, env cmdutil.Environment, s *settings.Settings, console *progress.Console, asJSON bool) error {
	accounts, err := account.In(s.Cache.Dir)
	if err != nil {
		return exitcode.With(exitcode.Settings, err)
	}
	v := verification{CacheDir: s.Cache.Dir, Damaged: []damaged{}}
	v.failed.Succeeded = 1 // some failed: exit 6, were it all of them
	for _, dir := range accounts {
		if err := v.account(ctx, env, s, dir, console); err != nil {
			_ = v.failed.Result(env) // what was removed so far is named
			return err
		}
	}
	err = cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			return e.Encode(v)
		}
		text := v.summary()
		if len(accounts) == 0 {
			text = "nothing is cached in " + term.Plain(s.Cache.Dir)
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
	if err != nil {
		return err
	}
	return v.failed.Result(env)
}

func (v *verification) summary() string {
	text := fmt.Sprintf("verified %s (%s)", term.Plural(v.Verified, "cached document"), humanize.IBytes(uint64(v.Bytes)))
	if n := len(v.Damaged); n > 0 {
		return fmt.Sprintf("%s, %d damaged and removed; they are fetched again when asked for", text, n)
	}
	return text + ", all as they should be"
}

// quoteGlob makes a path stand for itself in a pattern.
func quoteGlob(at string) string {
	var quoted []rune
	for _, r := range at {
		if slices.Contains([]rune(`*?[\`), r) {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, r)
	}
	return string(quoted)
}

// account verifies the documents of one account.
func (v *verification) account(ctx context.Context, env cmdutil.Environment, s *settings.Settings, dir string, console *progress.Console) error {
	logger, logs, err := cmdutil.NewLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	store, err := account.Cached(dir, logger)
	if err != nil {
		return exitcode.Errorf(exitcode.Settings, "cannot open the document cache: %w", err)
	}
	names := savedNames(s, dir)
	meter := console.Start("verified", countBlobs(dir))
	err = store.Verify(ctx, names.contracts, func(d content.Verified) {
		meter.Bytes(int(d.Size))
		meter.Done()
		v.Verified++
		v.Bytes += d.Size
		if d.Err == nil {
			return
		}
		v.Damaged = append(v.Damaged, damaged{names.names[[2]string{d.ContractID, d.DocumentID}], d.ContractID, d.DocumentID, d.Size, d.Err.Error()})
		v.failed.Add(names.of(d), fmt.Errorf("damaged: %w", d.Err))
	})
	meter.Close()
	err = errors.Join(err, store.Close())
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot verify the cache: %w", err)
	}
	return nil
}

// countBlobs counts cached documents, for the progress alone.
func countBlobs(dir string) int {
	blobs, err := filepath.Glob(filepath.Join(quoteGlob(dir), "content", "blobs", "*", "*"))
	if err != nil {
		return 0
	}
	return len(blobs)
}

// documentNames tells documents by the names they have in the tree, as far as
// listings are saved: the cache itself knows ids only.
type documentNames struct {
	contracts []string
	names     map[[2]string]string // contract id, document id → path
}

func savedNames(s *settings.Settings, dir string) documentNames {
	n := documentNames{names: map[[2]string]string{}}
	a, err := session.Saved(s, dir)
	if err != nil {
		return n // ids will do
	}
	defer func() { _ = a.Close() }() // nothing was written
	contracts, err := a.Catalog.Contracts(context.Background())
	if err != nil {
		return n
	}
	for _, e := range contracts.Entries {
		n.contracts = append(n.contracts, e.ID)
		if l, err := a.Catalog.Known(e.ID); err == nil && l != nil {
			of, _ := folder.At(e, l, nil) // cannot fail: nothing is looked up below it
			of.Documents(func(d folder.Node) { n.names[[2]string{d.Doc.ContractID, d.Doc.ID}] = d.Path })
		}
	}
	return n
}

func (n documentNames) of(d content.Verified) string {
	if name, ok := n.names[[2]string{d.ContractID, d.DocumentID}]; ok {
		return name
	}
	return term.Plain(fmt.Sprintf("%s document %s", d.ContractID, d.DocumentID))
}
