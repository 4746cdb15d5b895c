//go:build unix

// Package osfiletest makes for tests what is odd to find in the place of a file.
package osfiletest

import (
	"syscall"
	"testing"
)

// Pipe makes a named pipe. Where there are none in directories the test is skipped.
func Pipe(_ testing.TB, path string) error { return syscall.Mkfifo(path, 0o600) }
