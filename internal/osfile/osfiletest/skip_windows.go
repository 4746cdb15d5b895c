package osfiletest

import (
	"io/fs"
	"testing"

	"golang.org/x/sys/windows"
)

// SkipWine skips a test of what Wine (10) cannot do and Windows can: symbolic links are not
// seen; for a moment nothing is in the place of an open file that is replaced; a file that was
// renamed while it is open is not known as the same; a directory with open files is not
// removed; two who append to a file at once may write at one place.
func SkipWine(t testing.TB) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine does not do this")
	}
}

// NeedsUnix skips a test of what is so on Unix alone.
func NeedsUnix(t testing.TB, what string) { t.Skip("on Unix alone: " + what) }

// HasMode tells whether a file has a mode, where modes say who may use it.
func HasMode(fs.FileInfo, fs.FileMode) bool { return true }

// NeedsSockets skips a test of unix sockets where there are none, as under Wine.
func NeedsSockets(t testing.TB) {
	s, err := windows.Socket(windows.AF_UNIX, windows.SOCK_STREAM, 0)
	if err != nil {
		t.Skip("no unix sockets:", err)
	}
	_ = windows.Closesocket(s)
}
