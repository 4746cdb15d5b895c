package apisim

import (
	"net/http"
	"strconv"
)

// Orange's error codes (api.md), by which clients must branch: a 403 may be
// a refusal (50) or a rate limit (53).
const (
	codeInternal    = 1
	codeUnavailable = 5
	codeMissingHead = 25
	codeBadQuery    = 28
	codeNoAuth      = 40
	codeBadAuth     = 41
	codeExpired     = 42
	codeDenied      = 50
	codeTooMany     = 53
	codeNotFound    = 60
	codeMethod      = 61
	codeNotAccepted = 62
)

const (
	infoURL          = "https://developer.orange.com"
	requestIDHeader  = "X-OAPI-Request-Id"
	apiKeyHeader     = "X-API-Key"
	contractIDHeader = "X-ECCS-Contract-Id"
)

// apiError is an answer in the form of Orange's platform.
type apiError struct {
	status, code int
	description  string
}

func fail(status, code int, description string) *apiError {
	return &apiError{status, code, description}
}

// messageOf is the message that goes with a code.
func messageOf(code int) string {
	messages := map[int]string{
		1:  "Internal error",
		5:  "The service is temporarily unavailable",
		6:  "Over capacity",
		20: "Invalid URL parameter value",
		25: "Missing header",
		26: "Invalid header value",
		27: "Missing query-string parameter",
		28: "Invalid query-string parameter value",
		40: "Missing credentials",
		41: "Invalid credentials",
		42: "Expired credentials",
		50: "Access denied",
		51: "Forbidden requester",
		52: "Forbidden user",
		53: "Too many requests",
		60: "Resource not found",
		61: "Method not allowed",
		62: "Not acceptable",
		63: "Request time-out",
		69: "Conflict",
	}
	if m, ok := messages[code]; ok {
		return m
	}
	return "Error " + strconv.Itoa(code)
}

// body is {"code","message","description","infoURL"}.
func (e *apiError) body() string {
	var o object
	o.num("code", e.code)
	o.str("message", messageOf(e.code))
	o.str("description", e.description)
	o.str("infoURL", infoURL)
	return o.end()
}

// write sends the error.
func (e *apiError) write(w http.ResponseWriter) {
	writeBody(w, e.status, "application/json", e.body())
}

// writeBody sends a small body with its length.
func writeBody(w http.ResponseWriter, status int, contentType, body string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that left is no concern of the server's.
	_, _ = w.Write([]byte(body))
}
