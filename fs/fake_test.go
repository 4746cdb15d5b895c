//go:build !windows

package fs

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// fakeCatalog is a catalog whose state a test sets.
type fakeCatalog struct {
	mu        sync.Mutex
	onChange  func(catalog.Change)
	contracts *catalog.Contracts
	listings  map[string]*catalog.Listing
	refused   map[string]error
	failure   error // of Contracts, Listing and Detail
	detail    error // of Detail alone
	details   map[string]string
}

// doc makes a document of contract C1, named after its id.
func doc(id, updatedAt string) billing.Document {
	return billing.Document{
		ContractID: "C1", ID: id, Type: "bills", Filename: id + ".pdf",
		Period: "202501", CreatedAt: "2025-02-01T10:00:00Z", UpdatedAt: updatedAt,
		Amount: "12.50", Currency: "EUR",
	}
}

func newFakeCatalog(docs ...billing.Document) *fakeCatalog {
	c := &fakeCatalog{
		listings: map[string]*catalog.Listing{},
		refused:  map[string]error{},
		details:  map[string]string{"C1": `{"id":"C1","updatedAt":"2025-03-01T00:00:00Z"}` + "\n"},
	}
	c.setContracts("C1", "C2")
	c.set("C1", docs...)
	c.set("C2")
	return c
}

func (c *fakeCatalog) setContracts(ids ...string) {
	list := &catalog.Contracts{FetchedAt: time.Now()}
	for _, id := range ids {
		list.Entries = append(list.Entries, catalog.ContractEntry{
			Name: id, Contract: apiclient.Contract{ID: id, Name: "contract " + id, CreatedAt: "2024-01-02T03:04:05Z"},
		})
	}
	c.mu.Lock()
	old := c.contracts
	c.contracts = list
	f := c.onChange
	c.mu.Unlock()
	if f != nil {
		f(catalog.Change{OldContracts: old, NewContracts: list})
	}
}

// set makes docs the listing of a contract, and announces it if it is not the
// first. A slash in a file name makes a directory.
func (c *fakeCatalog) set(id string, docs ...billing.Document) {
	l := fakeListing(id, docs)
	c.mu.Lock()
	old, f := c.listings[id], c.onChange
	c.listings[id] = l
	c.mu.Unlock()
	if f != nil && old != nil {
		f(catalog.Change{ContractID: id, Old: old, New: l})
	}
}

func fakeListing(id string, docs []billing.Document) *catalog.Listing {
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b billing.Document) int { return strings.Compare(a.ID, b.ID) })
	l := &catalog.Listing{ContractID: id, FetchedAt: time.Now(), Documents: docs, Tree: &layout.Dir{}}
	for i := range docs {
		addPath(l.Tree, strings.Split(docs[i].Filename, "/"), &docs[i])
	}
	return l
}

func addPath(dir *layout.Dir, path []string, d *billing.Document) {
	e, ok := dir.Lookup(path[0])
	if !ok {
		e = layout.Entry{Name: path[0]}
		if len(path) == 1 {
			e.Doc = d
		} else {
			e.Dir = &layout.Dir{}
		}
		dir.Entries = append(dir.Entries, e)
		slices.SortFunc(dir.Entries, func(a, b layout.Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	if len(path) > 1 {
		addPath(e.Dir, path[1:], d)
	}
}

// refuse withdraws access to a contract.
func (c *fakeCatalog) refuse(id string) {
	err := fmt.Errorf("contract %s: %w", id, apiclient.ErrForbidden)
	c.mu.Lock()
	old, f := c.listings[id], c.onChange
	c.refused[id] = err
	delete(c.listings, id)
	c.mu.Unlock()
	f(catalog.Change{ContractID: id, Old: old, Err: err})
}

func (c *fakeCatalog) setDetail(id, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.details[id] = text
}

// fail makes what asks the API fail; nil heals it.
func (c *fakeCatalog) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

func (c *fakeCatalog) failDetail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detail = err
}

func (c *fakeCatalog) OnChange(f func(catalog.Change)) { c.onChange = f }

func (c *fakeCatalog) Contracts(ctx context.Context) (*catalog.Contracts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.contracts, c.failure
}

func (c *fakeCatalog) Listing(ctx context.Context, id string) (*catalog.Listing, error) {
	c.mu.Lock()
	if c.failure != nil {
		defer c.mu.Unlock()
		return nil, c.failure
	}
	c.mu.Unlock()
	l, err := c.Known(id)
	if l == nil && err == nil {
		err = apiclient.ErrNotFound
	}
	return l, err
}

func (c *fakeCatalog) Known(id string) (*catalog.Listing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listings[id], c.refused[id]
}

func (c *fakeCatalog) Detail(ctx context.Context, id string) (*catalog.Detail, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmp.Or(c.failure, c.detail); err != nil {
		return nil, err
	}
	return &catalog.Detail{JSON: []byte(c.details[id])}, nil
}

// fakeStore is a content store whose documents a test sets.
type fakeStore struct {
	mu      sync.Mutex
	data    map[string][]byte
	gen     map[string]uint64
	known   map[string]bool // its size is known without asking
	gate    chan struct{}   // what waits, waits for this; nil: nothing waits
	failure error
	unbegun error       // of the bytes of what is opened
	waiting chan string // told what begins to wait
	stats   map[string]int
	opens   map[string]int
	touched []string
	valid   time.Time
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		data: map[string][]byte{}, gen: map[string]uint64{}, known: map[string]bool{},
		stats: map[string]int{}, opens: map[string]int{},
	}
}

// put sets the content of a document; replacing it makes a new generation.
func (s *fakeStore) put(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[id] = []byte(text)
	s.gen[id]++
}

func (s *fakeStore) forgetSize(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = false
}

// hold makes everything that waits wait, until the test ends or calls release.
// It returns what tells of each that begins to wait.
func (s *fakeStore) hold(t testing.TB) (waiting <-chan string, release func()) {
	gate, tell := make(chan struct{}), make(chan string, 1000)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate, s.waiting = gate, tell
	release = sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.gate == gate { // not one that came after it
			s.gate = nil
		}
		close(gate)
	})
	t.Cleanup(release)
	return tell, release
}

