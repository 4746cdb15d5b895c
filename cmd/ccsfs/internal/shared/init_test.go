package shared

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Of many replicas that make the key at once, as where each begins with init --if-missing, one
// does; the others find all of it.
func TestOneOfManyMakesTheKey(t *testing.T) {
	texts := []string{"AGE-SECRET-KEY-A", "AGE-SECRET-KEY-B", "AGE-SECRET-KEY-C", "AGE-SECRET-KEY-D"}
	for range 200 {
		dir := t.TempDir()
		file := filepath.Join(dir, "below", "shared.key")
		var all sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for _, text := range texts {
			all.Go(func() {
				err := writeNew(file, text)
				got, unread := os.ReadFile(file)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					made++
				case !errors.Is(err, fs.ErrExist):
					t.Error(err)
				}
				if unread != nil || !slices.Contains(texts, string(got)) || err == nil && string(got) != text {
					t.Errorf("found %q (%v)", got, unread)
				}
			})
		}
		all.Wait()
		entries, err := os.ReadDir(filepath.Dir(file))
		if made != 1 || err != nil || len(entries) != 1 {
			t.Fatalf("%d made it, and left %v (%v)", made, entries, err)
		}
	}
}
