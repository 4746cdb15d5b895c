//go:build unix

package diagnosis

import "golang.org/x/sys/unix"

// kernel is what runs here, with its version.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return unknown
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
