//go:build !linux && !windows

package lease

func newLocker(path string) locker { return &fileLocker{dir: path + ".d"} }
