package disk

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/content/blobstore"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openSurveyed opens a store that has taken stock for the first time.
func openSurveyed(t *testing.T, dir string, limit int64) *Store {
	t.Helper()
	s := openStore(t, dir, limit)
	for {
		s.bound.mu.Lock()
		surveyed := s.bound.surveyed
		s.bound.mu.Unlock()
		if surveyed {
			return s
		}
		time.Sleep(time.Millisecond)
	}
}

func openStore(t *testing.T, dir string, limit int64) *Store {
	t.Helper()
	s, err := Open(dir, limit, slog.New(slog.DiscardHandler))
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

func key(id string) blobstore.Key { return blobstore.KeyOf("OCB0001234", id) }

// put makes bytes a blob.
func put(t *testing.T, s *Store, id string, p []byte) {
	t.Helper()
	sp, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	if err := sp.Append(p); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), key(id), sp); err != nil {
		t.Fatal(err)
	}
}

// onDisk is how many bytes of blobs lie in the cache.
func onDisk(t *testing.T, s *Store) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(s.bound.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // evicted meanwhile
		}
		if i, err := d.Info(); err == nil {
			bytes += i.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// The bound on the cache holds for all processes together.
func TestTheBoundHoldsForAllProcesses(t *testing.T) {
	const limit, each = 96 << 10, 4 << 10
	dir := t.TempDir()
	stores := make([]*Store, 3)
	for i := range stores {
		stores[i] = openSurveyed(t, dir, limit)
	}
	var wg sync.WaitGroup
	for p, s := range stores {
		wg.Go(func() {
			for i := p; i < 90; i += len(stores) {
				put(t, s, fmt.Sprint(i), bytes.Repeat([]byte{byte(i)}, each))
				// What has just come takes its place before others make room.
				if got := onDisk(t, s); got > limit+int64(len(stores)*each) {
					t.Errorf("%d bytes in a cache of %d", got, limit)
				}
			}
		})
	}
	wg.Wait()
	if got := onDisk(t, stores[0]); got > limit || got < limit/2 {
		t.Errorf("%d bytes are kept in a cache of %d", got, limit)
	}
}

// A process does not throw out first what another one has fetched last, though it
// knows of it by the directory alone.
func TestWhatAnotherProcessFetchedIsNotTheOldest(t *testing.T) {
	const limit, each = 64 << 10, 4 << 10
	dir := t.TempDir()
	// the first survey runs beside, and counts what it meets
	mine, others := openSurveyed(t, dir, limit), openSurveyed(t, dir, limit)
	for i := range 12 {
		put(t, mine, fmt.Sprint(i), make([]byte, each))
	}
	put(t, others, "new", make([]byte, each))
	now := time.Now() // the clock of files is coarser than the one of processes
	if err := os.Chtimes(mine.Path(key("new")), now, now); err != nil {
		t.Fatal(err)
	}
	for i := 12; i < 20; i++ {
		put(t, mine, fmt.Sprint(i), make([]byte, each))
	}
	if _, err := os.Stat(mine.Path(key("new"))); err != nil {
		t.Errorf("it was thrown out before older ones: %v", err)
	}
	if got := onDisk(t, mine); got > limit {
		t.Errorf("%d bytes in a cache of %d", got, limit)
	}
}

// A clock that was wrong for a while leaves blobs that were last used in the future. They
// have filled the cache, and what comes now does not go in their favour.
func TestBlobsOfTheFutureGoFirst(t *testing.T) {
	dir := t.TempDir()
	s := openSurveyed(t, dir, 1000)
	for i := range 10 {
		id := fmt.Sprint("future", i)
		put(t, s, id, make([]byte, 100))
		next := time.Now().Add(time.Duration(i+1) * 24 * time.Hour)
		if err := os.Chtimes(s.Path(key(id)), next, next); err != nil {
			t.Fatal(err)
		}
	}
	s = openSurveyed(t, dir, 1000)
	for i := range 5 {
		put(t, s, fmt.Sprint("now", i), make([]byte, 100))
	}
	for i := range 5 {
		if _, err := os.Lstat(s.Path(key(fmt.Sprint("now", i)))); err != nil {
			t.Error(err)
		}
	}
	if _, bytes := s.Usage(); bytes > 1000 {
		t.Errorf("%d bytes", bytes)
	}
}

// The same of a clock that is put back while the store is open: what was used since is the
// most recent.
func TestBlobsUsedBeforeTheClockWasPutBack(t *testing.T) {
	s := openSurveyed(t, t.TempDir(), 1000)
	for i := range 9 {
		put(t, s, fmt.Sprint("before", i), make([]byte, 100))
	}
	s.bound.mu.Lock()
	s.bound.blobs.all(func(_ blobKey, e *entry) { e.used += int64(24 * time.Hour) })
	s.bound.mu.Unlock()
	put(t, s, "since", make([]byte, 100)) // and takes stock
	put(t, s, "next", make([]byte, 100))
	if _, err := os.Lstat(s.Path(key("since"))); err != nil {
		t.Error(err)
	}
}
