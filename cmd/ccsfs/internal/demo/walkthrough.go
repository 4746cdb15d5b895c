//go:build !windows

package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"ccsfs/cmd/ccsfs/internal/chdirexec"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// walkthrough shows around in the simulated account: the commands that a user would
// type, run in a shell inside the mount.
func walkthrough(ctx context.Context, env cmdutil.Environment, s *settings.Settings, picture string) (err error) {
	target, err := os.MkdirTemp(env.Dirs.Temp, "ccsfs-copy-")
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot make a temporary directory: %w; set TMPDIR to a place where you can", err)
	}
	defer func() { err = exitcode.Also(err, os.RemoveAll(target)) }()
	err = mounting.WithMount(ctx, env, s, func(m *mounting.Mounted, signals <-chan os.Signal) error {
		steps, err := walkthroughSteps(ctx, s, m.Account, target)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.Stdout, "A simulated account, mounted at %s\n", m.Point)
		for _, step := range steps {
			_, _ = fmt.Fprintf(env.Stdout, "\n# %s\n$ %s\n", step.why, step.command)
			code, err := chdirexec.RunInside(env, signals, m.Point, "/bin/sh", []string{"sh", "-c", step.command})
			if err != nil {
				return err
			}
			if code != exitcode.Done {
				return exitcode.Errorf(code, "the step above ended with status %d", code)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	file := picture
	if file == "" {
		file = filepath.Join(target, "page.png")
	}
	if err := showPage(ctx, env, s, file, picture != ""); err != nil {
		return exitcode.With(exitcode.Failed, err)
	}
	if info, err := os.Stat(file); err == nil {
		_, _ = fmt.Fprintf(env.Stdout, "a picture of %s\n", humanize.IBytes(uint64(info.Size())))
	}
	_, _ = fmt.Fprintf(env.Stdout, "\nThat was all; it is unmounted again. To look around yourself: ccsfs demo -- sh, or ccsfs demo --serve\n")
	return nil
}

// step is a shell command and what it shows.
type step struct{ why, command string }

// walkthroughSteps chooses the commands by what there is to see: the flags of demo
// may have changed the layout, or left types out.
func walkthroughSteps(ctx context.Context, s *settings.Settings, a *session.Account, target string) ([]step, error) {
	contracts, err := a.Folder.Children(ctx, folder.Node{}, false)
	if err != nil {
		return nil, session.ExplainAPI(s, err)
	}
	if len(contracts) == 0 {
		return nil, exitcode.Errorf(exitcode.Failed, "no contract is left to show; is the id of --contract right?")
	}
	first, err := a.Folder.Find(ctx, contracts[0].Path)
	if err != nil {
		return nil, session.ExplainAPI(s, err)
	}
	var docs []folder.Node
	first.Documents(func(n folder.Node) { docs = append(docs, n) })
	steps := []step{
		{"contracts are directories", "ls -l"},
		{"documents are files, with their real sizes", "ls -l " + term.Quote(first.Path) + " | tail -n 12"},
		{"what the API tells of a contract", "cat " + term.Quote(first.Path+"/"+layout.ContractFile)},
	}
	if f, ok := newest(docs, "comsumptionRatedReports"); ok {
		steps = append(steps, step{"a report is text", "head -n 3 " + term.Quote(f.Path)})
	}
	if f, ok := newest(docs, "invoices"); ok {
		steps = append(steps, invoiceStep(f.Path), copyStep(docs, f.Doc.Period, target),
			step{"the same bytes, on the local disk", "ls -l " + term.Quote(target)})
	}
	archive := term.Quote(path.Join(target, "all.tar"))
	return append(steps, step{"all of it, as a backup reads it", "tar cf " + archive + " . && ls -l " + archive}), nil
}

func invoiceStep(file string) step {
	if _, err := exec.LookPath("pdftotext"); err == nil {
		return step{"an invoice, as text", "pdftotext -layout " + term.Quote(file) + " -"}
	}
	return step{"an invoice is a PDF (pdftotext, of poppler-utils, would show its text here)",
		"head -c 8 " + term.Quote(file) + " && ls -l " + term.Quote(file)}
}

func copyStep(docs []folder.Node, period, target string) step {
	command := "cp"
	for _, f := range docs {
		if f.Doc.Period == period {
			command += " " + term.Quote(f.Path)
		}
	}
	return step{"a month, copied out", command + " " + term.Quote(target)}
}

// newest returns the document of the latest period of a type.
func newest(docs []folder.Node, docType string) (best folder.Node, ok bool) {
	for _, f := range docs {
		if f.Doc.Type == docType && (!ok || f.Doc.Period > best.Doc.Period) {
			best, ok = f, true
		}
	}
	return best, ok
}
