package fs

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelCachesDirs reports whether the kernel may be told to cache directories.
// Those from 6.9 to 6.12 do not drop a cached directory at an OPENDIR without
// FOPEN_KEEP_CACHE (github.com/GoogleCloudPlatform/gcsfuse/issues/2792), which
// is how changes get there.
func kernelCachesDirs() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	major, minor, ok := kernelVersion(unix.ByteSliceToString(u.Release[:]))
	return ok && !(major == 6 && minor >= 9 && minor <= 12)
}

// kernelVersion reads the first two numbers of a release.
func kernelVersion(release string) (major, minor int, ok bool) {
	n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return major, minor, n == 2
}

// raiseReadAhead lets the kernel read further ahead than one request. At INIT a
// file system can only lower the 128 KiB that the kernel starts with; root
// may raise it afterwards. Without it, reading is slower, nothing else.
func raiseReadAhead(device string) {
	if device == "" {
		return
	}
	_ = os.WriteFile("/sys/class/bdi/"+device+"/read_ahead_kb", strconv.AppendInt(nil, readAhead>>10, 10), 0)
}

// mountEntry is a line of mountinfo; see proc_pid_mountinfo(5).
type mountEntry struct {
	device string // major:minor
	point  string
	fsType string
}

func (m mountEntry) ours() bool { return m.fsType == "fuse."+fsType }

// topMount returns what is mounted at dir, which must be absolute and without
// symbolic links: the last mount there, since it covers the others. It does
// not touch the directory, which may be dead.
func topMount(dir string) (mountEntry, bool) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return mountEntry{}, false
	}
	var top mountEntry
	found := false
	for line := range strings.Lines(string(b)) {
		if m, ok := parseMountEntry(line); ok && m.point == dir {
			top, found = m, true
		}
	}
	return top, found
}

// mountedDevice is the device number of what is mounted at dir, "" if unknown.
func mountedDevice(dir string) string {
	m, _ := topMount(dir)
	return m.device
}

// parseMountEntry reads "36 35 98:0 /root /point opts … - type source opts".
func parseMountEntry(line string) (mountEntry, bool) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 5 || len(right) < 1 {
		return mountEntry{}, false
	}
	return mountEntry{device: left[2], point: unescapeOctal(left[4]), fsType: right[0]}, true
}

// unescapeOctal undoes the \040 of spaces, tabs, newlines and backslashes.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
