package apiclient

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const maxRedirects = 5

// Headers that only the API may see. Go itself drops Authorization on another
// host, but not on a subdomain or another port, and keeps the others.
const (
	headerAPIKey   = "X-API-Key"
	headerContract = "X-ECCS-Contract-Id"
)

// redirectError refuses a redirect. Its text has no query, which may be a
// signature.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

// checkedTransport refuses a Location that is no URL. http.Client would make an
// error of it that cannot be told from a broken connection, and quotes it.
type checkedTransport struct{ *http.Transport }

func (t checkedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode/100 != 3 {
		return resp, err
	}
	if _, err := req.URL.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, &redirectError{"redirect to something that is no URL"}
	}
	return resp, nil
}

// redirectPolicy is http.Client.CheckRedirect. Once a redirect has left the
// origin of the request, secrets are not sent again, even if it comes back:
// what then answers was chosen by a stranger.
func redirectPolicy(insecure bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		from, to := via[len(via)-1].URL, req.URL
		switch {
		case len(via) > maxRedirects:
			return &redirectError{fmt.Sprintf("more than %d redirects", maxRedirects)}
		case to.Scheme != "https" && to.Scheme != "http":
			return &redirectError{fmt.Sprintf("redirect to the scheme %q", to.Scheme)}
		case from.Scheme == "https" && to.Scheme != "https":
			return &redirectError{fmt.Sprintf("redirect from https to plain http on %s", to.Host)}
		case to.Scheme == "http" && !insecure && !isLoopback(to.Hostname()):
			return &redirectError{fmt.Sprintf("redirect to plain http on %s", to.Host)}
		}
		cl := callOf(req)
		cl.foreign = cl.foreign || !sameOrigin(via[0].URL, to)
		if cl.foreign {
			for _, name := range []string{"Authorization", headerAPIKey, headerContract, "Referer", "Cookie"} {
				req.Header.Del(name)
			}
		}
		return nil
	}
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
