package diagnosis

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// kernel is what runs here, with its version.
func kernel() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
