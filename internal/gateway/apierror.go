package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/internal/folder"
)

// Errors in the form of the API, and what an error of this side is there.

// Codes of Orange's platform, by which clients branch.
const (
	codeInternal      = 1
	codeUnavailable   = 5
	codeTimeout       = 6
	codeMissingHeader = 25
	codeBadQuery      = 28
	codeNoCredentials = 40
	codeBad           = 41
	codeExpired       = 42
	codeDenied        = 50
	codeNotFound      = 60
	codeMethod        = 61
	codeNotAccepted   = 62
)

// Headers of the API.
const (
	requestIDHeader = "X-OAPI-Request-Id"
	contractHeader  = "X-ECCS-Contract-Id"
	keyHeader       = "X-API-Key"
)

// comeAgain is what is said of when an answer may be had, in seconds: clients wait for it.
const comeAgain = "5"

// settledHeader tells a ccsfs that an error came of asking the API as often as is worthwhile,
// and is about this alone: it does not ask again at once, nor wait as in an outage.
const settledHeader = "X-Ccsfs-Settled"

// apiError is an error as the API has them.
type apiError struct {
	status, code int
	description  string
	settled      bool // see settledHeader
}

func fail(status, code int, description string) *apiError {
	return &apiError{status: status, code: code, description: description}
}

// messages are what goes with a code.
func message(code int) string {
	switch code {
	case codeInternal:
		return "Internal error"
	case codeUnavailable:
		return "The service is temporarily unavailable"
	case codeTimeout:
		return "Over capacity"
	case codeMissingHeader:
		return "Missing header"
	case codeBadQuery:
		return "Invalid query-string parameter value"
	case codeNoCredentials:
		return "Missing credentials"
	case codeBad:
		return "Invalid credentials"
	case codeExpired:
		return "Expired credentials"
	case codeDenied:
		return "Access denied"
	case codeNotFound:
		return "Resource not found"
	case codeMethod:
		return "Method not allowed"
	case codeNotAccepted:
		return "Not acceptable"
	}
	return "Error " + strconv.Itoa(code)
}

// write answers with the error.
func (e *apiError) write(w http.ResponseWriter) {
	if e.status == http.StatusServiceUnavailable || e.status == http.StatusGatewayTimeout {
		w.Header().Set("Retry-After", comeAgain)
	}
	if e.settled {
		w.Header().Set(settledHeader, "yes")
	}
	writeJSON(w, e.status, struct {
		Code        int    `json:"code"`
		Message     string `json:"message"`
		Description string `json:"description"`
	}{e.code, message(e.code), e.description})
}

// writeJSON answers with a value, whole, and its length.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // what the API said as "R&D" is said so
	err := enc.Encode(v)
	body := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	if err != nil { // of no value of ours
		status, body = http.StatusInternalServerError, []byte(`{"code":1,"message":"Internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may have left
}

// of is what an error of this side is to a client.
func of(err error) *apiError {
	e := kindOf(err)
	e.settled = e.status >= http.StatusInternalServerError && apiclient.Settled(err)
	return e
}

// kindOf is of, but for whether there is use in asking again. What is about the gateway's own
// access is not the client's fault, and passes: its token and its key are good.
func kindOf(err error) *apiError {
	say := func(status, code int) *apiError { return fail(status, code, plain(err)) }
	var old *folder.OldError
	switch {
	case errors.As(err, &old):
		return say(http.StatusServiceUnavailable, codeUnavailable)
	case errors.Is(err, apiclient.ErrUnauthorized), errors.Is(err, apiclient.ErrCredentials):
		return fail(http.StatusServiceUnavailable, codeUnavailable, "The gateway is refused by the API itself: "+plain(err))
	case errors.Is(err, apiclient.ErrForbidden):
		return say(http.StatusForbidden, codeDenied)
	case errors.Is(err, apiclient.ErrNotFound):
		return say(http.StatusNotFound, codeNotFound)
	case errors.Is(err, apiclient.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return say(http.StatusGatewayTimeout, codeTimeout)
	case errors.Is(err, apiclient.ErrRateLimited), errors.Is(err, apiclient.ErrUnreachable), errors.Is(err, context.Canceled):
		return say(http.StatusServiceUnavailable, codeUnavailable)
	case errors.Is(err, apiclient.ErrProtocol), errors.Is(err, apiclient.ErrInvalid):
		return say(http.StatusBadGateway, codeInternal)
	}
	return say(http.StatusServiceUnavailable, codeUnavailable)
}

// plain is an error in one line.
func plain(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// newRequestID names an answer, for the log of who got it.
func newRequestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // it never fails
	return "ccsfs-" + hex.EncodeToString(b[:])
}
