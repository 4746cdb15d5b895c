package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/tree"
)

func catCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cat [flags] PATH…",
		Short: "Print documents, without a mount",
		Long: `Print the bytes of documents, one after the other, as they arrive. Paths are those
that "ccsfs ls" shows. What was fetched once comes from the cache.`,
		Example: `  ccsfs cat OCB0001234/Invoice_OCB0001234_202610.pdf >invoice.pdf
  ccsfs cat OCB0001234/.contract.json | jq .customer`,
		Args:              takes(1, -1, "PATH"),
		ValidArgsFunction: completePaths(env, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAccount(env, cmd, looking, func(ctx context.Context, a oneShot) error {
				return a.cat(ctx, args)
			})
		},
	}
	addSettings(cmd, accountGroups()...)
	return cmd
}

// copyLen is how much of a document is read at once, in bytes.
const copyLen = 256 << 10

func (a oneShot) cat(ctx context.Context, args []string) error {
	var failed failures
	err := printing(a.env, func(w io.Writer) error {
		for _, arg := range args {
			switch err := a.catOne(ctx, w, arg); {
			case isWrite(err):
				return err
			case err != nil:
				failed.add(arg, err)
			default:
				failed.succeeded++
			}
		}
		return nil
	})
	return a.printed(err, &failed)
}

func (a oneShot) catOne(ctx context.Context, w io.Writer, arg string) error {
	n, err := tree.Find(ctx, a.catalog, arg)
	if err != nil {
		return err
	}
	switch {
	case n.IsDir():
		return fail(exitFailed, "%s is a directory; `ccsfs ls %s` lists it", arg, quote(arg))
	case n.Made != "":
		data, err := n.Bytes(ctx, a.catalog)
		if err != nil {
			return err
		}
		return writing(w, data)
	}
	f, err := a.content.Open(ctx, n.Ref())
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, copyLen)
	for off := int64(0); ; {
		k, err := f.ReadAt(ctx, buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if werr := writing(w, buf[:k]); werr != nil {
			return werr
		}
		if err != nil {
			return nil
		}
		off += int64(k)
	}
}

// writeError is a failure of the output, after which nothing can be printed.
type writeError struct{ error }

// Unwrap gives the cause to errors.Is.
func (e writeError) Unwrap() error { return e.error }

func writing(w io.Writer, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return writeError{err}
	}
	return nil
}

func isWrite(err error) bool {
	var w writeError
	return errors.As(err, &w)
}
