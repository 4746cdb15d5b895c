package value

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// Listen takes a port, or a host and a port. Where no host is named it is
// this machine: who wants others to connect says so, with 0.0.0.0 or [::].
func Listen(text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errors.New("is not an address and port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", errors.New("has no port number from 0 to 65535 after the colon")
	}
	if strings.ContainsFunc(host, isControl) || strings.Contains(host, " ") {
		return "", errors.New("is not an address and port")
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
