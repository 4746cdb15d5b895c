// Package integration holds the tests of the whole: the simulated API, the
// client, the catalog, the cache and a real mount, used by the programs that
// people use. Each test is named by what it claims; docs/semantics.md refers
// to them.
//
// The tests never touch a mount from their own process: a system call that
// waits for a file system served by the same process can hold up the very
// goroutine that would answer it (see "Deadlocks" in go-fuse's package fs).
// Other programs do it for them, some of which are this test binary again.
package integration
