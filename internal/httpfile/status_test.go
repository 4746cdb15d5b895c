package httpfile

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 200},
		{&folder.NotFoundError{Path: "x"}, 404},
		{&folder.HiddenError{Name: "x"}, 404},
		{&folder.OldError{Path: "x", Cause: apiclient.ErrUnreachable}, 503},
		{&folder.OldError{Path: "x", Cause: apiclient.ErrNotFound}, 503}, // nobody knows
		{fmt.Errorf("listing: %w", apiclient.ErrForbidden), 403},
		{apiclient.ErrUnauthorized, 403},
		{apiclient.ErrCredentials, 403},
		{apiclient.ErrRateLimited, 503},
		{apiclient.ErrUnreachable, 503},
		{apiclient.ErrTimeout, 504},
		{context.DeadlineExceeded, 504},
		{fmt.Errorf("%w: %w", context.Canceled, apiclient.ErrNotFound), 503},
		{apiclient.ErrServer, 502},
		{content.ErrNotDocument, 502},
		{content.ErrOffline, 503},
		{content.ErrChanged, 503},
		{errors.New("the disk"), 502},
	} {
		if got := Status(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}
