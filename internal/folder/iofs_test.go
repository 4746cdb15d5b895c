package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// account is one with documents of all kinds of names, and one that is empty.
func account() *apisim.Account {
	text := func(s string) apisim.Content { return apisim.Bytes([]byte(s)) }
	return &apisim.Account{Contracts: []apisim.Contract{
		{ID: "OCB0001", Name: "Première", CreatedAt: "2025-01-02T03:04:05Z", Documents: []apisim.Document{
			{ID: "1", Type: "bills", Filename: "bill 10.csv", Period: "202610", UpdatedAt: "2026-11-03T08:00:00Z", Content: text("a;b\n1;2\n")},
			{ID: "2", Type: "bills", Filename: "été #1.csv", Period: "202609", Content: text("a;b\n3;4\n")},
			{ID: "3", Type: "invoices", Filename: "x/../y.pdf", Period: "202610", Content: text("%PDF-1.7\n" + strings.Repeat("z", 5000) + "\n%%EOF\n")},
			{ID: "4", Type: "partialBills", Filename: "running.csv", Period: "202611", Content: text("a;b\n" + strings.Repeat("5;6\n", 3000))},
		}},
		{ID: "OCB0002"},
	}}
}

// rig is a folder of a simulated account.
type rig struct {
	sim     *apisim.Server
	folder  *Folder
	content *content.Store
}

func newRig(t *testing.T, template string) *rig {
	t.Helper()
	r := &rig{sim: &apisim.Server{Account: account(), Quirks: apisim.Quirks{Dates: true}}}
	web := httptest.NewServer(r.sim)
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL, cfg.RateLimit = web.URL+apisim.APIPath, web.URL+apisim.OAuthPath, 0
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	client, err := apiclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	l, err := layout.Parse(template)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(catalog.Config{Layout: l, Foreground: true, ContractNames: true}, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	store := content.DefaultConfig()
	store.Dir = t.TempDir()
	if r.content, err = content.Open(store, client); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.content.Close(); err != nil {
			t.Error(err)
		}
	})
	r.folder = New(c, r.content, Options{Prefetch: store.PrefetchLimit})
	return r
}

// TestFS: the folder is a file system by the standard library's own test, in every
// layout, and each document is asked for once.
func TestFS(t *testing.T) {
	for template, bill := range map[string]string{"flat": "bill 10.csv", "period": "2026/10/bill 10.csv", "{type}/{year}/{filename}": "bills/2026/bill 10.csv"} {
		t.Run(template, func(t *testing.T) {
			r := newRig(t, template)
			root := r.folder.FS(t.Context())
			top, err := fs.ReadDir(root, ".")
			if err != nil || len(top) != 2 {
				t.Fatal(top, err)
			}
			dir := top[0].Name()
			if err := fstest.TestFS(root, dir+"/"+bill, dir+"/.contract.json", dir+"/.documents.json"); err != nil {
				t.Error(err)
			}
			data, err := fs.ReadFile(root, dir+"/"+bill)
			if err != nil || string(data) != "a;b\n1;2\n" {
				t.Errorf("%q, %v", data, err)
			}
			info, err := fs.Stat(root, dir+"/"+bill)
			if err != nil || !info.ModTime().Equal(time.Date(2026, 11, 3, 8, 0, 0, 0, time.UTC)) || info.Sys().(Node).Doc.ID != "1" {
				t.Errorf("%+v, %v", info, err)
			}
			for id, n := range r.sim.Calls().Files {
				if n != 1 {
					t.Errorf("document %s was asked for %d times", id, n)
				}
			}
		})
	}
}

// TestFSOfWhatFails: the open fails, not a read, and says why; what is not there by an
// old listing is not said not to exist.
func TestFSOfWhatFails(t *testing.T) {
	r := newRig(t, "flat")
	root := r.folder.FS(t.Context())
	dir := "OCB0001 Première"
	if _, err := root.Open(dir + "/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := root.Open("OCB0001/bill 10.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("by the id of a contract that is called otherwise: %v", err)
	}
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: "1"}, 0, apisim.Fault{Status: 404})
	var failed *fs.PathError
	if _, err := root.Open(dir + "/bill 10.csv"); !errors.As(err, &failed) || !errors.Is(err, apiclient.ErrNotFound) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: "2"}, 0, apisim.Fault{Never: true})
	if _, err := r.folder.FS(ctx).Open(dir + "/été #1.csv"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	r.sim.Faults.Clear()
	file, err := root.Open(dir + "/.contract.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestWhatFailsHasNoSize: what cannot be had is not taken for something empty.
func TestWhatFailsHasNoSize(t *testing.T) {
	r := newRig(t, "flat")
	for _, at := range []string{"OCB0001/.contract.json", "OCB0001/bill 10.csv"} {
		n, err := r.folder.Find(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpContract}, 0, apisim.Fault{Status: 404})
		r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 0, apisim.Fault{Status: 404})
		for name, ask := range map[string]func(context.Context, Node) (Info, error){"Stat": r.folder.Stat, "Settle": r.folder.Settle} {
			if info, err := ask(t.Context(), n); err == nil || info.Size != -1 {
				t.Errorf("%s of %s: %+v, %v", name, at, info, err)
			}
		}
		r.sim.Faults.Clear()
	}
}

// TestWriteTo: what is copied out is all of it, and whose failure it was is told.
func TestWriteTo(t *testing.T) {
	r := newRig(t, "flat")
	n, err := r.folder.Find(t.Context(), "OCB0001/running.csv")
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.folder.Open(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got strings.Builder
	if err := f.WriteTo(t.Context(), &got); err != nil || got.Len() != 4+4*3000 {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	var failed *WriteError
	if err := f.WriteTo(t.Context(), fullWriter{}); !errors.As(err, &failed) || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v", err)
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestEveryFaceHasTheSameNames: what is listed can be found, by its path and by the
// walk of the standard library.
func TestEveryFaceHasTheSameNames(t *testing.T) {
	r := newRig(t, "period")
	var byFolder, byFS []string
	var walk func(n Node)
	walk = func(n Node) {
		children, err := r.folder.Children(t.Context(), n, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			byFolder = append(byFolder, c.Path)
			if found, err := r.folder.Find(t.Context(), c.Path); err != nil || fmt.Sprint(describe(found)) != describe(c) {
				t.Errorf("%s: %v", c.Path, err)
			}
			if c.IsDir() {
				walk(c)
			}
		}
	}
	walk(Node{})
	err := fs.WalkDir(r.folder.FS(t.Context()), ".", func(at string, _ fs.DirEntry, err error) error {
		if err == nil && path.Clean(at) != "." {
			byFS = append(byFS, at)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(byFolder)
	slices.Sort(byFS)
	if !slices.Equal(byFolder, byFS) || len(byFS) < 8 {
		t.Errorf("%q\n%q", byFolder, byFS)
	}
}
