// Package osfiletest makes for tests what is odd to find in the place of a file.
package osfiletest

import "testing"

// Pipe makes a named pipe. Where there are none in directories, as here, the test is skipped.
func Pipe(t testing.TB, _ string) error {
	t.Skip("no pipes in directories")
	return nil
}
