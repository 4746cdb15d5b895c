package osfiletest

import (
	"io/fs"
	"testing"

	"golang.org/x/sys/windows"
)

// SkipWine skips a test of what Wine cannot do and Windows can: files are not replaced while
// they are open, and symbolic links not seen.
func SkipWine(t testing.TB) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine does not do this")
	}
}

// NeedsUnix skips a test of what is so on Unix alone.
func NeedsUnix(t testing.TB, what string) { t.Skip("on Unix alone: " + what) }

// HasMode tells whether a file has a mode, where modes say who may use it.
func HasMode(fs.FileInfo, fs.FileMode) bool { return true }
