package value

import (
	"errors"
	"path/filepath"
	"strings"
)

// Socket takes what Listen does, or unix: and the absolute path of a socket.
func Socket(text string) (string, error) {
	path, unix := strings.CutPrefix(text, "unix:")
	if !unix {
		return Listen(text)
	}
	if !filepath.IsAbs(path) || strings.ContainsFunc(path, isControl) {
		return "", errors.New("has no absolute path after the colon")
	}
	return "unix:" + filepath.Clean(path), nil
}

// User takes the name of a user as basic authentication can send it.
func User(text string) (string, error) {
	if text == "" || strings.ContainsAny(text, ":\"\\") || strings.ContainsFunc(text, isControl) || len(text) > 64 {
		return "", errors.New("is no name of a user: no colons, quotes and control characters, and at most 64 bytes")
	}
	return text, nil
}
