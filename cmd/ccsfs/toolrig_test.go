package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// asContent makes a Content of something simpler.
func asContent(f func(version int) *strings.Reader) apisim.Content {
	return func(version int) (io.ReadSeeker, error) { return f(version), nil }
}

// expire lets a validity of one second, the shortest that can be set, pass.
func expire(t *testing.T) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond)
}
