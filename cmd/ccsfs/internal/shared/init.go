package shared

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/pool"
	"ccsfs/internal/pool/seal"
)

// keyName is the name of the file of a new key, beside config.toml.
const keyName = "shared.key"

// begun is what init has done. Its keys in JSON do not change.
type begun struct {
	KeyID   string    `json:"key_id"`
	KeyFile string    `json:"key_file,omitempty"` // that was made
	Account string    `json:"account,omitempty"`
	Store   bool      `json:"store"` // there is one
	Fresh   bool      `json:"fresh"` // it was begun now
	Since   time.Time `json:"since,omitzero"`
	By      string    `json:"by,omitempty"` // host
}

func initCommand(env cmdutil.Environment) *cobra.Command {
	var file string
	var replace, ifMissing, asJSON bool
	cmd := &cobra.Command{
		Use:   "init [flags]",
		Short: "Make the key that the machines share, or begin the shared store with it",
		Long: `Without a key in the settings make one, and write it into a file that only you can read:
shared.key beside config.toml, or that of --key-file, which must not be there yet (with
--if-missing that is no failure). Give the file to each machine, as a secret.

With a key see whether Redis answers, and begin the shared store of the account with it, or
find that it was begun. One that was begun with another key is refused: all machines need
the same one. With --replace it begins anew with this key, and what is there of another is
replaced one by one, by asking the API again.`,
		Example: `  ccsfs shared init --key-file=/etc/ccsfs/shared.key
  CCSFS_SHARED_KEY_FILE=/etc/ccsfs/shared.key ccsfs shared init`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := cmdutil.Load(env, cmd)
			if err != nil {
				return err
			}
			switch given := s.Shared.Key.Given(); {
			case given && file != "":
				return exitcode.Errorf(exitcode.Usage, "--key-file is for a new key, and the settings have one (%s); leave out either", s.Source("shared-key"))
			case !given && replace:
				return exitcode.Errorf(exitcode.Usage, "--replace needs the key that the store is to begin with: CCSFS_SHARED_KEY_FILE=FILE")
			case !given:
				return makeKey(env, s, file, ifMissing, asJSON)
			}
			return withPool(env, cmd, func(ctx context.Context, p *pool.Pool) error { return begin(ctx, env, p, replace, asJSON) })
		},
	}
	cmd.Flags().StringVar(&file, "key-file", "", "write a new key into this `FILE` (default: shared.key beside config.toml)")
	cmd.Flags().BoolVar(&ifMissing, "if-missing", false, "do nothing where the file of the key is there already")
	cmd.Flags().BoolVar(&replace, "replace", false, "begin anew a store that was begun with another key")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	addSettings(cmd)
	return cmd
}

// makeKey makes a key and its file.
func makeKey(env cmdutil.Environment, s *settings.Settings, file string, ifMissing, asJSON bool) error {
	if file == "" {
		if s.ConfigFile == "" {
			return exitcode.Errorf(exitcode.Settings, "there is no place for a key: neither XDG_CONFIG_HOME nor HOME is set; name a file with --key-file")
		}
		file = filepath.Join(filepath.Dir(s.ConfigFile), keyName)
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(env.Dirs.Work, file)
	}
	key, text, err := seal.Generate()
	if err != nil {
		return exitcode.With(exitcode.Failed, err)
	}
	if err := writeNew(file, text); err != nil {
		if errors.Is(err, fs.ErrExist) && ifMissing {
			return keepKey(env, file, asJSON)
		}
		if errors.Is(err, fs.ErrExist) {
			return exitcode.Errorf(exitcode.Failed, "%s is there already, and is not replaced\n  If it is the key: CCSFS_SHARED_KEY_FILE=%s ccsfs shared init. Else name another with --key-file.", file, term.Quote(file))
		}
		return exitcode.Errorf(exitcode.Failed, "cannot write the key: %w", err)
	}
	return cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, begun{KeyID: key.ID(), KeyFile: file})
		}
		_, err := fmt.Fprintf(w, `%s has a new key, %s. Who has it can read and write all that is shared.
Each machine needs the same file, readable by its user alone, and the name of it:
  export CCSFS_SHARED_KEY_FILE=%s
Then begin the shared store, once: ccsfs shared init
Keep a copy: without the key all that is shared is fetched from the API again.
`, term.Plain(file), key.ID(), term.Quote(file))
		return err
	})
}

// keepKey makes sure that what is there already is a key.
func keepKey(env cmdutil.Environment, file string, asJSON bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot read the key: %w", err)
	}
	key, err := seal.Parse(string(text))
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "%s is there already, and no key: %w", file, err)
	}
	return cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, begun{KeyID: key.ID(), KeyFile: file})
		}
		_, err := fmt.Fprintf(w, "%s has a key already, %s\n", term.Plain(file), key.ID())
		return err
	})
}

// writeNew writes a file that only its user can read, and that is not there yet. Of several
// who do at once one does, and nobody sees a half of it, whoever is killed meanwhile.
func writeNew(file, text string) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return &fs.PathError{Op: "create", Path: file, Err: fs.ErrExist} // also where nothing can be written
	}
	f, err := os.CreateTemp(dir, ".ccsfs-key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := fill(f, text); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without links. To rename could replace the key of another.
	if f, err = os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if err := fill(f, text); err != nil {
		return errors.Join(err, os.Remove(file)) // half a key is none
	}
	return nil
}

// fill writes and closes a file.
func fill(f *os.File, text string) error {
	_, err := f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// begin begins the store, or finds that it was.
func begin(ctx context.Context, env cmdutil.Environment, p *pool.Pool, replace, asJSON bool) error {
	if _, err := p.Survey(ctx); err != nil {
		return failure(err)
	}
	b := begun{KeyID: p.KeyID(), Account: p.Account(), Store: p.Keeps()}
	if b.Store {
		m, fresh, err := p.Begin(ctx, replace)
		if err != nil {
			return failure(err)
		}
		b.Fresh, b.Since, b.By = fresh, m.Since, m.By
	}
	return cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, b)
		}
		text := "Redis answers; there is no shared store (shared-store), only rate, token and work are shared"
		switch {
		case b.Fresh:
			text = "Redis answers; the shared store begins now"
		case b.Store:
			text = fmt.Sprintf("Redis answers; the shared store was begun on %s UTC by %s", term.Readable(b.Since), term.Plain(b.By))
		}
		_, err := fmt.Fprintf(w, "%s\naccount %s, key %s\n", text, b.Account, b.KeyID)
		return err
	})
}
