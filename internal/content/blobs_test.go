package content

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// onDisk is how many bytes of blobs lie in the cache.
func onDisk(t *testing.T, s *Store) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(s.blobs.dir, func(path string, d fs.DirEntry, err error) error {
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
	docs := map[string]*fakeDoc{}
	for i := range 90 {
		docs[fmt.Sprint(i)] = &fakeDoc{body: random(uint64(i), each)}
	}
	api, dir := newFake(docs), t.TempDir()
	stores := make([]*Store, 3)
	for i := range stores {
		stores[i] = openStore(t, dir, api, func(cfg *Config) { cfg.CacheSize = limit })
		eventually(t, func() bool {
			stores[i].blobs.mu.Lock()
			defer stores[i].blobs.mu.Unlock()
			return stores[i].blobs.surveyed
		})
	}
	var wg sync.WaitGroup
	for p, s := range stores {
		wg.Go(func() {
			for i := p; i < 90; i += len(stores) {
				wantBytes(t, s, ref(fmt.Sprint(i)), docs[fmt.Sprint(i)].body)
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
	docs := map[string]*fakeDoc{"new": {body: random(200, each)}}
	for i := range 40 {
		docs[fmt.Sprint(i)] = &fakeDoc{body: random(uint64(i), each)}
	}
	api, dir := newFake(docs), t.TempDir()
	small := func(cfg *Config) { cfg.CacheSize = limit }
	mine, others := openStore(t, dir, api, small), openStore(t, dir, api, small)
	for _, s := range []*Store{mine, others} { // the first survey runs beside, and counts what it meets
		eventually(t, func() bool {
			s.blobs.mu.Lock()
			defer s.blobs.mu.Unlock()
			return s.blobs.surveyed
		})
	}
	for i := range 12 {
		wantBytes(t, mine, ref(fmt.Sprint(i)), docs[fmt.Sprint(i)].body)
	}
	wantBytes(t, others, ref("new"), docs["new"].body)
	for i := 12; i < 20; i++ {
		wantBytes(t, mine, ref(fmt.Sprint(i)), docs[fmt.Sprint(i)].body)
	}
	if _, err := os.Stat(mine.disk.blobPath(ref("new").key())); err != nil {
		t.Errorf("it was thrown out before older ones: %v", err)
	}
	if got := onDisk(t, mine); got > limit {
		t.Errorf("%d bytes in a cache of %d", got, limit)
	}
}
