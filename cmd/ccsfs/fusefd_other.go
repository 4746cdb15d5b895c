//go:build !linux

package main

// keepFromChildren has nothing to do: only on Linux does go-fuse mount
// without a helper.
func keepFromChildren() error { return nil }
