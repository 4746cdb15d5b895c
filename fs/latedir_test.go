//go:build linux

package fs

import (
	"strings"
	"testing"

	"ccsfs/apiclient"
)

// Opening the mountpoint as df does asks nobody; opening it to list it tells at
// once what is wrong, and so does reading it.
func TestOpeningTheRootAsksNobody(t *testing.T) {
	r := simpleRig(t, Config{})
	r.catalog.fail(apiclient.ErrUnreachable)
	r.must("df", r.dir)
	r.must("sh", "-c", `exec 3< "$0"`, r.dir)
	r.must("sync", "-f", r.dir)
	r.wantError("cannot open directory", "ls", r.dir)
	if _, err := r.run("python3", "-c", "import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); os.listdir(fd)", r.dir); err == nil || !strings.Contains(err.Error(), "No route to host") {
		t.Errorf("reading what was opened so: %v", err)
	}
	r.catalog.fail(nil)
	if got := r.must("python3", "-c", "import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); print(*sorted(os.listdir(fd) + os.listdir(fd)))", r.dir); got != "C1 C1 C2 C2\n" {
		t.Errorf("listed %q", got)
	}
}

func TestNameTooLong(t *testing.T) {
	r := simpleRig(t, Config{})
	for _, dir := range []string{"", "C1"} {
		r.wantError("File name too long", "stat", r.path(dir, strings.Repeat("x", 256)))
		r.wantError("No such file", "stat", r.path(dir, strings.Repeat("x", 255)))
	}
	r.catalog.fail(apiclient.ErrUnreachable)
	r.wantError("File name too long", "stat", r.path(strings.Repeat("é", 128)))
}
