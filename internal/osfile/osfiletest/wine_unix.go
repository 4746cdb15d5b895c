//go:build unix

package osfiletest

import "testing"

// SkipWine skips a test of what Wine cannot do and Windows can.
func SkipWine(testing.TB) {}
