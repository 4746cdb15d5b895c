package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/catalog"
)

// tour shows around in the simulated account: the commands that a user would
// type, run in a shell inside the mount.
func tour(ctx context.Context, env environment, s *settings.Settings) (err error) {
	target, err := os.MkdirTemp(env.dirs.temp, "ccsfs-copy-")
	if err != nil {
		return fail(exitFailed, "cannot make a temporary directory: %w; set TMPDIR to a place where you can", err)
	}
	defer func() { err = alsoFailed(err, os.RemoveAll(target)) }()
	return withMount(ctx, env, s, func(m *mounted, signals <-chan os.Signal) error {
		steps, err := tourSteps(ctx, s, m.account, target)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.stdout, "A simulated account, mounted at %s\n", m.point)
		for _, step := range steps {
			_, _ = fmt.Fprintf(env.stdout, "\n# %s\n$ %s\n", step.why, step.command)
			code, err := runInside(env, signals, m.point, "/bin/sh", []string{"sh", "-c", step.command})
			if err != nil {
				return err
			}
			if code != exitDone {
				return fail(code, "the step above ended with status %d", code)
			}
		}
		_, _ = fmt.Fprintf(env.stdout, "\nThat was all; it is unmounted again. To look around yourself: ccsfs demo -- sh\n")
		return nil
	})
}

// tourStep is a shell command and what it shows.
type tourStep struct{ why, command string }

// tourSteps chooses the commands by what there is to see: the flags of demo
// may have changed the layout, or left types out.
func tourSteps(ctx context.Context, s *settings.Settings, a *account, target string) ([]tourStep, error) {
	contracts, err := a.catalog.Contracts(ctx)
	if err != nil {
		return nil, explainAPI(s, err)
	}
	if len(contracts.Entries) == 0 {
		return nil, fail(exitFailed, "no contract is left to show; is the id of --contract right?")
	}
	first := contracts.Entries[0]
	listing, err := a.catalog.Listing(ctx, first.ID)
	if err != nil {
		return nil, explainAPI(s, err)
	}
	docs := documentsIn(first.Name, listing.Tree)
	steps := []tourStep{
		{"contracts are directories", "ls -l"},
		{"documents are files, with their real sizes", "ls -l " + quote(first.Name) + " | tail -n 12"},
		{"what the API tells of a contract", "cat " + quote(first.Name+"/"+catalog.ContractFile)},
	}
	if f, ok := newest(docs, "comsumptionRatedReports"); ok {
		steps = append(steps, tourStep{"a report is text", "head -n 3 " + quote(f.path)})
	}
	if f, ok := newest(docs, "invoices"); ok {
		steps = append(steps, invoiceStep(f.path), copyStep(docs, f.doc.Period, target),
			tourStep{"the same bytes, on the local disk", "ls -l " + quote(target)})
	}
	archive := quote(path.Join(target, "all.tar"))
	return append(steps, tourStep{"all of it, as a backup reads it", "tar cf " + archive + " . && ls -l " + archive}), nil
}

func invoiceStep(file string) tourStep {
	if _, err := exec.LookPath("pdftotext"); err == nil {
		return tourStep{"an invoice, as text", "pdftotext -layout " + quote(file) + " -"}
	}
	return tourStep{"an invoice is a PDF (pdftotext, of poppler-utils, would show its text here)",
		"head -c 8 " + quote(file) + " && ls -l " + quote(file)}
}

func copyStep(docs []found, period, target string) tourStep {
	command := "cp"
	for _, f := range docs {
		if f.doc.Period == period {
			command += " " + quote(f.path)
		}
	}
	return tourStep{"a month, copied out", command + " " + quote(target)}
}

// found is a document and its path in the mount.
type found struct {
	path string
	doc  *catalog.Document
}

// documentsIn lists all documents below a directory.
func documentsIn(at string, dir *catalog.Dir) []found {
	var docs []found
	for _, e := range dir.Entries {
		if e.Dir != nil {
			docs = append(docs, documentsIn(path.Join(at, e.Name), e.Dir)...)
		} else {
			docs = append(docs, found{path.Join(at, e.Name), e.Doc})
		}
	}
	return docs
}

// newest returns the document of the latest period of a type.
func newest(docs []found, docType string) (best found, ok bool) {
	for _, f := range docs {
		if f.doc.Type == docType && (!ok || f.doc.Period > best.doc.Period) {
			best, ok = f, true
		}
	}
	return best, ok
}

// quote makes text one word for a shell.
func quote(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\n'\"\\$`*?[]{}()<>|&;!~#") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
