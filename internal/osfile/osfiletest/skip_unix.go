//go:build unix

package osfiletest

import (
	"io/fs"
	"testing"
)

// SkipWine skips a test of what Wine cannot do and Windows can.
func SkipWine(testing.TB) {}

// NeedsUnix skips a test of what is so on Unix alone.
func NeedsUnix(testing.TB, string) {}

// HasMode tells whether a file has a mode, where modes say who may use it.
func HasMode(info fs.FileInfo, mode fs.FileMode) bool { return info.Mode().Perm() == mode }

// NeedsSockets skips a test of unix sockets where there are none.
func NeedsSockets(testing.TB) {}
