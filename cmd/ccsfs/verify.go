package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/progress"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

func verifyCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [flags]",
		Short: "Check every cached document against its hash",
		Long: `Read every document in the cache directory and compare it with the SHA-256 that it
was stored with, for all accounts that have documents there. What is damaged is
removed from the cache, and fetched again when it is next asked for. Needs neither
credentials nor the network; a mount may use the same cache meanwhile.`,
		Example: `  ccsfs verify
  ccsfs verify --cache-dir=/var/cache/ccsfs`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			console := progress.NewConsole(env.stderr, env.vars["TERM"])
			env := env
			env.stderr = console
			s, err := load(env, cmd)
			if err != nil {
				return err
			}
			warn(env, s)
			quietly(s)
			ctx, done := env.interruptible(cmd.Context())
			defer done()
			return verify(ctx, env, s, console)
		},
	}
	addSettings(cmd, settings.GroupCache, settings.GroupLog)
	return cmd
}

// verification counts what verify finds.
type verification struct {
	sound, damaged int
	bytes          int64
	failed         failures
}

func verify(ctx context.Context, env environment, s *settings.Settings, console *progress.Console) error {
	accounts, err := cachedAccounts(s.Cache.Dir)
	if err != nil {
		return err
	}
	var v verification
	for _, account := range accounts {
		if err := v.account(ctx, env, s, account, console); err != nil {
			return err
		}
	}
	err = printing(env, func(w io.Writer) error {
		text := v.summary()
		if len(accounts) == 0 {
			text = "nothing is cached in " + plain(s.Cache.Dir)
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
	if err != nil {
		return err
	}
	v.failed.succeeded = 1 // some failed: exit 6, were it all of them
	return v.failed.result(env)
}

func (v *verification) summary() string {
	text := fmt.Sprintf("verified %s (%s)", plural(v.sound+v.damaged, "cached document"), humanize.IBytes(uint64(v.bytes)))
	if v.damaged > 0 {
		return fmt.Sprintf("%s, %d damaged and removed; they are fetched again when asked for", text, v.damaged)
	}
	return text + ", all as they should be"
}

// cachedAccounts lists the parts of a cache directory that hold documents.
func cachedAccounts(dir string) ([]string, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // nothing was cached yet
	}
	if err != nil {
		return nil, fail(exitSettings, "cache directory: %w", err)
	}
	if problem := notPrivate(dir, info); problem != "" {
		return nil, fail(exitSettings, "the cache directory %s", problem)
	}
	found, err := filepath.Glob(filepath.Join(quoteGlob(dir), "*", "content", "index"))
	if err != nil {
		return nil, fail(exitFailed, "cache directory: %w", err)
	}
	for i, index := range found {
		found[i] = filepath.Dir(filepath.Dir(index))
	}
	return found, nil
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
func (v *verification) account(ctx context.Context, env environment, s *settings.Settings, dir string, console *progress.Console) error {
	logger, logs, err := newLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	store, err := content.Open(content.Config{
		Dir: filepath.Join(dir, "content"), Offline: true, Logger: logger,
		CacheSize: math.MaxInt64, // a check removes nothing for want of room
	}, nil)
	if err != nil {
		return fail(exitSettings, "cannot open the document cache: %w", err)
	}
	names := savedNames(s, dir)
	meter := console.Start("verified", countBlobs(dir))
	err = store.Verify(ctx, names.contracts, func(d content.Verified) {
		meter.Bytes(int(d.Size))
		meter.Done()
		v.bytes += d.Size
		if d.Err == nil {
			v.sound++
			return
		}
		v.damaged++
		v.failed.add(names.of(d), fmt.Errorf("damaged: %w", d.Err))
	})
	meter.Close()
	err = errors.Join(err, store.Close())
	if ctx.Err() != nil {
		return fail(exitFailed, "interrupted")
	}
	if err != nil {
		return fail(exitFailed, "cannot verify the cache: %w", err)
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
	if _, err := os.Stat(filepath.Join(dir, "catalog")); err != nil {
		return n
	}
	c, err := savedCatalog(s, dir)
	if err != nil {
		return n // ids will do
	}
	defer c.Close()
	contracts, err := c.Contracts(context.Background())
	if err != nil {
		return n
	}
	for _, e := range contracts.Entries {
		n.contracts = append(n.contracts, e.ID)
		if l, err := c.Known(e.ID); err == nil && l != nil {
			n.add(e.Name, l.Tree)
		}
	}
	return n
}

func (n documentNames) add(at string, dir *catalog.Dir) {
	for _, f := range documentsIn(at, dir) {
		n.names[[2]string{f.doc.ContractID, f.doc.ID}] = f.path
	}
}

func (n documentNames) of(d content.Verified) string {
	if name, ok := n.names[[2]string{d.ContractID, d.DocumentID}]; ok {
		return name
	}
	return plain(fmt.Sprintf("%s document %s", d.ContractID, d.DocumentID))
}
