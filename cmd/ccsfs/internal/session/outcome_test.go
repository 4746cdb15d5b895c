package session

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name      string
		errs      []error
		succeeded int
		short     shortage
		code      int
		want      string
	}{
		{name: "none"},
		{name: "some", errs: []error{apiclient.ErrUnreachable}, succeeded: 1, code: exitcode.Some, want: "ccsfs: x: API out of reach\n"},
		{name: "unreachable", errs: []error{apiclient.ErrTimeout}, code: exitcode.Unreachable, want: "HTTPS_PROXY"},
		{name: "refused", errs: []error{apiclient.ErrForbidden, apiclient.ErrTimeout}, code: exitcode.Settings, want: "CCSFS_API_KEY"},
		{name: "not found", errs: []error{apiclient.ErrNotFound}, code: exitcode.Failed, want: "ccsfs: x: not found\n"},
		{name: "cancelled", errs: []error{apiclient.ErrTimeout, context.Canceled}, succeeded: 3, code: exitcode.Failed},
		{name: "of its own", errs: []error{exitcode.Errorf(exitcode.Mount, "x is broken")}, code: exitcode.Mount, want: "ccsfs: x is broken\n"},
		{name: "many", errs: make([]error, 25), code: exitcode.Failed, want: "… and 15 more failed"},
		{name: "short", short: shortage{[]string{"a\nb"}, true}, code: exitcode.Some, want: "ccsfs: a?b\n"},
		{name: "only said", short: shortage{[]string{"a"}, false}, code: exitcode.Done, want: "ccsfs: a\n"},
		{name: "all failed, and short", errs: []error{apiclient.ErrTimeout}, short: shortage{[]string{"a"}, true}, code: exitcode.Unreachable, want: "ccsfs: a\n"},
	} {
		env, _, stderr := cmdtest.Environment(t)
		f := Failures{Succeeded: tt.succeeded}
		for _, err := range tt.errs {
			if err == nil {
				err = errors.New("reason")
			}
			f.Add("x", err)
		}
		if got := exitcode.Of(f.resultWith(env, tt.short)); got != tt.code || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: code %d\n%s", tt.name, got, stderr)
		}
		if n := strings.Count(stderr.String(), "\nccsfs: x: reason"); n > maxNamed {
			t.Errorf("%s: %d named", tt.name, n)
		}
		if tt.want == "" && stderr.Len() > 0 && !bytes.Contains(stderr.Bytes(), []byte("x: ")) {
			t.Errorf("%s: %s", tt.name, stderr)
		}
	}
}
