//go:build linux

package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
)

// unknownType is a document type that no client knows of.
const unknownType = "creditNotes"

// sample is the last two months, and the one under way, of two contracts of the
// account worth looking at: documents of every type, real PDF, XLSX and CSV. One
// more is of a type that only the listing of no type has.
func sample() *apisim.Account {
	a := apisim.DefaultAccount()
	a.Contracts = a.Contracts[:2]
	for i := range a.Contracts {
		c := &a.Contracts[i]
		c.Documents = c.Documents[len(c.Documents)-10:]
	}
	c := &a.Contracts[0]
	c.Documents = append(c.Documents, apisim.Document{
		ID: "77", Type: unknownType, Filename: "CreditNote.txt", Period: "202609",
		CreatedAt: "2026-10-03T05:00:00Z", Amount: "-12.50", Currency: "EUR",
		Content: apisim.Bytes([]byte("credit note\n")),
	})
	return a
}

// pseudo is an account of one contract with documents of made-up bytes.
func pseudo(documents int, size int64) *apisim.Account {
	return apisim.Synthetic(1, documents, size, ".bin")
}

// textOf is the content of a document of a name: a few bytes between the beginning
// and the end of its kind.
func textOf(name, text string) apisim.Content {
	begin, end := "", ""
	switch strings.ToLower(filepath.Ext(name)) {
	case ".pdf":
		begin, end = "%PDF-1.7\n", "\n%%EOF\n"
	case ".xlsx":
		begin, end = "PK\x03\x04", "PK\x05\x06"+strings.Repeat("\x00", 18)
	}
	return apisim.Bytes([]byte(begin + text + end))
}

// file is a document as it should be seen.
type file struct {
	path         string // in the flat layout
	contract, id string
	data         []byte
	doc          apisim.Document
}

// expected is what an account should look like in the flat layout, if no name
// of it needs changing. hidden documents are left out; nil hides none.
func expected(t testing.TB, sim *apisim.Server, hidden func(*apisim.Document) bool) []file {
	t.Helper()
	var files []file
	for _, c := range sim.Snapshot().Contracts {
		for _, d := range c.Documents {
			if hidden != nil && hidden(&d) {
				continue
			}
			data, err := sim.Bytes(c.ID, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file{path: c.ID + "/" + d.Filename, contract: c.ID, id: d.ID, data: data, doc: d})
		}
	}
	if len(files) == 0 {
		t.Fatal("an account without documents tests nothing")
	}
	return files
}

// reference writes documents to a directory of their own, to compare with.
func reference(t testing.TB, files []file) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sameTree fails unless a copy of the mount holds exactly the documents, byte
// for byte, besides the generated files.
func sameTree(t testing.TB, dir string, files []file) {
	t.Helper()
	want := make(map[string][]byte, len(files))
	for _, f := range files {
		want[f.path] = f.data
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data, ok := want[name]
		switch {
		case !ok:
			t.Errorf("%s: no such document", name)
		case !bytes.Equal(got, data):
			t.Errorf("%s: %d bytes, want %d, or others", name, len(got), len(data))
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for name := range want {
		t.Errorf("%s: missing", name)
	}
}

// onceEach fails unless every document was asked for exactly once, and nothing
// by HEAD.
func onceEach(t testing.TB, sim *apisim.Server, files []file) {
	t.Helper()
	calls := sim.Calls()
	for _, f := range files {
		if n := calls.Files[f.id]; n != 1 {
			t.Errorf("%s: %d calls of /file, want 1", f.path, n)
		}
	}
	if calls.File != len(files) || calls.Head != 0 || calls.Other != 0 {
		t.Errorf("%d calls of /file for %d documents, %d of HEAD, %d of unknown paths", calls.File, len(files), calls.Head, calls.Other)
	}
}

// sum is what sha256sum prints for data.
func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
