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
