//go:build linux

package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryClaimNamesATestThatExists holds docs/semantics.md and docs/security.md
// to the tests that they name.
func TestEveryClaimNamesATestThatExists(t *testing.T) {
	exists := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(b), -1) {
			exists[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	claim := regexp.MustCompile("`(Test\\w+)`")
	for _, page := range []string{"semantics.md", "security.md"} {
		b, err := os.ReadFile(filepath.Join("..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		named := claim.FindAllStringSubmatch(string(b), -1)
		if len(named) < 10 {
			t.Errorf("%s names only %d tests", page, len(named))
		}
		for _, m := range named {
			if !exists[m[1]] {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "- ") && !claim.MatchString(line) {
				t.Errorf("%s claims without a test: %s", page, line)
			}
		}
	}
}

// TestArchitectureIsTheHouse: ARCHITECTURE.md names every package, and nothing that is
// not there; each answer to "where do I add" is a file.
func TestArchitectureIsTheHouse(t *testing.T) {
	b, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	quoted := regexp.MustCompile("`([^`\n]+)`")
	named := map[string]bool{}
	for line := range strings.Lines(page) {
		dir := ""
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			name := m[1]
			if strings.Contains(name, "/") && !strings.Contains(name, " ") && !strings.ContainsAny(name, "{}$") {
				if _, err := os.Stat(filepath.Join("..", name)); err != nil {
					t.Errorf("%s is named, and not there", name)
				}
				dir = filepath.Dir(name)
			}
			named[name], named[filepath.Join(dir, name)] = true, true
		}
	}
	packages := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			dir, err := filepath.Rel("..", filepath.Dir(path))
			packages[dir] = true
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range packages {
		if !named[dir] {
			t.Errorf("%s is not named", dir)
		}
	}
	_, answers, _ := strings.Cut(page, "## Where do I add")
	answers, _, _ = strings.Cut(answers, "\n## ")
	n := 0
	for line := range strings.Lines(answers) {
		if m := quoted.FindStringSubmatch(line); m != nil {
			n++
			if info, err := os.Stat(filepath.Join("..", m[1])); m[1] != "fs" && (err != nil || info.IsDir()) {
				t.Errorf("no file: %s", line)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d answers", n)
	}
}
