package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ccsfs/internal/osfile"
	"ccsfs/internal/osfile/osfiletest"
)

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(b) != text || !osfiletest.HasMode(info, 0o600) {
			t.Errorf("%q, %v, %v", b, info.Mode(), err)
		}
	}
	if err := WriteFile(filepath.Join(path, "y"), nil); err == nil {
		t.Error("below a file")
	}
}

// What a killed process left goes, and nothing else.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	left, err := osfile.Create(path, 0o600) // never finished
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"a.json", "b.json", ".a.json", ".a.jsonx1", ".b.json1", ".a.json1.json2", "xa.json1"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	RemoveLeftovers(path)
	if _, err := os.Stat(left.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s stayed: %v", left.Name(), err)
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	left.Cleanup()
	RemoveLeftovers(filepath.Join(dir, "none", "x")) // no directory
}
