// Package bundle makes the file of `ccsfs doctor --bundle`: one ZIP archive of texts for who
// helps, from which secrets, and mostly names, ids and amounts, were taken out. It says which
// files are in it, finds the names that an account is known by and the ends of the logs, and
// puts all of it into its place, whole or not at all.
//
// How a text is rid of what is not for others is for package scrub to know, what was found out
// for package doctor; nothing here asks the API.
package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/doctor/diagnosis"
	"ccsfs/cmd/ccsfs/internal/doctor/scrub"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/observed"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Source is what a bundle is made of: what doctor found, and what it found it with.
type Source struct {
	Env        cmdutil.Environment
	Report     *diagnosis.Report
	Settings   *settings.Settings   // nil if they cannot be loaded
	ConfigFile string               // "" if there is no place for one
	Contracts  []apiclient.Contract // as far as they could be had
	Seen       []string             // texts and numbers that the API answered with
	WithNames  bool                 // names, ids and amounts stay in it
}

// file is a file in a bundle.
type file struct {
	name, what string
	content    []byte
}

// Write makes the bundle and puts it into its place. Where that fails it leaves nothing.
func (s Source) Write(ctx context.Context, t *Target) (*Written, error) {
	var names []string
	if !s.WithNames {
		names = s.names(ctx)
	}
	files, err := s.files(scrub.New(s.Settings, s.Env.Vars, scrub.SecretsIn(s.ConfigFile), names))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: s.Report.Time}
		h.SetMode(0o600)
		to, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := to.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	if err := t.write(b.Bytes()); err != nil {
		return nil, err
	}
	return &Written{t.path, b.Len(), files, s.WithNames}, nil
}

// Written is a bundle that is in its place.
type Written struct {
	path      string
	size      int // bytes
	files     []file
	withNames bool
}

// Tell says what is in the bundle, what is not, and how to read it.
func (b *Written) Tell(w io.Writer) error {
	fmt.Fprintf(w, "%s (%s) is for who helps you. In it:\n", term.Plain(b.path), term.BytesText(int64(b.size)))
	for _, f := range b.files {
		fmt.Fprintf(w, "  %-18s %s\n", f.name, f.what)
	}
	without := "contract ids, names of documents, amounts, secrets"
	if b.withNames {
		without = "secrets (names, ids and amounts are in it, by --with-names)"
	}
	_, err := fmt.Fprintf(w, "Not in it: %s. Nothing was sent; read it before you do:\n  unzip -p %s | less\n", without, term.Quote(term.Plain(b.path)))
	return err
}

// files makes what is in a bundle.
func (s Source) files(c *scrub.Scrubber) ([]file, error) {
	all, err := handedOn(s.Report, c)
	if err != nil {
		return nil, err
	}
	var files []file
	add := func(name, what string, v any) error {
		var b bytes.Buffer
		if text, ok := v.(string); ok {
			b.WriteString(text)
		} else if err := term.EncodeJSON(&b, v); err != nil {
			return err
		}
		files = append(files, file{name, what, b.Bytes()})
		return nil
	}
	table, err := json.Marshal(s.Report.Observations)
	if err != nil {
		return nil, err
	}
	if _, err := observed.Parse(table); err != nil { // it must be as others can read it
		return nil, fmt.Errorf("the observations: %w", err)
	}
	checks := map[string]any{}
	for _, key := range []string{"format", "version", "time", "exit_status", "checks", "calls", "retries", "proxy"} {
		checks[key] = all[key]
	}
	err = errors.Join(
		add("README.txt", "what this is", s.readme()),
		add("doctor.json", "the checks, what they took, and the calls made", checks),
		add("observations.json", "what the API was seen to do", s.Report.Observations),
		add("settings.json", "settings and where they come from; secrets as ***", all["settings"]),
		add("versions.json", "ccsfs, Go, kernel, fuse3, distribution", all["versions"]),
		add("mounts.json", "the state of mounts that run", all["mounts"]),
		add("log.txt", "the end of the logs", s.logTail(c)),
	)
	return files, err
}

// handedOn is the report as it is handed on: without names.
func handedOn(r *diagnosis.Report, c *scrub.Scrubber) (map[string]any, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	table := all["observations"]
	delete(all, "observations") // it has a file of its own, and no names
	delete(all, "versions")     // nor have these
	settings := all["settings"] // their values are of many kinds
	delete(all, "settings")     //
	c.Value("", all)
	all["settings"] = c.Settings(settings)
	all["versions"], all["observations"] = r.Versions, table
	return all, nil
}

// readme is the first file of a bundle.
func (s Source) readme() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made by ccsfs %s on %s UTC: ccsfs doctor --bundle\n\n", s.Report.Versions.CCSFS, term.Readable(s.Report.Time))
	b.WriteString("What ccsfs saw and how it is set up, for somebody who helps. Secrets and access tokens\nare not in it.")
	if s.WithNames {
		b.WriteString(" Names, ids and amounts are, for that was asked (--with-names).\n")
	} else {
		b.WriteString(" Contract ids, names of documents and amounts are taken out; what stands in\ntheir place is in brackets, or an ellipsis.\n")
	}
	b.WriteString("\nobservations.json says how the API behaves:\n  ccsfs simulate --like=FILE\nserves a simulated API that behaves like it.\n")
	return b.String()
}
