package doctor

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/observed"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
)

// target is the file that a bundle gets into, whole or not at all.
type target struct {
	path  string
	force bool
}

// newTarget finds out whether the file can be written, so that what cannot is known at
// once: the API is asked for nothing then.
func newTarget(env cmdutil.Environment, path string, force bool) (*target, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dirs.Work, path)
	}
	switch info, err := os.Lstat(path); {
	case err == nil && info.IsDir():
		return nil, exitcode.Errorf(exitcode.Usage, "--bundle: %s is a directory; name a file in it", path)
	case err == nil && force && !info.Mode().IsRegular():
		return nil, exitcode.Errorf(exitcode.Usage, "--bundle: %s is no regular file, and is not replaced", path)
	case err == nil && !force:
		return nil, exists(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, unwritable(err)
	}
	if err := tryWriting(filepath.Dir(path)); err != nil {
		return nil, unwritable(fmt.Errorf("%s: %w", filepath.Dir(path), err))
	}
	return &target{path, force}, nil
}

func exists(path string) error {
	return exitcode.Errorf(exitcode.Usage, "--bundle: %s is there already; choose another name, or add --force to replace it", path)
}

func unwritable(err error) error {
	return exitcode.Errorf(exitcode.Failed, "the bundle cannot be written: %w", err)
}

// write puts the content into its place, and leaves nothing elsewhere.
func (t *target) write(content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(t.path), ".ccsfs-bundle-") // 0600
	if err != nil {
		return t.failed(err)
	}
	defer os.Remove(f.Name())
	return t.fill(f, content)
}

// fill writes the content into a temporary file and gives that its name.
func (t *target) fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = t.place(f.Name())
	}
	return t.failed(err)
}

// failed words an error, without the name of the temporary.
func (t *target) failed(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return exists(t.path)
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return unwritable(fmt.Errorf("%s: %w", t.path, err))
}

// place gives the temporary its name. Unless that is wanted it replaces nothing, not even
// what came meanwhile.
func (t *target) place(temporary string) error {
	if t.force {
		return os.Rename(temporary, t.path)
	}
	err := os.Link(temporary, t.path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(t.path); err == nil { // a file system without links, such as FAT
		return fs.ErrExist
	}
	return os.Rename(temporary, t.path)
}

// bundleFile is a file in a bundle.
type bundleFile struct {
	name, what string
	content    []byte
}

// bundle writes everything for who helps, and says what that is.
func (d *doctor) bundle(ctx context.Context, w io.Writer, t *target, r *report, o options) error {
	var names []string
	if !o.withNames {
		names = d.names(ctx)
	}
	scrubber := newScrubber(d.settings, d.env.Vars, secretsIn(d.config), names)
	files, err := d.bundleFiles(r, scrubber, o)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: r.Time}
		h.SetMode(0o600)
		to, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := to.Write(f.content); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	if err := t.write(b.Bytes()); err != nil {
		return err
	}
	if o.json { // standard output is the object's
		w = d.env.Stderr
	} else {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s (%s) is for who helps you. In it:\n", term.Plain(t.path), term.BytesText(int64(b.Len())))
	for _, f := range files {
		fmt.Fprintf(w, "  %-18s %s\n", f.name, f.what)
	}
	without := "contract ids, names of documents, amounts, secrets"
	if o.withNames {
		without = "secrets (names, ids and amounts are in it, by --with-names)"
	}
	_, err = fmt.Fprintf(w, "Not in it: %s. Nothing was sent; read it before you do:\n  unzip -p %s | less\n", without, term.Quote(term.Plain(t.path)))
	return err
}

// names are what the account is known to call its contracts and documents, by what was
// asked for now, and by what was saved before.
func (d *doctor) names(ctx context.Context) []string {
	names := append(d.observer.Data(), accountsIn(d.config)...)
	for _, c := range d.contracts {
		names = append(names, c.ID, c.Name)
	}
	if d.settings == nil {
		return append(names, "")
	}
	names = append(names, d.settings.Listings.Contracts...)
	saved, err := session.Saved(d.settings, session.AccountPath(d.settings))
	if err != nil { // none was saved
		return append(names, "")
	}
	defer func() { _ = saved.Close() }() // it was only read
	contracts, err := saved.Catalog.Contracts(ctx)
	if err != nil {
		return append(names, "")
	}
	for _, c := range contracts.Entries {
		names = append(names, c.ID, c.Name)
		if detail, err := saved.Catalog.Detail(ctx, c.ID); err == nil {
			names = append(names, observed.TextsIn(detail.JSON)...)
		}
		listing, err := saved.Catalog.Listing(ctx, c.ID)
		if err != nil {
			continue
		}
		for _, doc := range listing.Documents {
			names = append(names, doc.ID, doc.Filename, doc.Amount)
		}
	}
	return append(names, "") // never nil
}

// bundleFiles makes what is in a bundle.
func (d *doctor) bundleFiles(r *report, c *scrubber, o options) ([]bundleFile, error) {
	all, err := r.handedOn(c)
	if err != nil {
		return nil, err
	}
	var files []bundleFile
	add := func(name, what string, v any) error {
		var b bytes.Buffer
		if text, ok := v.(string); ok {
			b.WriteString(text)
		} else if err := term.EncodeJSON(&b, v); err != nil {
			return err
		}
		files = append(files, bundleFile{name, what, b.Bytes()})
		return nil
	}
	table, err := json.Marshal(r.Observations)
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
		add("README.txt", "what this is", readme(r, o)),
		add("doctor.json", "the checks, what they took, and the calls made", checks),
		add("observations.json", "what the API was seen to do", r.Observations),
		add("settings.json", "settings and where they come from; secrets as ***", all["settings"]),
		add("versions.json", "ccsfs, Go, kernel, fuse3, distribution", all["versions"]),
		add("mounts.json", "the state of mounts that run", all["mounts"]),
		add("log.txt", "the end of the logs", d.logTail(r, c)),
	)
	return files, err
}

// readme is the first file of a bundle.
func readme(r *report, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made by ccsfs %s on %s UTC: ccsfs doctor --bundle\n\n", r.Versions.CCSFS, term.Readable(r.Time))
	b.WriteString("What ccsfs saw and how it is set up, for somebody who helps. Secrets and access tokens\nare not in it.")
	if o.withNames {
		b.WriteString(" Names, ids and amounts are, for that was asked (--with-names).\n")
	} else {
		b.WriteString(" Contract ids, names of documents and amounts are taken out; what stands in\ntheir place is in brackets, or an ellipsis.\n")
	}
	b.WriteString("\nobservations.json says how the API behaves:\n  ccsfs simulate --like=FILE\nserves a simulated API that behaves like it.\n")
	return b.String()
}
