package httpfile

import (
	"context"
	"errors"
	"net/http"

	"ccsfs/apiclient"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// Status is the one place where an error becomes a status. "Not found" is by a listing
// that is fresh: what an old one does not have is not available now. What the API answers
// wrongly is a bad gateway, and that it cannot be reached, a service that is not available.
func Status(err error) int {
	var old *folder.OldError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &old):
		return http.StatusServiceUnavailable
	}
	for _, row := range [...]struct {
		cause  error
		status int
	}{
		{context.Canceled, http.StatusServiceUnavailable}, // the client has left, or this server is about to
		{context.DeadlineExceeded, http.StatusGatewayTimeout},
		{apiclient.ErrTimeout, http.StatusGatewayTimeout},
		{apiclient.ErrUnauthorized, http.StatusForbidden}, // this server's own: nobody is to be asked for a password
		{apiclient.ErrForbidden, http.StatusForbidden},
		{apiclient.ErrRateLimited, http.StatusServiceUnavailable},
		{apiclient.ErrNotFound, http.StatusNotFound},
		{folder.ErrHidden, http.StatusNotFound},
		{content.ErrChanged, http.StatusServiceUnavailable},
		{content.ErrClosed, http.StatusServiceUnavailable},
		{apiclient.ErrUnreachable, http.StatusServiceUnavailable},
	} {
		if errors.Is(err, row.cause) {
			return row.status
		}
	}
	return http.StatusBadGateway
}

// Passing reports whether an error is about the moment, or the client, and not about a
// document. One whose answer began and then broke off or stood still may be the document's
// own, for ever, as long as others can be had.
func Passing(err error) bool {
	for _, cause := range [...]error{
		context.Canceled, context.DeadlineExceeded, content.ErrClosed, apiclient.ErrRateLimited, apiclient.ErrUnauthorized,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	if apiclient.Outage(err) {
		return true
	}
	var e *apiclient.Error
	answered := errors.As(err, &e) && (e.Status != 0 || e.RequestID != "")
	return !answered && (errors.Is(err, apiclient.ErrTimeout) || errors.Is(err, apiclient.ErrUnreachable))
}

// Headers sets the headers of an error: when to come again, and that it is not kept.
func Headers(h http.Header, status int) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("ETag")
	h.Del("Last-Modified")
	h.Del("Content-Disposition")
	if status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout {
		h.Set("Retry-After", retryAfter)
	}
}

// retryAfter is when a client may come again, in seconds: by then an outage that has just
// begun is known for one, and asking costs nothing.
const retryAfter = "30"
