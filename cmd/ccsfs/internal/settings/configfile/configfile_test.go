package configfile

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// Somebody's change is not written over.
func TestReplaceFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	was, there, err := Read(path)
	if err != nil || there || string(was) != fileHead {
		t.Fatal(there, err)
	}
	if _, err := Set(path, "", settingOf(t, "layout"), "type"); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, was, []byte("layout = 'flat'\n"), there); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	was, there, err = Read(path)
	if err != nil || !there {
		t.Fatal(there, err)
	}
	if err := Replace(path, was, []byte("layout = 'flat'\n"), there); err != nil {
		t.Error(err)
	}
}

// Changes by several at once are all there afterwards, also of those that make the file.
func TestChangesAtOnce(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "new", "config.toml")
		var all sync.WaitGroup
		for _, do := range []func() error{
			func() error { _, err := Merge(path, "a", map[string]string{"api_key": "ka"}, false); return err },
			func() error { _, err := Merge(path, "b", map[string]string{"api_key": "kb"}, false); return err },
			func() error { _, err := Set(path, "", settingOf(t, "layout"), "type"); return err },
		} {
			all.Go(func() {
				if err := do(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		all.Go(func() {
			if err := RemoveAccount(path, "a"); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := Set(path, "b", settingOf(t, "contract"), "C"); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		for account, want := range map[string]int{"": 1, "a": 0, "b": 2} {
			if keys, err := settings.KeysIn(path, account); err != nil || len(keys) != want {
				t.Fatalf("%q: %v, %v", account, keys, err)
			}
		}
	}
}
