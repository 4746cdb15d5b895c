package page

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// When a browser was here before: a cookie of two times, in Unix seconds: when the visit
// before this one ended, and when this one was last heard of. The server keeps nothing.

// visitsCookie is its name.
const visitsCookie = "visits"

// visitGap is after how long without a page another visit begins.
const visitGap = 30 * time.Minute

// kept is how long the browser keeps cookies.
const kept = 400 * 24 * time.Hour // what browsers allow

// visit notes that a browser is here, and returns when its visit before this one ended; zero
// on the first.
func visit(q *request, now time.Time) time.Time {
	before, last := time.Time{}, time.Time{}
	if c, err := q.Cookie(visitsCookie); err == nil {
		a, b, _ := strings.Cut(c.Value, ".")
		before, last = unix(a, now), unix(b, now)
	}
	if !last.IsZero() && now.Sub(last) > visitGap {
		before = last
	}
	value := "0"
	if !before.IsZero() {
		value = strconv.FormatInt(before.Unix(), 10)
	}
	http.SetCookie(q.w, cookie(q, visitsCookie, value+"."+strconv.FormatInt(now.Unix(), 10)))
	return before
}

// unix reads a time of the cookie, zero if it is none that has been.
func unix(text string, now time.Time) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > now.Unix() {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

func cookie(q *request, name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(kept / time.Second), HttpOnly: true, Secure: q.TLS != nil, SameSite: http.SameSiteLaxMode}
}
