package mountinfo

import (
	"path/filepath"
	"strings"
)

// Resolve makes path absolute and follows its links, as the table of mounts
// has them. The last element may be a mount of which the server is dead, which cannot
// be looked at, or stands still, which must not be.
func Resolve(path, work string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(work, path)
	}
	path = filepath.Clean(path)
	there := path
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		there = filepath.Join(dir, filepath.Base(path))
	}
	if m, ok := Find(there); ok && m.Ours() {
		return there
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return there
}

// Within tells whether path is dir or below it. Both are clean and absolute.
func Within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
