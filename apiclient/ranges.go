package apiclient

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// contentRange is the header Content-Range of a 206: bytes First-Last/Total.
type contentRange struct {
	First, Last int64
	Total       int64 // -1: not known
}

// parseContentRange reads "bytes 5-9/10" and "bytes 5-9/*" (RFC 9110, 14.4).
func parseContentRange(s string) (r contentRange, ok bool) {
	rest, found := cutPrefixFold(strings.TrimSpace(s), "bytes")
	if !found || rest == "" || rest[0] != ' ' {
		return r, false
	}
	span, total, found1 := strings.Cut(strings.TrimSpace(rest), "/")
	first, last, found2 := strings.Cut(span, "-")
	if !found1 || !found2 {
		return r, false
	}
	var ok1, ok2, ok3 bool
	r.First, ok1 = parseDigits(first)
	r.Last, ok2 = parseDigits(last)
	r.Total, ok3 = parseDigits(total)
	if strings.TrimSpace(total) == "*" {
		r.Total, ok3 = -1, true
	}
	ok = ok1 && ok2 && ok3 && r.First <= r.Last && (r.Total < 0 || r.Last < r.Total)
	return r, ok
}

// parseDigits reads a number of digits only, no sign.
func parseDigits(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n < 1<<62
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// maxRetryAfter is more than is ever waited; larger values are cut to it.
const maxRetryAfter = 24 * time.Hour

// parseRetryAfter reads the header Retry-After: seconds or a date (RFC 9110,
// 10.2.3). It returns 0 for none, one in the past, or one that makes no sense.
func parseRetryAfter(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if seconds, ok := parseDigits(s); ok {
		return time.Duration(min(seconds, int64(maxRetryAfter/time.Second))) * time.Second
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	return min(max(t.Sub(now), 0), maxRetryAfter)
}
