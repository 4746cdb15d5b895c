package root

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packageLimit is how many lines a package of the tool has at most, tests not counted: one
// that grows to more has two jobs.
const packageLimit = 1499

// TestPackagesAreSmall counts the lines of each package of the tool, of all systems together.
func TestPackagesAreSmall(t *testing.T) {
	lines := map[string]int{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "testdata":
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		data, err := os.ReadFile(path)
		lines[filepath.Dir(path)] += bytes.Count(data, []byte("\n"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines[filepath.Join("..", "..", "internal", "root")] == 0 {
		t.Fatal("this package is not among those counted")
	}
	for dir, n := range lines {
		if n > packageLimit {
			t.Errorf("%s has %d lines, %d at most: part it (ARCHITECTURE.md, What is where)", strings.TrimPrefix(dir, filepath.Join("..", "..")+"/"), n, packageLimit)
		}
	}
}
