package osfiletest

import (
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
