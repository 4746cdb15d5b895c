package apiclient

import (
	"io"
	"net/http"
	"time"
)

const headerRequestID = "X-OAPI-Request-Id"

// Hints that more than one error gives.
const (
	hintProxy       = "a VPN or a proxy often does this: check the network and the API URL"
	hintCredentials = "check the client id and the client secret"

	hintToken = "check that the API key belongs to the application of the client id, and that its access was not withdrawn"
)

// The codes of the API's error bodies that are branched on.
const (
	codeInternal    = 1
	codeUnavailable = 5
	codeCapacity    = 6
	codeTooMany     = 53
)

// refused makes the error of an answer that is none of 200, 206 and 304. It is
// the one place where statuses become errors.
func (s *sender) refused(cl *call, resp *http.Response) *Error {
	body := readCapped(resp.Body, maxErrorBytes)
	resp.Body.Close()
	told := parseErrorBody(body)
	e := s.told(cl, told)
	e.Status, e.foreign = resp.StatusCode, cl.foreign
	e.RequestID = s.requestID(resp)
	e.retryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	e.hint, e.kind = statusKind(e.Status, e.Code)
	e.final = e.Status == http.StatusNotImplemented || e.Status == http.StatusHTTPVersionNotSupported
	if cl.gateway && resp.Header.Get(settledHeader) != "" {
		e.settled, e.final = true, true
	}
	about := !e.is(ErrRateLimited) && !e.is(ErrServer) && !e.is(ErrTimeout)
	switch {
	case about && cl.foreign:
		// A refusal by a storage host says nothing about the account.
		e.kind, e.hint = ErrProtocol, ""
		e.Message = orDefault(e.Message, "refused by "+s.clean.clean(resp.Request.URL.Host)+", to which the API redirected")
	case about && isMarkup(resp.Header.Get("Content-Type"), body):
		e.kind, e.hint = ErrProtocol, hintProxy
		e.Message = errMarkup.Error()
	case e.Message == "" && e.Status/100 == 3:
		e.Message = "a redirect without a target"
	}
	return e
}

// told makes an error of what a body says; the caller knows the rest.
func (s *sender) told(cl *call, told errorBody) *Error {
	return &Error{
		Op:          cl.op,
		Code:        told.Code,
		Message:     s.clean.clean(orDefault(told.Message, told.OAuth)),
		Description: s.clean.clean(told.Description),
	}
}

func (s *sender) requestID(resp *http.Response) string {
	return shorten(s.clean.clean(resp.Header.Get(headerRequestID)), 128)
}

// statusKind maps an HTTP status and the code of the body to a sentinel.
func statusKind(status, code int) (hint string, kind error) {
	switch status {
	case http.StatusUnauthorized:
		return hintToken, ErrUnauthorized
	case http.StatusForbidden, http.StatusUnavailableForLegalReasons:
		if code == codeTooMany {
			return "wait, or lower the rate limit", ErrRateLimited
		}
		return "", ErrForbidden
	case http.StatusNotFound, http.StatusGone:
		return "", ErrNotFound
	case http.StatusTooManyRequests:
		return "wait, or lower the rate limit", ErrRateLimited
	case http.StatusRequestTimeout: // of the server's own making, and may be sent again: RFC 9110, 15.5.9
		return "", ErrServer
	case http.StatusProxyAuthRequired:
		return "the proxy asks for a user name and password: put them in HTTPS_PROXY", ErrUnreachable
	}
	switch {
	case status >= 500:
		return "", ErrServer
	case status >= 400:
		return "", ErrInvalid
	}
	return "", ErrProtocol
}

// odd makes the error of an answer with a good status that is not what the API
// promises.
func (s *sender) odd(cl *call, resp *http.Response, message string) *Error {
	e := cl.fail(ErrProtocol, s.clean.clean(message))
	e.Status = resp.StatusCode
	e.RequestID = s.requestID(resp)
	return e
}

// disguised makes the error of an error object with status 200. Only what may
// pass by itself is believed; a refusal in this shape has never been seen, and
// would make documents disappear.
func (s *sender) disguised(cl *call, resp *http.Response, told errorBody) *Error {
	e := s.told(cl, told)
	e.Status = resp.StatusCode
	e.RequestID = s.requestID(resp)
	e.final = true
	switch told.Code {
	case codeTooMany:
		e.kind = ErrRateLimited
	case codeInternal, codeUnavailable, codeCapacity: // which passes, as it does with a status of its own
		e.kind, e.final = ErrServer, false
	default:
		e.kind = ErrProtocol
		e.hint = "an error object in place of the answer"
	}
	return e
}

// readCapped reads what comes of an error's body, up to a limit.
func readCapped(r io.Reader, limit int64) []byte {
	b, _ := io.ReadAll(io.LimitReader(r, limit)) // cut or not, the status tells enough
	return b
}
