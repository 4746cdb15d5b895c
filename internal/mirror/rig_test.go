package mirror

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// What each document begins and ends with.
const pdfBegin, pdfEnd = "%PDF-1.4\n", "\n%%EOF\n"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeAPI serves documents from memory and counts.
type fakeAPI struct {
	mu    sync.Mutex
	docs  map[string][]byte
	fail  map[string]error // instead of an answer
	heals map[string]int   // after so many calls that is over
	cut   map[string]bool  // half of the body, and then no more
	calls map[string]int
	stall chan struct{} // bodies wait here half-way, if it is not nil
}

func newFake() *fakeAPI {
	return &fakeAPI{docs: map[string][]byte{}, fail: map[string]error{}, heals: map[string]int{}, cut: map[string]bool{}, calls: map[string]int{}}
}

func (a *fakeAPI) File(ctx context.Context, r apiclient.FileRequest) (*apiclient.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[r.DocumentID]++
	if err := a.fail[r.DocumentID]; err != nil {
		if a.calls[r.DocumentID] == a.heals[r.DocumentID] {
			delete(a.fail, r.DocumentID)
		}
		return nil, err
	}
	body := a.docs[r.DocumentID]
	f := &apiclient.File{Size: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
	if a.cut[r.DocumentID] || a.stall != nil {
		f.Body = io.NopCloser(&halfReader{ctx: ctx, data: body[:len(body)/2], wait: a.stall})
	}
	return f, nil
}

func (a *fakeAPI) count(id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[id]
}

// halfReader breaks off after its data, or hangs there.
type halfReader struct {
	ctx  context.Context
	data []byte
	wait chan struct{}
}

func (r *halfReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		if r.wait != nil {
			select {
			case <-r.wait:
			case <-r.ctx.Done():
				return 0, r.ctx.Err()
			}
		}
		return 0, apiclient.ErrProtocol // not taken up again, as a reset would be
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

// rig is a destination and an account to fill it from.
type rig struct {
	t     *testing.T
	api   *fakeAPI
	store *content.Store
	cache string // directory of store
	dir   string

	account  string          // whose it is; "": mine
	alike    map[string]bool // paths of files that are called as temporary ones are
	apart    []string        // what pullAccount told of
	force    bool
	busy     bool   // a run was given up, and what it asked for may still be on its way
	leaveOut string // a document that pullAccount lists and does not copy
	docs     map[string]*billing.Document
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, api: newFake(), dir: filepath.Join(t.TempDir(), "dest"), docs: map[string]*billing.Document{}}
	cfg := content.DefaultConfig()
	cfg.Dir = filepath.Join(t.TempDir(), "content")
	r.cache = cfg.Dir
	var err error
	if r.store, err = content.Open(cfg, r.api); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// set gives a document content and a version.
func (r *rig) set(id, updatedAt, body string) {
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	r.api.docs[id] = []byte(pdfBegin + body + pdfEnd)
	r.docs[id] = &billing.Document{ContractID: "C", ID: id, Type: "bills", Filename: id + ".pdf", UpdatedAt: updatedAt}
}

// itemOf is a document of a listing that says nothing of when it was.
func itemOf(path string, d *billing.Document) Item {
	return Item{Path: path, Doc: d, Ref: folder.Ref(d, time.Time{})}
}

func (r *rig) items() []Item {
	var items []Item
	for _, id := range []string{"a", "b", "c", "d"} {
		if d := r.docs[id]; d != nil {
			items = append(items, itemOf("C/"+id+".pdf", d))
		}
	}
	return items
}

func (r *rig) pull(ctx context.Context, o Options) Result {
	r.t.Helper()
	return r.pullItems(ctx, r.items(), o)
}

func (r *rig) pullItems(ctx context.Context, items []Item, o Options) Result {
	r.t.Helper()
	f := r.foresee(items, o)
	d, err := OpenDest(ctx, r.dir, nobody)
	if err != nil {
		r.t.Fatal(err)
	}
	o.Workers, o.Prefetch = 3, 4<<20
	copied := map[string]bool{}
	o.Copied = func(c Copy) { copied[c.Path] = true }
	result := Run(ctx, d, r.store, items, o, nothing{})
	r.compare(f, items, result, copied)
	if err := d.Close(); err != nil {
		r.t.Error(err)
	}
	r.clean()
	return result
}

// clean fails if a temporary file was left.
func (r *rig) clean() {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(at string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(filepath.Base(at), temporaryPrefix) && !r.alike[filepath.ToSlash(strings.TrimPrefix(at, r.dir+string(filepath.Separator)))] {
			r.t.Errorf("%s was left behind", at)
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}

func (r *rig) path(id string) string { return filepath.Join(r.dir, "C", id+".pdf") }

// local is what the file of a document holds, "" if there is none.
func (r *rig) local(id string) string {
	r.t.Helper()
	data, err := os.ReadFile(r.path(id))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(data), pdfBegin), pdfEnd)
}

// edit is what somebody does to a file.
func (r *rig) edit(id, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(id)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	_ = os.Remove(r.path(id)) // it is read-only
	if err := os.WriteFile(r.path(id), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// nothing is a Progress that nobody looks at.
type nothing struct{}

func (nothing) Bytes(int) {}
func (nothing) Done()     {}

// nobody is waited for.
func nobody(who string) { panic("waits for " + who) }

func day(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	check(t, err)
	return at
}
