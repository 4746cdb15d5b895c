//go:build !windows

package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/content"
)

func TestErrno(t *testing.T) {
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{apiclient.ErrNotFound, syscall.ENOENT},
		{fmt.Errorf("%w: %w", errListed, apiclient.ErrNotFound), syscall.EIO},
		{apiclient.ErrUnauthorized, syscall.EACCES},
		{apiclient.ErrCredentials, syscall.EACCES},
		{apiclient.ErrForbidden, syscall.EACCES},
		{apiclient.ErrRateLimited, syscall.EBUSY},
		{apiclient.ErrTimeout, syscall.ETIMEDOUT},
		{context.DeadlineExceeded, syscall.ETIMEDOUT},
		{apiclient.ErrUnreachable, syscall.EHOSTUNREACH},
		{content.ErrOffline, syscall.EHOSTUNREACH},
		{apiclient.ErrProtocol, syscall.EIO},
		{content.ErrNotDocument, syscall.EIO},
		{apiclient.ErrServer, syscall.EIO},
		{apiclient.ErrInvalid, syscall.EIO},
		{content.ErrChanged, syscall.EIO},
		{content.ErrClosed, syscall.EIO},
		{context.Canceled, syscall.EINTR},
		// A cancelled call that had failed before: the cancel counts.
		{errors.Join(apiclient.ErrUnreachable, context.Canceled), syscall.EINTR},
		// A cache file that is gone is not a document that is gone.
		{fs.ErrNotExist, syscall.EIO},
		{errors.New("anything"), syscall.EIO},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			if c.err == nil && err != nil {
				continue
			}
			if got := errnoOf(err); got != c.want {
				t.Errorf("%v: %v, want %v", err, got, c.want)
			}
		}
	}
}

// What programs see of it.
func TestErrorsReachPrograms(t *testing.T) {
	r := simpleRig(t, Config{})
	for err, text := range map[error]string{ // what is about the document: TestUnavailableDocument
		apiclient.ErrUnreachable:  "No route to host",
		apiclient.ErrTimeout:      "Connection timed out",
		apiclient.ErrRateLimited:  "Device or resource busy",
		apiclient.ErrUnauthorized: "Permission denied",
		apiclient.ErrServer:       "Input/output error",
	} {
		r.store.fail(err)
		r.wantError(text, "cat", r.path("C1", "a.pdf"))
		r.wantError(text, "stat", r.path("C1", "a.pdf"))
	}
	r.store.fail(nil)
	if got := r.must("cat", r.path("C1", "a.pdf")); got != "hello" {
		t.Errorf("after the failures: %q", got)
	}
}

// EAGAIN from read(2) had Go programs hang in epoll_wait(2), and Python read
// nothing, without an error.
func TestRateLimitedReadIsNotTakenForNoData(t *testing.T) {
	r := simpleRig(t, Config{})
	cmd := exec.Command("sh", "-c", `exec 3<"$0" && echo opened && read -r go && cat <&3`, r.path("C1", "a.pdf"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("opened\n"))); err != nil {
		t.Fatal(err)
	}
	r.store.fail(apiclient.ErrRateLimited)
	io.WriteString(in, "go\n")
	if err := cmd.Wait(); err == nil || !strings.Contains(text.String(), "resource busy") {
		t.Errorf("read: %v, %s", err, text.String())
	}
}

// A name that is not known is only absent if the listing is fresh.
func TestNoSuchFileOnlyFromFresh(t *testing.T) {
	r := simpleRig(t, Config{})
	stale := fakeListing("C1", nil)
	stale.Stale = fmt.Errorf("no answer: %w", apiclient.ErrUnreachable)
	r.catalog.mu.Lock()
	r.catalog.listings["C1"] = stale
	r.catalog.mu.Unlock()
	r.wantError("No route to host", "cat", r.path("C1", "c.pdf"))
	r.catalog.set("C1")
	r.wantError("No such file", "cat", r.path("C1", "c.pdf"))
	r.catalog.fail(apiclient.ErrTimeout)
	if _, err := r.run("ls", r.dir); err == nil || !strings.Contains(err.Error(), "Connection timed out") {
		t.Errorf("ls without an API: %v", err)
	}
}
