// Package cookies is what the page has a browser keep: the language that was chosen, and when
// it was here before. The server keeps nothing of it, and no secret is in it.
package cookies

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// When a browser was here before: a cookie of two times, in Unix seconds: when the visit
// before this one ended, and when this one was last heard of. The server keeps nothing.

// Visits is its name.
const Visits = "visits"

// visitGap is after how long without a page another visit begins.
const visitGap = 30 * time.Minute

// kept is how long the browser keeps cookies.
const kept = 400 * 24 * time.Hour // what browsers allow

// Visit notes that a browser is here, and returns when its visit before this one ended; zero
// on the first.
func Visit(w http.ResponseWriter, r *http.Request, now time.Time) time.Time {
	before, last := time.Time{}, time.Time{}
	if c, err := r.Cookie(Visits); err == nil {
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
	Set(w, r, Visits, value+"."+strconv.FormatInt(now.Unix(), 10))
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

// Set has the browser keep a value.
func Set(w http.ResponseWriter, r *http.Request, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(kept / time.Second), HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode})
}
