//go:build linux

package fs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// tinyAPI is an API with two contracts of a few documents.
type tinyAPI struct {
	mu       sync.Mutex
	calls    map[string]int
	document func(id string) []byte
	chunked  bool // sizes are not announced
}

func (a *tinyAPI) count(call string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[call]++
}

func (a *tinyAPI) take() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.calls = map[string]int{} }()
	return a.calls
}

func (a *tinyAPI) Contracts(context.Context) ([]apiclient.Contract, error) {
	a.count("contracts")
	return []apiclient.Contract{{ID: "C1", CreatedAt: "2024-01-01T00:00:00Z"}, {ID: "C2"}}, nil
}

func (a *tinyAPI) Contract(_ context.Context, id string) (*apiclient.ContractDetail, error) {
	a.count("contract")
	return &apiclient.ContractDetail{ID: id, Raw: []byte(`{"id":"` + id + `"}`)}, nil
}

func (a *tinyAPI) Documents(_ context.Context, id string, q apiclient.DocumentsQuery) ([]apiclient.Document, error) {
	a.count("documents")
	if q.Type != billing.TypeBills && q.Type != "" {
		return nil, nil
	}
	var docs []apiclient.Document
	for i := range tinyDocuments {
		docs = append(docs, apiclient.Document{ID: fmt.Sprintf("%s-%d", id, i), Filename: fmt.Sprintf("bill-%02d.txt", i), Period: fmt.Sprintf("2025%02d", i%12+1)})
	}
	return docs, nil
}

const tinyDocuments = 30

func (a *tinyAPI) File(_ context.Context, r apiclient.FileRequest) (*apiclient.File, error) {
	a.count("file")
	b := a.document(r.DocumentID)
	f := &apiclient.File{Body: io.NopCloser(bytes.NewReader(b)), Size: int64(len(b))}
	if a.chunked {
		f.Size = -1
	}
	return f, nil
}

// mountReal mounts the real catalog and the real store over an API.
func mountReal(t *testing.T, api *tinyAPI, cache string) *rig {
	t.Helper()
	requireFUSE(t)
	cat, err := catalog.New(catalog.Config{Dir: filepath.Join(cache, "listings")}, api)
	if err != nil {
		t.Fatal(err)
	}
	cfg := content.DefaultConfig()
	cfg.Dir = filepath.Join(cache, "content")
	st, err := content.Open(cfg, api)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir()}
	r.close = func() {
		if err := r.server.Unmount(); err != nil {
			t.Error(err)
		}
		r.server.Wait()
		served(t, r.server)
		cat.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	if r.server, err = Mount(r.dir, Config{Catalog: cat, Content: st, UID: uint32(os.Getuid())}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRealThing(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprint("chunked=", chunked), func(t *testing.T) {
			api := &tinyAPI{calls: map[string]int{}, chunked: chunked, document: func(id string) []byte {
				return bytes.Repeat([]byte(id+"\n"), 5000)
			}}
			cache := t.TempDir()
			for mount := range 2 {
				r := mountReal(t, api, cache)
				if got := r.must("ls", r.dir); got != "C1\nC2\n" {
					t.Errorf("root: %q", got)
				}
				if calls := api.take(); calls["contracts"] > 1 || len(calls) > 1 {
					t.Errorf("mount %d: ls of the root took %v", mount, calls)
				}
				r.must("ls", "-lR", r.dir)
				copied := t.TempDir() + "/copy"
				r.must("cp", "-r", r.dir, copied)
				for _, c := range []string{"C1", "C2"} {
					for i := range tinyDocuments {
						got, err := os.ReadFile(fmt.Sprintf("%s/%s/bill-%02d.txt", copied, c, i))
						if err != nil || !bytes.Equal(got, api.document(fmt.Sprintf("%s-%d", c, i))) {
							t.Fatalf("document %d: %d bytes, %v", i, len(got), err)
						}
					}
				}
				r.must("chmod", "-R", "u+w", copied)
				want := 2 * tinyDocuments
				if mount > 0 {
					want = 0
				}
				if calls := api.take(); calls["file"] != want || calls["contract"] > 2 {
					t.Errorf("mount %d: ls -lR and cp -r took %v, want %d files", mount, calls, want)
				}
				if got := r.must("cat", r.path("C1", ".documents.json")); !strings.Contains(got, `"bill-07.txt"`) {
					t.Errorf("documents: %q", got)
				}
				r.close()
			}
		})
	}
}
