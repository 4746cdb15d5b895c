package shared

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/progress"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/pool"
)

// readers is how many things are read at once.
const readers = 8

// verification is what verify found. Its keys in JSON do not change.
type verification struct {
	Account  string    `json:"account"`
	Verified int       `json:"verified"` // what is damaged included
	Bytes    int64     `json:"bytes"`    // of these, as they lie in the store
	Damaged  []damaged `json:"damaged"`

	mu sync.Mutex
}

// damaged is something that is not what a member with this key has put there.
type damaged struct {
	Name     string `json:"name"` // in the store, below that of the account
	Size     int64  `json:"size"`
	OtherKey bool   `json:"other_key"`
	Error    string `json:"error"`
	Removed  bool   `json:"removed"`
}

func verifyCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON, remove bool
	cmd := &cobra.Command{
		Use:   "verify [flags]",
		Short: "Check all that the shared store keeps of the account",
		Long: `Read all that the shared store keeps of the account, documents and listings, and compare
it with what the members have put there: its seal, its size and its SHA-256. What is
damaged, or is of another key, counts for no member anyway, and is replaced when somebody
asks for it; --remove takes it away now. Reads every byte, and asks the API for nothing.
The exit code is 6 if something is not as it should be.`,
		Example: `  ccsfs shared verify
  ccsfs shared verify --json | jq -r '.damaged[].name'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			console := progress.NewConsole(env.Stderr, env.Vars["TERM"])
			return withPool(env, cmd, func(ctx context.Context, p *pool.Pool) error {
				return verify(ctx, env, p, console, remove, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&remove, "remove", false, "remove what is damaged or of another key")
	addSettings(cmd)
	return cmd
}

func verify(ctx context.Context, env cmdutil.Environment, p *pool.Pool, console *progress.Console, remove, asJSON bool) error {
	if !p.Keeps() {
		return exitcode.Errorf(exitcode.Settings, "there is no shared store: shared-store is not set")
	}
	var all []pool.ObjectInfo
	for info, err := range p.List(ctx, "") {
		if err != nil {
			return failure(err)
		}
		all = append(all, info)
	}
	v := &verification{Account: p.Account(), Damaged: []damaged{}}
	meter := console.Start("verified", len(all))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, info := range all {
		if reading.Err() != nil {
			break
		}
		group.Go(func() error {
			err := v.one(reading, p, info, remove)
			meter.Bytes(int(info.Size))
			meter.Done()
			return err
		})
	}
	err := group.Wait()
	meter.Close()
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	if err != nil {
		return failure(err)
	}
	slices.SortFunc(v.Damaged, func(a, b damaged) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range v.Damaged {
		term.Say(env.Stderr, "%s", term.Plain(fmt.Sprintf("%s: %s", d.Name, d.Error)))
	}
	err = cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, v)
		}
		_, err := fmt.Fprintln(w, v.text(remove))
		return err
	})
	if err == nil && len(v.Damaged) > 0 {
		err = exitcode.Silently(exitcode.Some)
	}
	return err
}

// one verifies one thing. The error is that nobody can tell.
func (v *verification) one(ctx context.Context, p *pool.Pool, info pool.ObjectInfo, remove bool) error {
	_, err := p.Examine(ctx, info.Name)
	bad := errors.Is(err, pool.ErrDamaged) || errors.Is(err, pool.ErrOtherKey)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was taken away meanwhile
		return nil
	case err != nil && !bad:
		return err
	}
	d := damaged{Name: info.Name, Size: info.Size, OtherKey: errors.Is(err, pool.ErrOtherKey), Error: oneLine(err)}
	if bad && remove {
		// A member may have replaced it since.
		if _, again := p.Examine(ctx, info.Name); errors.Is(again, pool.ErrDamaged) || errors.Is(again, pool.ErrOtherKey) {
			if err := p.Remove(ctx, info.Name); err != nil {
				return err
			}
		}
		d.Removed = true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Verified++
	v.Bytes += info.Size
	if bad {
		v.Damaged = append(v.Damaged, d)
	}
	return nil
}

func (v *verification) text(removed bool) string {
	text := fmt.Sprintf("verified %s (%s)", term.Plural(v.Verified, "object"), term.BytesText(v.Bytes))
	switch n := len(v.Damaged); {
	case n == 0:
		return text + ", all as they should be"
	case removed:
		return fmt.Sprintf("%s, %d not as they should be and removed; they are fetched again when asked for", text, n)
	default:
		return fmt.Sprintf("%s, %d not as they should be; they count for nobody, and --remove takes them away", text, n)
	}
}