func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

func (s *fakeStore) count(m map[string]int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range m {
		n += c
	}
	return n
}

func (s *fakeStore) info(id string) content.Info {
	return content.Info{
		Size: int64(len(s.data[id])), Generation: s.gen[id], Valid: s.valid,
		SHA256: "hash-of-" + id, Changed: time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC),
	}
}

func (s *fakeStore) Peek(r content.Ref) (content.Info, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[r.DocumentID] {
		return content.Info{}, false
	}
	return s.info(r.DocumentID), true
}

// wait waits for the gate, if there is one.
func (s *fakeStore) wait(ctx context.Context, what string) error {
	s.mu.Lock()
	gate, err, tell := s.gate, s.failure, s.waiting
	s.mu.Unlock()
	if err != nil || gate == nil {
		return err
	}
	tell <- what
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *fakeStore) Stat(ctx context.Context, r content.Ref) (content.Info, error) {
	if info, ok := s.Peek(r); ok {
		return info, nil
	}
	if err := s.wait(ctx, "stat"); err != nil {
		return content.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats[r.DocumentID]++
	s.known[r.DocumentID] = true
	return s.info(r.DocumentID), nil
}

func (s *fakeStore) Open(ctx context.Context, r content.Ref) (contentFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return nil, s.failure
	}
	s.opens[r.DocumentID]++
	if s.gate == nil && !r.Volatile {
		s.known[r.DocumentID] = true // as if the headers came at once
	}
	return &fakeFile{store: s, id: r.DocumentID, data: s.data[r.DocumentID], info: s.info(r.DocumentID)}, nil
}

// Sighted has seen everything just now.
func (s *fakeStore) Sighted(contractID, thing, version string) time.Time {
	return time.Unix(1_800_000_000, 0)
}

func (s *fakeStore) NewAccessPattern(n int, ref func(int) content.Ref, inos []uint64) folder.Ahead {
	return &fakeWalk{s, ref}
}

type fakeWalk struct {
	store *fakeStore
	ref   func(int) content.Ref
}

func (w *fakeWalk) Touch(i int, opened bool) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.store.touched = append(w.store.touched, fmt.Sprintf("%s %v", w.ref(i).DocumentID, opened))
}

// fakeFile keeps the content it was opened with.
type fakeFile struct {
	store *fakeStore
	id    string
	data  []byte
	info  content.Info
}

func (f *fakeFile) Info() content.Info {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	if !f.store.known[f.id] {
		return content.Info{Size: -1}
	}
	return f.info
}

func (f *fakeFile) Begin(context.Context) error {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	return f.store.unbegun
}

func (f *fakeFile) Read(ctx context.Context, p []byte, off int64) (content.Bytes, error) {
	if err := f.store.wait(ctx, "read"); err != nil {
		return content.Bytes{}, err
	}
	n, err := bytes.NewReader(f.data).ReadAt(p, off)
	return content.Bytes{Parts: [][]byte{p[:n]}}, err
}

func (f *fakeFile) Close() error { return nil }

var _ io.Closer = (*fakeFile)(nil)

// requireFUSE skips a test that needs a mount where there can be none, unless
// the environment says that there must be one.
func requireFUSE(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err == nil && checkFUSE(false) == nil {
		return
	}
	if os.Getenv("CCSFS_REQUIRE_FUSE") == "1" {
		t.Fatal("no FUSE here, and CCSFS_REQUIRE_FUSE=1")
	}
	t.Skip("no FUSE here (/dev/fuse, fusermount3); CCSFS_REQUIRE_FUSE=1 makes this an error")
}
