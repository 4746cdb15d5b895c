//go:build !linux && !windows

package fs

// lookAt sees nothing where there is no Linux /proc: any interrupt ends an
// operation.
func lookAt(tid uint32) caller { return caller{hidden: true} }
