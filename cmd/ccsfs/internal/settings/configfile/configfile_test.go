package configfile

import (
	"errors"
	"path/filepath"
	"testing"
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
