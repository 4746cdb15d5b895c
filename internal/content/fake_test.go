package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDoc is a document of a fakeAPI.
type fakeDoc struct {
	body     []byte
	etag     string
	noSize   bool // no Content-Length
	noRange  bool
	media    string // Content-Type
	deaf     bool   // to If-Range
	err      error
	cuts     []int         // the body of the i-th call breaks off after cuts[i] bytes
	stop     chan struct{} // reads wait here after stopAt bytes
	stopAt   int
	headerAt chan struct{} // File waits here
}

// fakeAPI serves documents from memory and counts.
type fakeAPI struct {
	mu    sync.Mutex
	docs  map[string]*fakeDoc
	calls map[string]int
	reqs  []apiclient.FileRequest
	next  *fakeDoc // what a document is from its second call on; nil: the same
	open  int
}

func newFake(docs map[string]*fakeDoc) *fakeAPI {
	return &fakeAPI{docs: docs, calls: map[string]int{}}
}

func (a *fakeAPI) count(id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[id]
}

func (a *fakeAPI) set(id string, d *fakeDoc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.docs[id] = d
}

func (a *fakeAPI) File(ctx context.Context, r apiclient.FileRequest) (*apiclient.File, error) {
	a.mu.Lock()
	n := a.calls[r.DocumentID]
	a.calls[r.DocumentID]++
	a.reqs = append(a.reqs, r)
	d := a.docs[r.DocumentID]
	if n > 0 && a.next != nil {
		d = a.next
	}
	a.mu.Unlock()
	if d == nil {
		return nil, apiclient.ErrNotFound
	}
	if d.headerAt != nil {
		select {
		case <-d.headerAt:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	if d.etag != "" && r.IfNoneMatch == d.etag {
		return &apiclient.File{NotModified: true, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	f := &apiclient.File{Size: int64(len(d.body)), ETag: d.etag, ContentType: d.media, AcceptRanges: !d.noRange}
	if d.noSize {
		f.Size = -1
	}
	if !d.noRange && r.Offset > 0 && (r.IfRange == "" || r.IfRange == d.etag || d.deaf) {
		f.Offset = r.Offset
	}
	cut := len(d.body)
	if n < len(d.cuts) && d.cuts[n] < cut {
		cut = d.cuts[n]
	}
	a.mu.Lock()
	a.open++
	a.mu.Unlock()
	f.Body = &fakeBody{ctx: ctx, api: a, d: d, at: int(f.Offset), cut: cut}
	return f, nil
}

type fakeBody struct {
	ctx     context.Context
	api     *fakeAPI
	d       *fakeDoc
	at, cut int
}

func (b *fakeBody) Read(p []byte) (int, error) {
	end := b.cut
	if b.d.stop != nil && b.at >= b.d.stopAt {
		select {
		case <-b.d.stop:
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		}
	} else if b.d.stop != nil {
		end = min(end, b.d.stopAt)
	}
	if b.at >= end {
		if b.cut < len(b.d.body) {
			return 0, fmt.Errorf("%w: %w", apiclient.ErrUnreachable, io.ErrUnexpectedEOF)
		}
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1000)], b.d.body[b.at:end])
	b.at += n
	return n, nil
}

func (b *fakeBody) Close() error {
	b.api.mu.Lock()
	b.api.open--
	b.api.mu.Unlock()
	return nil
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// store opens a store of its own in dir.
func openStore(t *testing.T, dir string, api API, change func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Dir = filepath.Join(dir, "content")
	cfg.Logger = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(&cfg)
	}
	s, err := Open(cfg, api)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// random gives n bytes that are always the same for a seed and look like no text.
func random(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	copy(b, "%PDF-1.4\n")
	if end := "\n%%EOF\n"; n >= 30 {
		copy(b[n-len(end):], end)
	}
	return b
}

func ref(id string) Ref { return Ref{ContractID: "OCB0001234", DocumentID: id, Name: id + ".pdf"} }

// readAll reads a document through a File, in reads of n bytes.
func readAll(ctx context.Context, s *Store, r Ref, n int) ([]byte, error) {
	f, err := s.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []byte
	buf := make([]byte, n)
	for {
		k, err := f.ReadAt(ctx, buf, int64(len(all)))
		all = append(all, buf[:k]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if k < n {
			return all, fmt.Errorf("short read of %d bytes without an error", k)
		}
	}
}

func wantBytes(t *testing.T, s *Store, r Ref, want []byte) {
	t.Helper()
	got, err := readAll(t.Context(), s, r, 700)
	if err != nil {
		t.Fatalf("%s: %v", r.DocumentID, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: got %d bytes that are not the %d of the document", r.DocumentID, len(got), len(want))
	}
}

func wantCalls(t *testing.T, api *fakeAPI, id string, want int) {
	t.Helper()
	if got := api.count(id); got != want {
		t.Fatalf("%d calls for %s, want %d", got, id, want)
	}
}
